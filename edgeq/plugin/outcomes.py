"""Verdicts in pytest's own words: letters, categories, and what travels to the controller."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from edgeq.plugin.state import state_of

ATTRIBUTE = "edgeq_answer"
OWN_ATTRIBUTE = "edgeq_own_answer"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Put the answer of a case, or of a test of one's own, on its report as text for xdist."""
    report = yield
    if report.when == "call" and "edgeq_case" in getattr(item, "fixturenames", ()):
        from edgeq.plugin.case import ANSWER
        from edgeq.plugin.transport import encode_answer

        answer = item.stash.get(ANSWER, None)
        if answer is not None:
            setattr(report, ATTRIBUTE, encode_answer(*answer))
    elif "edgeq_subject" in getattr(item, "fixturenames", ()):
        _answer_by_itself(item, report)
    return report


def _answer_by_itself(item: pytest.Item, report: pytest.TestReport) -> None:
    """Put on a report what a test of one's own says about its variant."""
    from edgeq.plugin.case import properties
    from edgeq.plugin.own import own_record
    from edgeq.plugin.transport import encode_answer

    record = own_record(item, report, state_of(item.config).root)
    if record is None:
        return
    setattr(report, OWN_ATTRIBUTE, encode_answer(record, None))
    item.user_properties += properties(record)


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, Any] | None:
    """Show INCONCLUSIVE, MISSING by declaration and what is not judged as themselves."""
    if getattr(report, "when", None) != "call" or not hasattr(report, ATTRIBUTE):
        return None
    told = dict(report.user_properties)
    status = told.get("edgeq.status")
    if report.passed and "INCONCLUSIVE" in {status, str(told.get("edgeq.change")).upper()}:
        return "inconclusive", "I", ("INCONCLUSIVE", {"yellow": True})
    if report.skipped and str(told.get("edgeq.reason")).startswith("not judged: "):
        return "not judged", "N", ("NOT JUDGED", {"yellow": True})
    if report.skipped and status == "MISSING":
        return "missing by declaration", "M", ("MISSING", {"yellow": True})
    return None
