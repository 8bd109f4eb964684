from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

import msgspec
import numpy as np
import pytest

from edgeq.errors import ImageError, ModelRefusedError
from edgeq.files import sha256_file
from edgeq.images.decode import Pixels
from edgeq.images.labels import LabelSet
from edgeq.pipeline.execution import Executable, Executor, processor_name, runtime_facts
from edgeq.pipeline.run import Run
from edgeq.run.targets import local_target
from edgeq.spec.structs import Preprocessing
from edgeq.store import Store
from tests.unit.pipeline.project import EVALUATION, NAMES

LABELS = LabelSet("fruit", NAMES)


def model(run: Run, name: str = "net", labels: LabelSet | None = LABELS) -> Executable:
    path = run.spec.root / f"{name}.tflite"
    return Executable(f"net/{name}", path, sha256_file(path), Preprocessing(), labels)


@pytest.fixture
def pixels(run: Run) -> Pixels:
    return run.inputs("net").pixels(Preprocessing())


@pytest.fixture
def idle(run: Run, monkeypatch: pytest.MonkeyPatch) -> Executor:
    """Return an executor on the same store that must not start a worker."""
    executor = Executor(local_target(), run.spec.run, Store(run.store.root), run.say)

    def refuse(key: str) -> NoReturn:
        pytest.fail(f"a worker was started for {key}")

    monkeypatch.setattr(executor, "session", refuse)
    return executor


def test_answers_are_in_the_classes_of_the_labels_and_kept(
    run: Run, idle: Executor, pixels: Pixels
) -> None:
    found = run.executor.answers(model(run), pixels)
    assert found.scores.shape == found.logits.shape == (EVALUATION, len(NAMES))
    assert found.is_probability
    assert found.logits_source == "softmax_input"
    assert found.scores.sum(axis=1) == pytest.approx(np.ones(EVALUATION), abs=1e-5)
    again = idle.answers(model(run), pixels)
    assert np.array_equal(again.scores, found.scores)
    assert np.array_equal(again.logits, found.logits)


def test_a_background_is_no_class(run: Run, pixels: Pixels) -> None:
    background = LabelSet("four", NAMES[1:], background=True)
    whole = run.executor.answers(model(run), pixels)
    found = run.executor.answers(model(run, labels=background), pixels)
    assert np.array_equal(found.scores, whole.scores[:, 1:])
    assert np.array_equal(found.logits, whole.logits[:, 1:])


def test_labels_that_do_not_fit_are_refused(run: Run, pixels: Pixels) -> None:
    with pytest.raises(ImageError, match="3 outputs belong to these labels"):
        run.executor.answers(model(run, labels=LabelSet("three", NAMES[:3])), pixels)


def test_without_labels_every_output_is_a_class(run: Run, pixels: Pixels) -> None:
    found = run.executor.answers(model(run, labels=None), pixels)
    assert found.scores.shape == (EVALUATION, len(NAMES))


def test_how_a_model_loads_is_kept(run: Run, idle: Executor) -> None:
    found = run.executor.load(model(run))
    assert found.operators == 3
    assert found.kernels == run.spec.run.kernels
    assert idle.load(model(run)) == found


def test_a_model_that_does_not_load_is_tried_again(run: Run, project: Path) -> None:
    for _ in range(2):
        with pytest.raises(ModelRefusedError) as caught:
            run.executor.load(model(run, "cut"))
        assert caught.value.where == "net/cut"


def test_memory_is_kept(run: Run, idle: Executor) -> None:
    image = np.zeros((4, 4, 3), np.uint8)
    found = run.executor.memory(model(run), image)
    assert 0 <= found.added < found.peak
    assert idle.memory(model(run), image) == found


@pytest.mark.parametrize(
    "change", [{"threads": 2}, {"kernels": "reference"}], ids=["threads", "kernels"]
)
def test_other_circumstances_are_another_address(run: Run, change: dict[str, Any]) -> None:
    changed = msgspec.structs.replace(run.spec.run, **change)
    other = Executor(local_target(), changed, run.store, run.say)
    assert dict(other._facts(model(run))) != dict(run.executor._facts(model(run)))


def test_what_numbers_depend_on_is_named() -> None:
    facts = runtime_facts()
    assert facts["processor"] == processor_name()
    assert all(facts.values())
    assert set(facts) == {"ai-edge-litert", "architecture", "processor"}
