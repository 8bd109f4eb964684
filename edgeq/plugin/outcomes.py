"""Verdicts in pytest's own words: letters, categories, and what travels to the controller."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

ATTRIBUTE = "edgeq_answer"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Put the answer of a case on its report, as text that xdist can carry."""
    report = yield
    if report.when == "call" and "edgeq_case" in getattr(item, "fixturenames", ()):
        from edgeq.plugin.case import ANSWER
        from edgeq.plugin.transport import encode_answer

        answer = item.stash.get(ANSWER, None)
        if answer is not None:
            setattr(report, ATTRIBUTE, encode_answer(*answer))
    return report


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, Any] | None:
    """Show INCONCLUSIVE and MISSING by declaration as themselves."""
    if getattr(report, "when", None) != "call" or not hasattr(report, ATTRIBUTE):
        return None
    told = dict(report.user_properties)
    status = told.get("edgeq.status")
    if report.passed and "INCONCLUSIVE" in {status, str(told.get("edgeq.change")).upper()}:
        return "inconclusive", "I", ("INCONCLUSIVE", {"yellow": True})
    if report.skipped and status == "MISSING":
        return "missing by declaration", "M", ("MISSING", {"yellow": True})
    return None
