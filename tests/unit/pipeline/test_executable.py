from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgeq.config.structs import Preprocessing, Task
from edgeq.errors import ImageError, ModelError, WorkerError
from edgeq.pipeline.executable import Executable, as_answers, blaming
from edgeq.samples.labels import LabelSet
from edgeq.tasks.recognition import Reading
from tests.unit.tiny_model import classifier

Make = Callable[..., Executable]
ROWS = np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]], np.float32)


@pytest.fixture
def model(tmp_path: Path) -> Make:
    def make(
        labels: LabelSet | None = None, *, is_baseline: bool = False, task: Task = "classification"
    ) -> Executable:
        path = tmp_path / "net.tflite"
        path.write_bytes(classifier(classes=3))
        reading = Reading(task, 0, "a test says so", 3)
        how = Preprocessing()
        return Executable("net/float32", path, "0" * 64, how, labels, reading, is_baseline)

    return make


def test_what_feeds_the_softmax_is_handed_out_behind_the_outputs(model: Make) -> None:
    outputs = [ROWS.reshape(2, 1, 1, 3), np.log(ROWS)]
    found = as_answers(model(), outputs)
    assert found.is_probability
    assert np.array_equal(found.scores, ROWS)
    assert np.array_equal(found.logits, np.log(ROWS))
    assert found.logits_source == "softmax_input"


def test_a_model_that_is_judged_as_tensors_gives_no_answers(model: Make) -> None:
    with pytest.raises(ModelError, match="judged as tensors: a test says so"):
        as_answers(model(task="tensors"), [ROWS])


def test_outputs_of_other_labels_are_refused(model: Make) -> None:
    with pytest.raises(ImageError, match="these labels are for 2 outputs"):
        as_answers(model(LabelSet("two", ("a", "b"))), [ROWS, ROWS])


def test_a_baseline_that_does_not_run_is_bad_input(model: Make) -> None:
    error = WorkerError("crashed", where="net/float32")
    with (
        pytest.raises(ModelError, match="the baseline does not run: crashed") as caught,
        blaming(model(is_baseline=True)),
    ):
        raise error
    assert caught.value.where == "net/float32"
    assert caught.value.remedy


def test_a_variant_that_does_not_run_fails_itself(model: Make) -> None:
    error = WorkerError("crashed", where="net/int8")
    with pytest.raises(WorkerError) as caught, blaming(model()):
        raise error
    assert caught.value is error
