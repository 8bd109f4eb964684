"""A model without class scores: tests that do not apply, and one record from any processes."""

from __future__ import annotations

import dataclasses
import re

from edgeq.judge.verdict import Verdict
from tests.plugin.projects import SIZE, Project, statuses, text_of
from tests.unit.tiny_model import Head, heads

BOXES = Head("boxes", 32, 20.0, shape=(1, 8, 4), seed=1)
SCORES = Head("scores", 24, last="LOGISTIC", shape=(1, 8, 3), seed=2)


def lay_out(project: Project) -> None:
    project.spec["default_gates"] = True
    project.spec["methods"] = []
    project.spec["gates"] = {"latency_ratio": False}
    project.spec["models"]["tiny"]["preprocessing"] = "keras-0-255"
    project.spec["variants"]["blind"] = {"model": "tiny", "file": "blind.tflite"}
    files = {
        "net.tflite": (BOXES, SCORES),
        "vendor.tflite": (BOXES, dataclasses.replace(SCORES, scale=1 / 255, point=-128)),
        "blind.tflite": (BOXES, dataclasses.replace(SCORES, gain=0.0)),
    }
    for name, outputs in files.items():
        (project.root / name).write_bytes(heads(*outputs, size=SIZE))


def test_several_processes_judge_tensors_like_one(project: Project) -> None:
    lay_out(project)
    project.spec["store"] = "store"
    result = project.run("-n", "2")
    parallel = project.record
    assert result.ret == 1
    assert "Traceback" not in text_of(result)
    assert parallel.summary.complete

    project.spec["store"] = "another"
    project.write()
    assert project.run().ret == 1
    alone = project.record
    assert parallel.cases == alone.cases
    assert statuses(alone)["tiny/vendor/outputs"] is Verdict.PASS
    assert statuses(alone)["tiny/blind/outputs"] is Verdict.FAIL
    ours, theirs = parallel.models[0], alone.models[0]
    assert (ours.task, ours.task_evidence, ours.notes) == (
        theirs.task,
        theirs.task_evidence,
        theirs.notes,
    )
    assert [one.outputs for one in ours.variants] == [one.outputs for one in theirs.variants]
    assert [one.name for one in ours.variants[0].outputs] == ["boxes", "scores"]


def test_what_does_not_apply_is_counted_apart_and_not_recorded(project: Project) -> None:
    lay_out(project)
    result = project.run("-rs", "-k", "vendor")
    assert result.ret == 0, text_of(result)
    assert re.search(r"\d+ not applicable", text_of(result))
    assert "SKIPPED" not in text_of(result)
    found = project.record
    assert {one.gate for one in found.cases} == {
        "made",
        "types",
        "weights",
        "outputs",
        "ranges",
        "steady_memory",
        "relative_error",
    }
    result = project.run()
    assert project.record.summary.complete
    assert not {"top1_agreement", "accuracy_drop"} & {one.gate for one in project.record.cases}
    notes = " ".join(project.record.models[0].notes)
    assert (
        "top1_agreement, probability_drift, accuracy_drop, head_agreement: not applicable" in notes
    )
    shown = (project.reports / "report.html").read_text("utf-8")
    assert "Judged as tensors" in shown
