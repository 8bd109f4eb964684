"""pytest-benchmark: its files hold the worker's own times, and its tools read them."""

from __future__ import annotations

import json

import pytest

from edgeq.judge.verdict import Verdict
from tests.plugin.projects import Project, text_of

DUMP = """
import json
from pathlib import Path

def test_dump(edgeq_run):
    pairs = {one.short_name: one.results.done("timed") for one in edgeq_run.variants}
    samples = {name: pair.timed.samples[1].tolist() for name, pair in pairs.items()}
    Path("samples.json").write_text(json.dumps(samples))
"""


def test_the_files_hold_the_workers_samples(project: Project, pytester: pytest.Pytester) -> None:
    (project.root / "test_own.py").write_text(DUMP, encoding="utf-8")
    result = project.run("-k", "latency or dump", "--benchmark-save-data")
    assert result.ret == 0
    (saved,) = project.benchmarks()
    assert saved.name == "0001_edgeq.json"
    samples = json.loads((project.root / "samples.json").read_text())
    found = {one["param"]: one for one in json.loads(saved.read_text())["benchmarks"]}
    assert set(found) == {"tiny-float16", "tiny-vendor"}
    latencies = {one.name: one.latency for one in project.record.models[0].variants}
    for variant, times in samples.items():
        benchmark = found[f"tiny-{variant}"]
        assert len(times) == benchmark["stats"]["rounds"] >= 16
        assert benchmark["stats"]["data"] == times
        assert benchmark["group"] == "latency_ratio"
        latency = latencies[variant]
        assert latency is not None
        assert benchmark["extra_info"]["edgeq.ratio"] == latency.ratio

    again = project.run("-m", "latency", "--benchmark-compare")
    assert again.ret == 0
    again.stdout.fnmatch_lines(["test_latency_ratio*tiny-float16*(0001_edgeq)*"])
    again.stdout.fnmatch_lines(["test_latency_ratio*tiny-float16*(NOW)*"])
    assert [one.name for one in project.benchmarks()] == ["0001_edgeq.json", "0002_edgeq.json"]

    compared = pytester.run(
        "pytest-benchmark", "--storage", "file://reports/benchmarks", "compare", "0001", "0002"
    )
    assert compared.ret == 0
    compared.stdout.fnmatch_lines(["test_latency_ratio*tiny-vendor*(0002_edgeq)*"])


def test_nothing_is_saved_where_nothing_was_timed(project: Project) -> None:
    assert project.run("-m", "size").ret == 0
    assert project.benchmarks() == []


def test_the_users_own_storage_and_name_win(project: Project) -> None:
    arguments = ("--benchmark-storage", "file://mine", "--benchmark-save", "before")
    assert project.run("-k", "latency and vendor", *arguments).ret == 0
    assert project.benchmarks() == []
    assert [one.name for one in project.root.glob("mine/*/*")] == ["0001_before.json"]


@pytest.mark.parametrize(
    ("option", "reason"),
    [
        (("--benchmark-disable",), "benchmarks are switched off"),
        (("-p", "no:benchmark"), "pytest-benchmark is not loaded"),
    ],
)
def test_what_is_not_timed_is_missing_and_never_passes(
    project: Project, option: tuple[str, ...], reason: str
) -> None:
    result = project.run("-m", "latency or size", *option)
    assert result.ret == 1
    result.assert_outcomes(passed=4, failed=2, deselected=19)
    untimed = [one for one in project.record.cases if one.gate == "latency_ratio"]
    assert len(untimed) == 2
    for one in untimed:
        assert one.status is Verdict.MISSING
        assert reason in one.reason
        assert one.next_step == f"Leave out {' '.join(option)}"
    said = " ".join(text_of(result).split())
    assert said.count(f"MISSING {untimed[0].id} and 1 more: {untimed[0].reason}") == 1
    assert "Traceback" not in text_of(result)
    assert "error" not in result.outlines[-1]


def test_what_is_not_timed_may_be_declared(project: Project) -> None:
    project.spec["allow_missing"] = ["latency_ratio"]
    result = project.run("-m", "latency", "--benchmark-disable")
    assert result.ret == 0
    assert "2 missing by declaration" in result.outlines[-1]
    assert {one.declared_missing for one in project.record.cases} == {True}
