"""What pytest's summary calls a case, by the report that reached it."""

from __future__ import annotations

from typing import Literal

import pytest

from edgeq.plugin.outcomes import ATTRIBUTE, pytest_report_teststatus

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
