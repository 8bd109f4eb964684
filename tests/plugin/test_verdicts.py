"""The four verdicts in pytest's own words and exit codes."""

from __future__ import annotations

import sys

import pytest

from edgeq.judge.verdict import ShipDecision, Verdict
from tests.plugin.projects import (
    CLASSES,
    SIZE,
    Project,
    case,
    save_photographs,
    statuses,
    suite_properties,
    text_of,
)
from tests.unit import bad_models


def test_fail_fails_in_one_line_with_the_next_step(project: Project) -> None:
    project.spec["gates"]["size_reduction"] = 0.99
    result = project.run("-m", "size", "-v")
    assert result.ret == 1
    result.assert_outcomes(failed=2, passed=2, deselected=21)
    judged = case(project.record, "tiny/float16/size_reduction")
    assert judged.status is Verdict.FAIL
    start = result.outlines.index(f"tiny/float16/size_reduction: FAIL; {judged.reason}")
    assert result.outlines[start + 1] == f"Next: {judged.next_step}"
    assert result.outlines[start - 1].startswith("____")
    assert "Traceback" not in text_of(result)
    assert "suite.py" not in text_of(result)


def test_inconclusive_passes_under_its_own_name(project: Project) -> None:
    project.spec["gates"]["top1_agreement"] = 0.95
    result = project.run("-m", "agreement", "-rA")
    assert result.ret == 0
    assert "test_gate.py II.." in text_of(result)
    assert "2 passed, 21 deselected, 2 inconclusive" in result.outlines[-1]
    assert statuses(project.record)["tiny/float16/top1_agreement"] is Verdict.INCONCLUSIVE
    said = " ".join(text_of(result).split())
    assert "INCONCLUSIVE, leans to PASS tiny/float16/top1_agreement" in said
    assert "if the rate stays, it PASSES" in said
    result = project.run("-m", "agreement", "-v")
    result.stdout.fnmatch_lines(["*::test_top1_agreement[[]tiny-float16] INCONCLUSIVE*"])


def test_what_is_open_leaves_its_variant_unproven_everywhere(project: Project) -> None:
    project.spec["gates"]["vendor"] = {"top1_agreement": 0.95}
    result = project.run("--junitxml=junit.xml")
    assert result.ret == 0
    summary = project.record.summary
    assert (summary.passes, summary.may_ship) == (True, False)
    answers = {one.name: one.answer for one in project.record.models[0].variants}
    assert answers == {"float16": ShipDecision.CLEARED, "vendor": ShipDecision.UNPROVEN}
    assert suite_properties(project.root / "junit.xml") == {
        "edgeq.answer.tiny/float16": "cleared",
        "edgeq.answer.tiny/vendor": "unproven",
        "edgeq.may_ship": "false",
        "edgeq.exit_code": "0",
    }
    assert '<property name="edgeq.leans" value="PASS"' in (project.root / "junit.xml").read_text(
        encoding="utf-8"
    )
    result.stdout.fnmatch_lines(
        [
            "answer * + cleared * ? unproven",
            "The run passes: 1 case is INCONCLUSIVE (a warning).",
            "1 of 2 variants is cleared.",
            "tiny: vendor is unproven: 12 images prove too little (top-1 *",
            "About * images would settle it.",
        ]
    )
    for name in ("summary.md", "report.html"):
        text = (project.reports / name).read_text(encoding="utf-8")
        assert "1 of 2 variants is cleared" in text
        assert "vendor is unproven: 12 images prove too little" in text
        assert "may ship" not in text.partition('<script type="application/json"')[0]
    assert "1 of 2 variants is cleared" in (project.root / "reports" / "index.html").read_text(
        encoding="utf-8"
    )


def test_a_spec_in_which_no_gate_looks_at_predictions_clears_nobody(project: Project) -> None:
    project.spec["gates"] = {"size_reduction": -1.0, "latency_ratio": 1000.0}
    result = project.run("--junitxml=junit.xml")
    assert result.ret == 0
    summary = project.record.summary
    assert (summary.passes, summary.may_ship, summary.inconclusive) == (True, False, 0)
    assert {one.answer for one in project.record.models[0].variants} == {ShipDecision.NOT_JUDGED}
    assert suite_properties(project.root / "junit.xml") == {
        "edgeq.answer.tiny/float16": "not judged",
        "edgeq.answer.tiny/vendor": "not judged",
        "edgeq.may_ship": "false",
        "edgeq.exit_code": "0",
    }
    result.stdout.fnmatch_lines(
        [
            "answer * o not judged * o not judged",
            "The run passes: all 15 cases passed.",
            "0 of 2 variants are cleared.",
            "tiny: not judged, no gate looks at its predictions.",
        ]
    )


def test_answers_reach_junit_from_the_workers_of_xdist(project: Project) -> None:
    project.spec["gates"]["vendor"] = {"top1_agreement": 0.95}
    project.run("--junitxml=junit.xml", "-n", "2", "-m", "not latency")
    assert suite_properties(project.root / "junit.xml") == {
        "edgeq.answer.tiny/float16": "unproven",
        "edgeq.answer.tiny/vendor": "unproven",
        "edgeq.may_ship": "false",
        "edgeq.exit_code": "0",
    }


def test_inconclusive_fails_where_the_spec_says_so(project: Project) -> None:
    project.spec["gates"]["top1_agreement"] = 0.95
    project.spec["inconclusive"] = "fail"
    result = project.run("-m", "agreement")
    assert result.ret == 1
    result.assert_outcomes(failed=2, passed=2, deselected=21)
    result.stdout.fnmatch_lines(
        ["INCONCLUSIVE, leans to PASS tiny/float16/top1_agreement and 1 more: agrees on 12 *"]
    )
    assert not project.record.summary.passes
    assert {one.answer for one in project.record.models[0].variants} == {ShipDecision.UNPROVEN}


def test_missing_by_declaration_is_skipped_with_its_reason(project: Project) -> None:
    project.spec["images"]["evaluation"] = "flat"
    project.spec["allow_missing"] = ["accuracy_drop"]
    project.spec["default_gates"] = True
    project.spec["gates"] = {"latency_ratio": False, "size_reduction": -1.0}
    save_photographs(project.root / "flat", flat=True)
    result = project.run("-m", "proof or accuracy")
    assert result.ret == 0
    assert "2 missing by declaration" in result.outlines[-1]
    judged = case(project.record, "tiny/float16/accuracy_drop")
    assert judged.status is Verdict.MISSING
    assert judged.declared_missing
    assert judged.reason.endswith("have no labels (absent by declaration)")
    assert "The run fails" not in text_of(result)
    verbose = project.run("-v", "-m", "accuracy")
    verbose.stdout.fnmatch_lines(["*::test_accuracy_drop[[]tiny-float16] MISSING*"])
    assert "test_gate.py MM" in text_of(project.run("-m", "accuracy"))


def test_missing_without_declaration_fails(project: Project) -> None:
    project.spec["images"]["evaluation"] = "flat"
    project.spec["default_gates"] = True
    project.spec["gates"] = {"latency_ratio": False, "size_reduction": -1.0}
    save_photographs(project.root / "flat", flat=True)
    result = project.run("-m", "accuracy")
    assert result.ret == 1
    result.assert_outcomes(failed=2, deselected=20)
    said = " ".join(text_of(result).split())
    assert said.count("MISSING tiny/float16/accuracy_drop and 1 more: not measured: ") == 1
    assert "Name a CSV file" in said


def test_a_gate_that_is_off_vanishes(project: Project) -> None:
    project.spec["default_gates"] = True
    project.spec["gates"] = {"latency_ratio": False, "vendor": {"top1_agreement": False}}
    result = project.run("--co", "-q")
    assert result.ret == 0
    text = text_of(result)
    assert "test_top1_agreement[tiny-float16]" in text
    assert "test_top1_agreement[tiny-vendor]" not in text
    assert "test_latency_ratio" not in text
    assert "test_max_bytes" not in text


@pytest.mark.skipif(sys.platform != "linux", reason="memory now is read from /proc")
def test_a_variant_whose_memory_grows_fails_and_the_others_pass(project: Project) -> None:
    leak = bad_models.growing(4_000_000, size=SIZE, classes=CLASSES, seed=1)
    (project.root / "leak.tflite").write_bytes(leak)
    project.spec["variants"]["leak"] = {"model": "tiny", "file": "leak.tflite"}
    project.spec["gates"]["max_peak_memory"] = "90 MB"
    result = project.run("-m", "memory or proof")
    assert result.ret == 1
    found = statuses(project.record)
    failed = {one for one in found if "_memory" in one and found[one] is Verdict.FAIL}
    assert failed == {"tiny/leak/steady_memory", "tiny/leak/max_peak_memory"}
    said = " ".join(text_of(result).split())
    assert "FAIL tiny/leak/steady_memory: memory grows by 4 MB an inference" in said
    report = (project.reports / "report.html").read_text(encoding="utf-8")
    assert "grows by" in report
