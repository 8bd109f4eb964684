"""Every fault of the catalogue: what it changes, and what it leaves alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from edgeq.errors import ModelError, WorkerError
from edgeq.faults.fault import Fault, Faulty, NotApplicableError, faults
from edgeq.faults.good import Good
from edgeq.run.session import Session
from edgeq.run.targets import local_target
from edgeq.tflite.model_file import read_model
from tests.unit.faults import project

EVERY = [one for _, one in faults()]
CONTROLS = [one for one in EVERY if one.control]
FAULTS = [one for one in EVERY if not one.control]
UNREADABLE = {"cut_short", "cut_in_half", "graph_bits_flipped"}
SAME_ANSWERS = {"float_island", "more_partitions"}  # a matter of types and of time
NOT_FOR_INT8 = {"range_minus_1_1", "reordered_operators"}
NOT_IN_THIS_NETWORK = {
    "activation_lost",
    "padding_other",
    "block_dropped",
    "shortcut_dropped",
    "gate_dropped",
    "normalisation_other",
    "unfused_activation",
}  # see test_structure.py
NOT_FOR_A_CLASSIFIER = {
    "boxes_shifted",
    "boxes_transposed",
    "scores_clipped",
    "outputs_swapped",
    "heads_swapped",
    "one_scale",
    "letterbox",
    "values_permuted",
    "points_transposed",
    "picture_channels_swapped",
    "foreground_swapped",
    "dimension_dead",
    "not_normalised",
    "map_shifted",
    "values_shifted",
    "head_dead",
    "outputs_share_scale",
}  # see test_boxes.py and test_values.py
METHODS = ("float16", "dynamic_range", "weight_only_int8", "int16x8")

Scores = npt.NDArray[np.float32]


class Runner:
    """Runs files on the evaluation set, in one worker for as long as it lives."""

    def __init__(self, good: Good, folder: Path) -> None:
        self._good, self._folder = good, folder
        self._session: Session | None = None

    def scores(self, made: Faulty) -> Scores:
        path = self._folder / "one.tflite"
        path.write_bytes(self._good.content if made.content is None else made.content)
        how = made.preprocessing or self._good.variant.preprocessing
        pixels = self._good.variant.run.inputs("net").images.stream(how).every(1)
        session = self._session = self._session or Session(
            local_target(), timeout_s=60, memory_limit=None
        )
        try:
            loaded = session.load(path, threads=1, kernels="xnnpack")
            return session.infer(loaded.handle, pixels, how).outputs[0]
        except WorkerError:
            self.close()
            raise

    def close(self) -> None:
        if self._session is not None:
            self._session.close()
        self._session = None


@pytest.fixture(scope="module")
def runner(good: Good, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    made = Runner(good, tmp_path_factory.mktemp("runner"))
    yield made
    made.close()


def named(one: Fault) -> str:
    return one.name


@pytest.mark.parametrize("one", FAULTS, ids=named)
def test_a_fault_changes_what_the_variant_says_or_does(
    one: Fault, good: Good, runner: Runner
) -> None:
    if one.name in NOT_FOR_INT8 | NOT_IN_THIS_NETWORK | NOT_FOR_A_CLASSIFIER:
        with pytest.raises(NotApplicableError):
            one.make(good)
        return
    made = one.make(good)
    if made.labels is not None:
        assert made.labels.shape == good.evaluation_labels.shape
        assert (made.labels != good.evaluation_labels).any()
    elif made.calibration is not None:
        evaluation = good.variant.inputs.images.evaluation
        assert evaluation is not None
        assert {one.sha256 for one in made.calibration} & {one.sha256 for one in evaluation.photos}
    elif made.conduct is not None:
        assert made.content is None
        assert made.conduct["do"]
    elif made.calibration is not None:
        assert made.content is None
        evaluation = good.variant.inputs.images.evaluation
        assert evaluation is not None
        assert set(made.calibration) & set(evaluation.photos)
    elif made.photographs is not None:
        _require_other_photographs(made.photographs, good)
    elif one.name in UNREADABLE:
        _require_unreadable(made.content or b"", runner)
    elif one.name in SAME_ANSWERS:
        assert made.content != good.content
        np.testing.assert_allclose(runner.scores(made), runner.scores(Faulty()), atol=0.02)
    else:
        _require_other_answers(made, runner)


def _require_other_photographs(folder: Path, good: Good) -> None:
    evaluation = good.variant.inputs.images.evaluation
    assert evaluation is not None
    for photo in evaluation.photos:
        with Image.open(photo.path) as before, Image.open(folder / photo.name) as after:
            assert before.size == after.size
            assert before.tobytes() != after.tobytes()


def _require_unreadable(content: bytes, runner: Runner) -> None:
    with pytest.raises((ModelError, WorkerError)):
        runner.scores(Faulty(content=content))


def _require_other_answers(made: Faulty, runner: Runner) -> None:
    try:
        scores = runner.scores(made)
    except WorkerError:
        return  # the runtime refuses it: that is loud enough
    assert (scores != runner.scores(Faulty())).any()


@pytest.mark.parametrize("one", CONTROLS, ids=named)
def test_a_control_changes_the_file_and_no_answer(one: Fault, good: Good, runner: Runner) -> None:
    if one.name in NOT_FOR_INT8 | NOT_IN_THIS_NETWORK:
        with pytest.raises(NotApplicableError):
            one.make(good)
        return
    made = one.make(good)
    assert made.content != good.content
    tolerance = 0.05 if one.name == "other_rounding" else 0.0
    np.testing.assert_allclose(runner.scores(made), runner.scores(Faulty()), atol=tolerance)


@pytest.mark.parametrize("method", METHODS)
def test_faults_of_other_methods_leave_a_file_that_can_be_read(
    root: Path, tmp_path: Path, method: str
) -> None:
    variant = project.good(root, method)
    changed = 0
    for one in EVERY:
        try:
            made = one.make(variant)
        except NotApplicableError as reason:
            assert str(reason)  # noqa: PT017 - every reason is for a reader
            continue
        if made.content is None or one.name in UNREADABLE:
            continue
        assert made.content != variant.content
        path = tmp_path / f"{one.name}.tflite"
        path.write_bytes(made.content)
        assert read_model(path).operators
        changed += 1
    assert changed >= 20


def test_operators_that_do_not_depend_on_each_other_change_places(
    root: Path, runner: Runner
) -> None:
    variant = project.good(root, "weight_only_int8")
    (one,) = (one for one in CONTROLS if one.name == "reordered_operators")
    made = one.make(variant)
    assert variant.content != made.content
    before = runner.scores(Faulty(content=variant.content))
    np.testing.assert_array_equal(runner.scores(made), before)
