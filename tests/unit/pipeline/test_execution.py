from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import numpy as np
import pytest

from edgeq.errors import ImageError, ModelRefusedError
from edgeq.pipeline.execution import Executor
from edgeq.pipeline.run import Run
from edgeq.pipeline.variant import VariantUnderTest
from edgeq.run.targets import local_target
from edgeq.samples import stream as module
from edgeq.samples.labels import LabelSet
from edgeq.store.content import Store
from tests.unit.pipeline.project import EVALUATION, NAMES, spec, variant
from tests.unit.samples.pictures import save


@pytest.fixture
def model(run: Run) -> VariantUnderTest:
    return run.baseline("net")


@pytest.fixture
def idle(run: Run, monkeypatch: pytest.MonkeyPatch) -> Executor:
    """Return an executor on the same store that must not start a worker."""
    executor = Executor(local_target(), run.spec.run, Store(run.store.root), run.say)

    def refuse(key: str) -> NoReturn:
        pytest.fail(f"a worker was started for {key}")

    monkeypatch.setattr(executor.workers, "fresh", refuse)
    return executor


def test_answers_are_in_the_classes_of_the_labels_and_kept(
    run: Run, idle: Executor, model: VariantUnderTest
) -> None:
    found = run.executor.answers(model)
    assert found.scores.shape == found.logits.shape == (EVALUATION, len(NAMES))
    assert found.is_probability
    assert found.logits_source == "softmax_input"
    assert found.scores.sum(axis=1) == pytest.approx(np.ones(EVALUATION), abs=1e-5)
    again = idle.answers(model)
    assert np.array_equal(again.scores, found.scores)
    assert np.array_equal(again.logits, found.logits)


def test_what_an_interrupted_evaluation_finished_is_kept(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PORTION", 4)
    store = Store(tmp_path)
    told: list[str] = []

    def interrupt(line: str) -> None:
        told.append(line)
        if line.endswith("6 of 10"):
            raise KeyboardInterrupt

    model = Run(run.spec, store=store).baseline("net")
    with pytest.raises(KeyboardInterrupt):
        Executor(local_target(), run.spec.run, store, interrupt).answers(model)
    told.clear()
    later = Executor(local_target(), run.spec.run, store, told.append)
    found = later.answers(model)
    assert told[-1] == "net/baseline: evaluating images, 7 of 7"
    whole = run.executor.answers(run.baseline("net"))
    assert np.array_equal(found.scores, whole.scores)
    assert np.array_equal(found.logits, whole.logits)


def test_only_new_photographs_are_run(run: Run, tmp_path: Path) -> None:
    shutil.copytree(run.spec.root, tmp_path, dirs_exist_ok=True)
    save(tmp_path / "evaluation" / "1" / "00.png", seed=500)  # not the last one by name
    changed = Run(spec(tmp_path))
    told: list[str] = []
    executor = Executor(local_target(), changed.spec.run, run.store, told.append)
    before = run.executor.answers(run.baseline("net"))
    found = executor.answers(changed.baseline("net"))
    assert told[-1] == "net/baseline: evaluating images, 1 of 1"
    evaluation = changed.inputs("net").images.evaluation
    assert evaluation is not None
    new = [photo.name for photo in evaluation.photos].index("1/00.png")
    assert np.array_equal(np.delete(found.scores, new, axis=0), before.scores)
    assert len(found.scores) == EVALUATION + 1


def labelled(run: Run, labels: LabelSet | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(VariantUnderTest, "labels", labels)


def test_a_background_is_no_class(
    run: Run, model: VariantUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run.executor.answers(model)
    labelled(run, LabelSet("four", NAMES[1:], background=True), monkeypatch)
    found = run.executor.answers(model)
    assert np.array_equal(found.scores, whole.scores[:, 1:])
    assert np.array_equal(found.logits, whole.logits[:, 1:])


def test_labels_that_do_not_fit_are_refused(
    run: Run, model: VariantUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    labelled(run, LabelSet("three", NAMES[:3]), monkeypatch)
    with pytest.raises(ImageError, match="these labels are for 3 outputs"):
        run.executor.answers(model)


def test_without_labels_every_output_is_a_class(
    run: Run, model: VariantUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    labelled(run, None, monkeypatch)
    assert run.executor.answers(model).scores.shape == (EVALUATION, len(NAMES))


def test_how_a_model_loads_is_kept(run: Run, idle: Executor, model: VariantUnderTest) -> None:
    found = run.executor.load(model)
    assert found.operators == 3
    assert found.kernels == run.spec.run.kernels
    assert idle.load(model) == found


def test_a_model_that_does_not_load_is_tried_again(
    run: Run, model: VariantUnderTest, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = variant(run, "other")
    sha256 = "0" * 64  # of a file that nobody has loaded
    monkeypatch.setattr(VariantUnderTest, "path", project / "cut.tflite")
    monkeypatch.setattr(VariantUnderTest, "sha256", sha256)
    for _ in range(2):
        with pytest.raises(ModelRefusedError) as caught:
            run.executor.load(other)
        assert caught.value.where == "net/other"


def test_memory_is_kept(run: Run, idle: Executor, model: VariantUnderTest) -> None:
    shape = (4, 4, 3)
    found = run.executor.memory(model, shape, ("a",), lambda: np.zeros((2, *shape), np.uint8))
    assert 0 <= found.added < found.peak
    kept = idle.memory(model, shape, ("a",), lambda: pytest.fail("a photograph was decoded"))
    assert kept == found


@pytest.mark.parametrize(
    "change", [{"threads": 2}, {"kernels": "reference"}], ids=["threads", "kernels"]
)
def test_other_circumstances_are_another_address(
    run: Run, model: VariantUnderTest, change: dict[str, Any]
) -> None:
    changed = msgspec.structs.replace(run.spec.run, **change)
    other = Executor(local_target(), changed, run.store, run.say)
    assert dict(other._facts(model)) != dict(run.executor._facts(model))
