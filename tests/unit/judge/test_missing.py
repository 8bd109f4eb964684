from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from edgeq.config.gates import GATES
from edgeq.errors import ConversionError, ModelError, WorkerTimeoutError
from edgeq.judge.missing import broken, missing, not_measured, unmeasurable
from edgeq.judge.verdict import Verdict


def test_absence_by_declaration_is_in_the_words() -> None:
    assert missing("not measured").reason == "not measured"
    declared = missing("not measured", declared=True)
    assert declared.reason == "not measured (absent by declaration)"
    assert declared.declared_missing
    assert declared.status is Verdict.MISSING


@pytest.mark.parametrize(
    ("gate", "images", "labelled", "trained", "words"),
    [
        ("top1_agreement", 20, True, False, "random weights"),
        ("top1_agreement", 0, False, True, "no evaluation images"),
        ("outputs", 0, False, True, "no evaluation images"),
        ("accuracy_drop", 20, False, True, "no labels"),
        ("top1_agreement", 20, False, True, None),
        ("outputs", 20, False, False, None),
        ("size_reduction", 0, False, False, None),
        ("latency_ratio", 0, False, False, None),
    ],
)
def test_a_gate_is_missing_what_its_data_says(
    gate: str, images: int, labelled: bool, trained: bool, words: str | None
) -> None:
    found = unmeasurable(GATES.get(gate), images=images, labelled=labelled, trained=trained)
    if words is None:
        assert found is None
        return
    assert found is not None
    assert found.status is Verdict.MISSING
    assert words in found.reason
    assert not found.declared_missing
    assert found.next_step is not None


def test_what_the_spec_allows_is_declared() -> None:
    gate = GATES.get("accuracy_drop")
    by_name = unmeasurable(
        gate, images=20, labelled=False, trained=True, allow_missing=("accuracy_drop",)
    )
    by_weights = unmeasurable(
        gate, images=20, labelled=True, trained=False, allow_random_weights=True
    )
    assert by_name is not None
    assert by_weights is not None
    assert by_name.declared_missing
    assert by_weights.declared_missing
    # random weights declared absent say nothing about absent labels
    labels = unmeasurable(gate, images=20, labelled=False, trained=True, allow_random_weights=True)
    assert labels is not None
    assert not labels.declared_missing


def test_a_broken_variant_fails_with_the_reason_and_the_log() -> None:
    error = ConversionError("no kernel for LOG", remedy="Replace it", log=Path("convert.log"))
    found = broken(error)
    assert found.status is Verdict.FAIL
    assert found.reason == "the variant can't be judged: no kernel for LOG"
    assert found.next_step == "Replace it"
    assert found.evidence["log"] == "convert.log"
    msgspec.json.encode(found)


def test_an_error_of_another_is_missing() -> None:
    error = WorkerTimeoutError("the baseline did not answer in 120 s")
    found = not_measured(error, gate="latency_ratio", allow_missing=("latency_ratio",))
    assert found.status is Verdict.MISSING
    assert found.declared_missing
    assert "did not answer in 120 s" in found.reason


def test_a_file_that_is_to_blame_is_named() -> None:
    error = ModelError("no such file", where="models/net.tflite")
    assert not_measured(error, gate="types").reason == (
        "not measured: models/net.tflite: no such file"
    )
    assert broken(error).reason == "the variant can't be judged: models/net.tflite: no such file"
