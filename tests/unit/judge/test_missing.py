from __future__ import annotations

from pathlib import Path

import msgspec

from edgeq.config.gate import Lack
from edgeq.config.gates import GATES
from edgeq.config.structs import Model, Spec
from edgeq.errors import ConversionError, ModelError, WorkerTimeoutError
from edgeq.judge.missing import broken, is_broken, lacking, missing, not_measured
from edgeq.judge.verdict import Judgement, Verdict


def test_absence_by_declaration_is_in_the_words() -> None:
    assert missing("not measured").reason == "not measured"
    declared = missing("not measured", declared=True)
    assert declared.reason == "not measured (absent by declaration)"
    assert declared.declared_missing
    assert declared.status is Verdict.MISSING


def lacked(*allowed: str, gate: str, lack: Lack, random: bool = False) -> Judgement:
    model = Model(source="net.tflite", allow_random_weights=random)
    spec = Spec(root=Path(), origin="", models={"net": model}, allow_missing=allowed)
    return lacking(GATES.get(gate), lack, spec, "net")


def test_what_the_spec_allows_is_declared() -> None:
    assert lacked("accuracy_drop", gate="accuracy_drop", lack="labels").declared_missing
    assert lacked(gate="accuracy_drop", lack="training", random=True).declared_missing
    # random weights declared absent say nothing about absent labels
    assert not lacked(gate="accuracy_drop", lack="labels", random=True).declared_missing
    assert not lacked(gate="accuracy_drop", lack="images", random=True).declared_missing
    assert not lacked("types", gate="accuracy_drop", lack="training").declared_missing


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
    assert lacked("accuracy_drop", gate="accuracy_drop", lack="training") == Judgement(
        status=Verdict.MISSING,
        reason="not measured: the model has random weights, so its answers mean nothing "
        "(absent by declaration)",
        next_step="Name a weights file in the spec (`weights`)",
        declared_missing=True,
    )
    assert lacked("accuracy_drop", gate="accuracy_drop", lack="images") == Judgement(
        status=Verdict.MISSING,
        reason="not measured: there are no evaluation images (absent by declaration)",
        next_step="Name a set in the spec (`images.evaluation`)",
        declared_missing=True,
    )
    assert lacked("accuracy_drop", gate="outputs", lack="images") == Judgement(
        status=Verdict.MISSING,
        reason="not measured: there are no evaluation images",
        next_step="Name a set in the spec (`images.evaluation`)",
    )
    assert lacked(gate="accuracy_drop", lack="labels") == Judgement(
        status=Verdict.MISSING,
        reason="not measured: the evaluation images have no labels",
        next_step="Name a CSV file in the spec (`images.labels`), or set `accuracy_drop = false` "
        "in [gates]",
    )
    assert "no labels for regression" in lacked(gate="value_error_rise", lack="labels").reason


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
