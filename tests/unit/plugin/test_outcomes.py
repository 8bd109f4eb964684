"""What pytest's summary calls a case, by the report that reached it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Literal, cast

import pytest

from edgeq.judge.verdict import Verdict
from edgeq.plugin.case import properties
from edgeq.plugin.outcomes import (
    ATTRIBUTE,
    enforce,
    is_verdict,
    pytest_report_teststatus,
    pytest_runtest_makereport,
)
from edgeq.plugin.transport import Answer, decode_answer, encode_answer
from edgeq.record.structs import CaseRecord
from tests.unit.report import records

Outcome = Literal["passed", "failed", "skipped"]
OPEN = ("inconclusive", "I", ("INCONCLUSIVE", {"yellow": True}))
NOT_JUDGED = ("not judged", "N", ("NOT JUDGED", {"yellow": True}))
DECLARED = ("missing by declaration", "M", ("MISSING", {"yellow": True}))


def report(
    outcome: Outcome, when: Literal["setup", "call", "teardown"] = "call", **told: str
) -> pytest.TestReport:
    """Return the report of a case with what was put on it."""
    made = pytest.TestReport(
        nodeid="test_gate.py::test_size",
        location=("test_gate.py", 1, "test_size"),
        keywords={},
        outcome=outcome,
        longrepr=None,
        when=when,
        user_properties=[(f"edgeq.{name}", text) for name, text in told.items()],
    )
    setattr(made, ATTRIBUTE, "{}")
    return made


@pytest.mark.parametrize(
    ("outcome", "told", "status"),
    [
        ("passed", {"status": "PASS"}, None),
        ("passed", {"status": "INCONCLUSIVE"}, OPEN),
        ("passed", {"status": "PASS", "change": "inconclusive"}, OPEN),
        ("passed", {"status": "PASS", "change": "worse"}, None),
        ("failed", {"status": "INCONCLUSIVE"}, None),
        ("failed", {"status": "MISSING"}, None),
        ("skipped", {"status": "MISSING", "reason": "not measured: x"}, DECLARED),
        ("skipped", {"status": "MISSING", "reason": "not judged: see a/b/made"}, NOT_JUDGED),
        ("skipped", {"status": "FAIL", "reason": "not judged: see a/b/made"}, NOT_JUDGED),
        ("skipped", {"status": "PASS", "reason": "so"}, None),
        ("passed", {"status": "PASS", "reason": "not judged: see a/b/made"}, None),
        ("passed", {"status": "MISSING"}, None),
        ("passed", {}, None),
    ],
)
def test_a_case_that_is_open_or_absent_is_shown_as_itself(
    outcome: Outcome, told: dict[str, str], status: object
) -> None:
    assert pytest_report_teststatus(report(outcome, "call", **told)) == status


@pytest.mark.parametrize("when", ["setup", "teardown"])
def test_only_the_call_of_a_case_is_its_verdict(when: Literal["setup", "teardown"]) -> None:
    assert pytest_report_teststatus(report("passed", when, status="INCONCLUSIVE")) is None


def test_a_test_that_is_no_case_is_pytests_own() -> None:
    plain = report("passed", status="INCONCLUSIVE")
    delattr(plain, ATTRIBUTE)
    assert pytest_report_teststatus(plain) is None


CASE = records.case("int8", "types", Verdict.FAIL, reason="float islands")


def reported(item: object, made: pytest.TestReport) -> pytest.TestReport:
    """Return a report as the hook hands it on."""
    call = pytest.CallInfo.from_call(lambda: None, "call")
    steps = pytest_runtest_makereport(cast("pytest.Item", item), call)
    next(steps)
    with pytest.raises(StopIteration) as end:
        steps.send(made)
    return cast("pytest.TestReport", end.value.value)


def bare(when: Literal["setup", "call", "teardown"]) -> pytest.TestReport:
    made = report("passed", when)
    delattr(made, ATTRIBUTE)
    return made


def test_a_test_of_ones_own_puts_its_case_on_every_phase_that_has_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[tuple[object, ...]] = []
    found: list[CaseRecord | None] = [CASE, None]

    def own_record(*given: object) -> CaseRecord | None:
        asked.append(given)
        return found.pop(0)

    state = SimpleNamespace(root=tmp_path)
    monkeypatch.setattr("edgeq.plugin.own.own_record", own_record)
    monkeypatch.setattr("edgeq.plugin.outcomes.state_of", {"config": state}.get)
    item = SimpleNamespace(
        fixturenames=("edgeq_subject",), config="config", user_properties=[("mine", 1)]
    )
    made = bare("setup")
    with_case = reported(item, made)
    assert asked == [(item, made, tmp_path)]
    assert decode_answer(getattr(with_case, ATTRIBUTE)) == Answer(CASE)
    assert item.user_properties == [("mine", 1), *properties(CASE)]
    assert not hasattr(reported(item, bare("call")), ATTRIBUTE)
    assert len(item.user_properties) == 1 + len(properties(CASE))


def test_what_uses_no_variant_is_left_alone() -> None:
    for item in (SimpleNamespace(), SimpleNamespace(fixturenames=("tmp_path",))):
        made = bare("call")
        assert reported(item, made) is made
        assert not hasattr(made, ATTRIBUTE)


@pytest.mark.parametrize("before", ["passed", "failed", "skipped"])
@pytest.mark.parametrize(
    ("after", "why"),
    [("passed", None), ("failed", "so"), ("skipped", ("test_gate.py", 1, "Skipped: so"))],
)
def test_a_report_says_what_its_case_comes_to(before: Outcome, after: Outcome, why: object) -> None:
    changed = report(before)
    changed.longrepr = "as pytest has it"
    enforce(changed, Answer(CASE, None, after, "so"))
    assert changed.outcome == after
    assert changed.longrepr == ("as pytest has it" if before == after else why)


def test_a_skipped_test_without_a_line_is_at_the_top_of_its_file() -> None:
    changed = report("passed")
    changed.location = ("test_gate.py", None, "test_size")
    enforce(changed, Answer(CASE, None, "skipped", "so"))
    assert changed.longrepr == ("test_gate.py", 0, "Skipped: so")


@pytest.mark.parametrize("outcome", ["passed", "failed", "skipped"])
def test_no_failure_of_a_case_is_expected(outcome: Outcome) -> None:
    changed = report("skipped")
    changed.wasxfail = "known since June"
    enforce(changed, Answer(CASE, None, outcome, "so"))
    assert changed.outcome == outcome
    assert not hasattr(changed, "wasxfail")


def test_a_test_of_ones_own_is_what_pytest_says() -> None:
    own = report("skipped")
    own.wasxfail = "known since June"
    enforce(own, Answer(CASE))
    assert (own.outcome, own.wasxfail) == ("skipped", "known since June")


def test_only_a_failure_that_is_the_verdict_itself_is_one() -> None:
    failed = report("failed")
    case = records.case("int8", "max_bytes", Verdict.FAIL)
    text = "net/int8/max_bytes: FAIL; too large\nNext: shrink it"
    setattr(failed, ATTRIBUTE, encode_answer(Answer(case, outcome="failed", text=text)))
    failed.longrepr = f"{text}\n"
    assert is_verdict(failed)
    failed.longrepr = f"Traceback ...\n{text}"
    assert not is_verdict(failed)
    own = report("failed")
    setattr(own, ATTRIBUTE, encode_answer(Answer(case, text=text)))
    own.longrepr = text
    assert not is_verdict(own)
    delattr(own, ATTRIBUTE)
    assert not is_verdict(own)
