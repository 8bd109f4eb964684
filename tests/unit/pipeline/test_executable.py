from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeq.errors import ImageError, ModelError, WorkerError
from edgeq.images.labels import LabelSet
from edgeq.pipeline.executable import Executable, as_answers, blaming
from edgeq.spec.structs import Preprocessing

ROWS = np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]], np.float32)


def model(labels: LabelSet | None = None, *, is_baseline: bool = False) -> Executable:
    path = Path("net.tflite")
    return Executable("net/float32", path, "0" * 64, Preprocessing(), labels, is_baseline)


def test_the_second_output_is_logits_where_it_was_tapped() -> None:
    outputs = [ROWS.reshape(2, 1, 1, 3), np.log(ROWS)]
    found = as_answers(model(), outputs, tapped=True)
    assert found.is_probability
    assert np.array_equal(found.scores, ROWS)
    assert np.array_equal(found.logits, np.log(ROWS))
    assert found.logits_source == "softmax_input"


def test_further_outputs_are_not_looked_at_otherwise() -> None:
    found = as_answers(model(), [ROWS, np.zeros((2, 5), np.float32)], tapped=False)
    assert np.array_equal(found.scores, ROWS)
    assert found.logits_source != "softmax_input"


def test_outputs_of_other_labels_are_refused() -> None:
    with pytest.raises(ImageError, match="2 outputs belong to these labels"):
        as_answers(model(LabelSet("two", ("a", "b"))), [ROWS], tapped=False)


def test_a_baseline_that_does_not_run_is_bad_input() -> None:
    error = WorkerError("crashed", where="net/float32")
    with (
        pytest.raises(ModelError, match="the baseline does not run: crashed") as caught,
        blaming(model(is_baseline=True)),
    ):
        raise error
    assert caught.value.where == "net/float32"
    assert caught.value.remedy


def test_a_variant_that_does_not_run_fails_itself() -> None:
    error = WorkerError("crashed", where="net/int8")
    with pytest.raises(WorkerError) as caught, blaming(model()):
        raise error
    assert caught.value is error
