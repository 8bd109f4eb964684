"""Verdicts in pytest's terms: letters, categories, and data sent to xdist's controller."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

from edgeq.plugin.state import state_of

if TYPE_CHECKING:
    from edgeq.plugin.transport import Answer

ATTRIBUTE = "edgeq_answer"
INAPPLICABLE = "edgeq_inapplicable"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Attach the answer of a case, or of a user's own test, to its report as text for xdist."""
    report = yield
    names = getattr(item, "fixturenames", ())
    if "edgeq_case" in names:
        from edgeq.plugin.shipped import answer_to_report, is_inapplicable

        answer = answer_to_report(item, report, call)
        if answer is None and report.skipped and is_inapplicable(item):
            setattr(report, INAPPLICABLE, True)
    elif "edgeq_subject" in names:
        answer = _answer_by_itself(item, report)
    else:
        answer = None
    if answer is not None:
        from edgeq.plugin.transport import encode_answer

        setattr(report, ATTRIBUTE, encode_answer(answer))
    return report


def _answer_by_itself(item: pytest.Item, report: pytest.TestReport) -> Answer | None:
    """Return the answer that a user's own test gives about its variant."""
    from edgeq.plugin.case import properties
    from edgeq.plugin.own import own_record
    from edgeq.plugin.transport import Answer

    record = own_record(item, report, state_of(item.config).root)
    if record is None:
        return None
    item.user_properties += properties(record)
    return Answer(record)


def enforce(report: pytest.TestReport, answer: Answer) -> None:
    """Make a report's outcome follow its case's verdict.

    A marker (skip, xfail) or a hook may have changed the outcome of a test that gave its verdict.
    Terminal, JUnit and ``--lf`` then follow the verdict, as the record does.
    """
    if answer.outcome is None or (report.outcome == answer.outcome and not _is_expected(report)):
        return
    if _is_expected(report):
        del report.wasxfail
    report.outcome = answer.outcome
    where = report.location
    report.longrepr = {
        "passed": None,
        "failed": answer.text,
        "skipped": (where[0], where[1] or 0, f"Skipped: {answer.text}"),
    }[answer.outcome]


def is_verdict(report: pytest.TestReport) -> bool:
    """Return whether a test failed by the verdict of its gate, not by an error or its own check."""
    if not hasattr(report, ATTRIBUTE):
        return False
    from edgeq.plugin.transport import decode_answer

    answer = decode_answer(getattr(report, ATTRIBUTE))
    return answer.outcome is not None and report.longreprtext.strip() == answer.text.strip()


def _is_expected(report: pytest.TestReport) -> bool:
    """Return whether pytest treats a failure as expected (xfail)."""
    return hasattr(report, "wasxfail")


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, Any] | None:
    """Show INCONCLUSIVE, declared MISSING, unjudged and inapplicable cases as such."""
    if getattr(report, "when", None) == "call" and hasattr(report, INAPPLICABLE):
        return "not applicable", "-", ("NOT APPLICABLE", {})
    if getattr(report, "when", None) != "call" or not hasattr(report, ATTRIBUTE):
        return None
    facts = dict(report.user_properties)
    status = facts.get("edgeq.status")
    if report.passed and "INCONCLUSIVE" in {status, str(facts.get("edgeq.change")).upper()}:
        return "inconclusive", "I", ("INCONCLUSIVE", {"yellow": True})
    if report.skipped and str(facts.get("edgeq.reason")).startswith("not judged: "):
        return "not judged", "N", ("NOT JUDGED", {"yellow": True})
    if report.skipped and status == "MISSING":
        return "missing by declaration", "M", ("MISSING", {"yellow": True})
    return None
