"""Models that tell two classes apart: by a softmax of two, and by one sigmoid."""

from __future__ import annotations

import pytest

from edgeq.doctor import examine
from edgeq.judge.verdict import Verdict
from tests.plugin.projects import SIZE, Project, statuses, text_of
from tests.unit import tiny_model
from tests.unit.tiny_model import Head
from tests.unit.tiny_signatures import joined

TWO = {
    "softmax": tiny_model.classifier(size=SIZE, classes=2, seed=2),
    "sigmoid": tiny_model.heads(Head("dog", 1, seed=3, last="LOGISTIC"), size=SIZE),
}


@pytest.mark.parametrize("kind", sorted(TWO))
def test_they_are_judged_as_two_classes_without_a_cosine(project: Project, kind: str) -> None:
    (project.root / "net.tflite").write_bytes(TWO[kind])
    project.spec["models"] = {"tiny": {"source": "net.tflite"}}
    project.spec["variants"] = {"again": {"model": "tiny", "file": "net.tflite"}}
    project.spec["methods"] = []
    project.spec["default_gates"] = True
    project.spec["gates"] = {"size_reduction": False, "accuracy_drop": False}
    project.spec["images"]["evaluation"] = "evaluation"
    project.write()

    project.run("-m", "not latency")

    record = project.record
    assert (record.models[0].task, record.models[0].classes) == ("classification", 2)
    found = statuses(record)
    assert "tiny/again/worst_cosine" not in found
    assert found["tiny/again/top1_agreement"] is not Verdict.FAIL
    assert found["tiny/again/top1_agreement"] is not Verdict.MISSING
    said = [one.text for one in examine(project.root) if one.state == "ok"]
    assert any(text.startswith("judged as classification: output 0") for text in said)


def test_a_signature_is_chosen_in_a_whole_run(project: Project) -> None:
    content = joined(brightness=TWO["sigmoid"], classify=TWO["softmax"])
    (project.root / "net.tflite").write_bytes(content)
    (project.root / "vendor.tflite").write_bytes(TWO["softmax"])
    project.spec["models"] = {"tiny": {"source": "net.tflite", "signature": "classify"}}
    project.spec["variants"] = {"vendor": {"model": "tiny", "file": "vendor.tflite"}}
    project.spec["methods"] = []
    project.spec["gates"] = {"top1_agreement": 0.1}
    project.write()

    project.run()

    model = project.record.models[0]
    assert model.classes == 2
    agreement = model.variants[0].agreement
    assert agreement is not None
    assert agreement.top1 == 1.0

    project.spec["models"]["tiny"]["signature"] = "classfy"
    project.write()
    result = project.run()

    assert result.ret == 2
    assert "Did you mean 'classify'" in text_of(result)
