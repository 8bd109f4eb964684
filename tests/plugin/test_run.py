"""One whole run: what it answers, and what it leaves behind."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from edgeq.judge.verdict import ShipDecision, Verdict
from edgeq.record import challenge
from edgeq.record.structs import VariantRecord
from tests.plugin.projects import GATES, Project, plain, suite_properties, text_of

VARIANTS = ("float16", "vendor")
PROOFS = ("made", "types", "weights", "outputs", "steady_memory")
NUMBERS = {"edgeq.value", "edgeq.limit", "edgeq.interval_low", "edgeq.interval_high"}
REFUSE_PROCESSES = """
import subprocess

import pytest

class Refused(subprocess.Popen):
    def __init__(self, command, *_, **__):
        raise AssertionError(f"a process was started: {command}")

@pytest.fixture(autouse=True)
def refuse(monkeypatch):
    monkeypatch.setattr(subprocess, "Popen", Refused)
"""
TEXTS = {"edgeq.id", "edgeq.status", "edgeq.reason", "edgeq.unit"}


def assert_is_measured(variant: VariantRecord) -> None:
    assert variant.operators is not None
    assert variant.operators.counts
    assert variant.agreement is not None
    assert variant.accuracy is not None
    assert variant.agreement.images == variant.accuracy.images == 12
    assert variant.latency is not None
    assert variant.latency.ratio
    assert variant.memory is not None
    assert variant.memory.peak


def test_a_run_answers_every_case_and_writes_its_report(project: Project) -> None:
    result = project.run("-v", "--junitxml=junit.xml")

    assert result.ret == 0
    gates = (*PROOFS, *GATES)
    for gate in gates:
        for variant in VARIANTS:
            result.stdout.fnmatch_lines([f"*test_gate.py::test_{gate}[[]tiny-{variant}] PASSED*"])
    cases = {f"tiny/{variant}/{gate}" for variant in VARIANTS for gate in gates}
    cases.add("tiny/vendor/ranges")  # its activations are quantized with fixed scales
    result.assert_outcomes(passed=len(cases))

    record = project.record
    assert {case.id for case in record.cases} == cases
    assert {case.status for case in record.cases} == {Verdict.PASS}
    assert record.summary.passes
    assert record.summary.may_ship
    assert {one.answer for one in record.models[0].variants} == {ShipDecision.CLEARED}
    assert record.summary.complete
    assert not record.partial
    assert record.errors == ()
    assert [command.endswith(" -v --junitxml=junit.xml") for command in record.commands] == [True]
    model = record.models[0]
    evaluation = model.images.evaluation
    assert evaluation is not None
    assert (evaluation.source, evaluation.count, evaluation.labelled) == ("evaluation", 12, True)
    assert evaluation.sha256
    for one in (model.baseline, *model.variants):
        assert one.size is not None
        assert one.size.bytes == one.bytes > 0
    for one in model.variants:
        assert_is_measured(one)
    assert str(project.root) not in str(plain(record))

    summary = (project.reports / "summary.md").read_text(encoding="utf-8")
    assert summary.startswith("## \u2713 Both variants are cleared and may ship")
    page = (project.reports / "report.html").read_text(encoding="utf-8")
    assert "<h1>Both variants are cleared and may ship</h1>" in page

    result.stdout.fnmatch_lines(
        [
            "edgeq: edgeq.toml",
            "tiny * float16 * vendor",
            "made * + PASS * + PASS",
            "top1_agreement * + 100 % * + 100 %",
            "answer * + cleared * + cleared",
            f"The run passes: all {len(cases)} cases passed.",
            "Both variants are cleared and may ship.",
            "tiny: both variants are cleared on 12 images (lowest: *",
        ]
    )
    assert "Traceback" not in text_of(result)
    assert "benchmark 'latency_ratio'" not in text_of(result), "edgeq's table has the ratios"

    assert suite_properties(project.root / "junit.xml") == {
        "edgeq.answer.tiny/float16": "cleared",
        "edgeq.answer.tiny/vendor": "cleared",
        "edgeq.may_ship": "true",
        "edgeq.exit_code": "0",
    }
    document = ET.parse(project.root / "junit.xml")  # noqa: S314 - pytest wrote it
    found = {}
    for test in document.iter("testcase"):
        properties = {one.attrib["name"]: one.attrib["value"] for one in test.iter("property")}
        assert set(properties) <= NUMBERS | TEXTS
        for name in NUMBERS & set(properties):
            float(properties[name])
        found[properties["edgeq.id"]] = properties
    assert {case.id for case in record.cases} == set(found)
    for case in record.cases:
        told = found[case.id]
        assert told["edgeq.status"] == case.status.value
        assert told["edgeq.reason"] == case.reason
        assert (float(told["edgeq.value"]) if "edgeq.value" in told else None) == case.value
        assert (float(told["edgeq.limit"]) if "edgeq.limit" in told else None) == case.limit


def test_the_address_of_the_report_comes_last(project: Project) -> None:
    project.spec["gates"]["size_reduction"] = 0.99
    result = project.run("-m", "size", "--edgeq-reports", "elsewhere")
    lines = [line for line in result.outlines if line.strip()]
    assert lines[-2] == "Report: elsewhere/latest/report.html"
    assert "2 failed" in lines[-1]
    assert (project.root / "elsewhere" / "latest" / "run.json").is_file()
    assert not (project.root / "reports" / "latest").exists()


def test_a_second_run_makes_nothing_again(project: Project) -> None:
    project.run("-m", "not latency")
    first = project.record
    (project.root / "conftest.py").write_text(REFUSE_PROCESSES, encoding="utf-8")
    assert project.run("-m", "not latency").ret == 0
    again = project.record
    values = {case.id: case.value for case in first.cases}
    assert {case.id: case.value for case in again.cases} == values


def test_the_record_holds_the_last_challenge(project: Project) -> None:
    found = challenge.summed((), (), spec_sha256="other")
    challenge.RESULT.write(found, project.reports / challenge.RESULT.file)
    assert project.run("-m", "size").ret == 0
    assert project.record.challenge == found


def test_a_damaged_challenge_is_bad_input_and_the_report_is_written(project: Project) -> None:
    project.reports.mkdir(parents=True)
    (project.reports / challenge.RESULT.file).write_bytes(b"{")
    result = project.run("-m", "size")
    assert result.ret == 2
    assert "not a challenge" in text_of(result)
    assert project.record.challenge is None
