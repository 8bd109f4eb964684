from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from edgeq.config.gates import GATES
from edgeq.errors import ConversionError, ModelError, WorkerTimeoutError
from edgeq.judge.missing import broken, is_broken, missing, not_measured, unmeasurable
from edgeq.judge.verdict import Judgement, Verdict


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
        ("value_error_rise", 20, False, True, "no labels for regression"),
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


def test_what_to_do_and_what_is_declared_by_each_lack() -> None:
    gate = GATES.get("accuracy_drop")

    def judged(*allowed: str, images: int = 1, **facts: bool) -> Judgement | None:
        known = {"labelled": True, "trained": True, **facts}
        return unmeasurable(gate, images=images, allow_missing=allowed, **known)

    assert judged("accuracy_drop", trained=False) == Judgement(
        status=Verdict.MISSING,
        reason="not measured: the model has random weights, so its answers mean nothing "
        "(absent by declaration)",
        next_step="Name a weights file in the spec (`weights`)",
        declared_missing=True,
    )
    assert judged("accuracy_drop", images=0) == Judgement(
        status=Verdict.MISSING,
        reason="not measured: there are no evaluation images (absent by declaration)",
        next_step="Name a set in the spec (`images.evaluation`), or switch the gate off",
        declared_missing=True,
    )
    assert judged("outputs", images=0) == Judgement(
        status=Verdict.MISSING,
        reason="not measured: there are no evaluation images",
        next_step="Name a set in the spec (`images.evaluation`), or switch the gate off",
    )
    assert judged(labelled=False) == Judgement(
        status=Verdict.MISSING,
        reason="not measured: the evaluation images have no labels",
        next_step="Name a csv in the spec (`images.labels`), or switch the gate off",
    )


def test_an_error_says_what_to_do_about_it() -> None:
    error = WorkerTimeoutError("the baseline did not answer", remedy="Raise the limit")
    judged = not_measured(error, gate="latency_ratio", allow_missing=("types",))
    assert judged == Judgement(
        status=Verdict.MISSING,
        reason="not measured: the baseline did not answer",
        next_step="Raise the limit",
    )


def test_a_broken_variant_is_known_by_its_evidence() -> None:
    file = ModelError("no such file", where="models/net.tflite", remedy="Name another")
    judged = broken(file)
    assert judged == Judgement(
        status=Verdict.FAIL,
        reason="the variant can't be judged: models/net.tflite: no such file",
        next_step="Name another",
        evidence={
            "error": "ModelError",
            "where": "models/net.tflite",
            "output": "",
            "log": None,
        },
    )
    assert is_broken(judged.evidence)
    assert is_broken({**judged.evidence, "more": 1})
    assert not is_broken({"error": "ModelError", "where": None, "output": ""})


def test_where_an_error_was_met_is_only_said_of_a_file_that_is_to_blame() -> None:
    worker = WorkerTimeoutError("no answer", where="int8", output="killed")
    assert broken(worker).reason == "the variant can't be judged: no answer"
    assert broken(worker).evidence["output"] == "killed"
    assert broken(ModelError("is empty")).reason == "the variant can't be judged: is empty"
    converted = ConversionError("no kernel", where="net.keras", log=Path("convert.log"))
    assert broken(converted).reason == "the variant can't be judged: no kernel"
