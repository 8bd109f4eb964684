"""Several processes at once: the same verdicts, one record, and no times."""

from __future__ import annotations

from edgeq.judge.verdict import Verdict
from tests.plugin.projects import Project, statuses, text_of

COUNT_CHILDREN = """
import os
from pathlib import Path

import edgeq.models.child as child

original = child.run_child

def counted(module, *arguments, **options):
    with Path("children.txt").open("a") as file:
        file.write(f"{module}\\n")
    return original(module, *arguments, **options)

child.run_child = counted
"""


def test_two_workers_answer_like_one(project: Project) -> None:
    project.spec["store"] = "store"
    (project.root / "conftest.py").write_text(COUNT_CHILDREN, encoding="utf-8")
    result = project.run("-n", "2")
    parallel = project.record
    made = (project.root / "children.txt").read_text().splitlines()
    assert made == ["edgeq.quantize.litert_child"]

    assert result.ret == 1
    result.assert_outcomes(passed=23, failed=2)
    untimed = [one for one in parallel.cases if one.gate == "latency_ratio"]
    assert len(untimed) == 2
    for one in untimed:
        assert one.status is Verdict.MISSING
        assert one.value is None
        assert "under xdist" in one.reason
        assert one.next_step is not None
        assert "without -n" in one.next_step
        assert f"Next: {one.next_step}" in result.outlines
    assert not parallel.summary.passes
    assert parallel.summary.complete
    assert "Traceback" not in text_of(result)
    assert result.outlines.count("Report: reports/latest/report.html") == 1

    assert project.run().ret == 0
    alone = project.record
    assert [one.id for one in parallel.cases] == [one.id for one in alone.cases]
    for ours, theirs in zip(parallel.cases, alone.cases, strict=True):
        if ours.gate != "latency_ratio":
            assert (ours.status, ours.value, ours.interval) == (
                theirs.status,
                theirs.value,
                theirs.interval,
            )
    for left, right in zip(parallel.models[0].variants, alone.models[0].variants, strict=True):
        for measure in ("sha256", "size", "operators", "agreement", "accuracy", "memory"):
            assert getattr(left, measure) == getattr(right, measure)
    assert (project.root / "children.txt").read_text().splitlines() == made


def test_a_part_stays_a_part(project: Project) -> None:
    result = project.run("-n", "2", "-m", "size")
    assert result.ret == 0
    assert project.record.partial
    assert set(statuses(project.record).values()) == {Verdict.PASS}


def test_bad_input_is_said_once(project: Project) -> None:
    project.spec["models"]["other"] = {"source": "nowhere.tflite"}
    result = project.run("-n", "2", "-m", "size")
    assert result.ret == 2
    assert (
        result.outlines.count("nowhere.tflite: no such file. Correct `source` in [models.other]")
        == 1
    )
    assert "Traceback" not in text_of(result)


def test_a_bad_spec_is_one_line(project: Project) -> None:
    project.spec["methodz"] = ["int8"]
    result = project.run("-n", "2")
    assert result.ret == 2
    assert sum("Did you mean 'methods'?" in line for line in result.outlines) == 1
    assert "Traceback" not in text_of(result)
