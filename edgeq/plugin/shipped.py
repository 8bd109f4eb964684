"""Turns a phase of a gate's test into an answer, regardless of markers, fixtures and hooks.

The outcome of a test that gave its verdict follows the verdict. A test that was skipped, failed for
another reason or ended without a verdict leaves its case MISSING, or FAIL if there was a verdict
that no longer stands.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import pytest

from edgeq.judge.missing import missing
from edgeq.judge.verdict import Verdict
from edgeq.pipeline.plan import Case
from edgeq.plugin.case import ANSWER, INAPPLICABLE, answer_of, properties
from edgeq.plugin.own import message
from edgeq.plugin.state import State, state_of
from edgeq.plugin.transport import Answer
from edgeq.record.structs import CaseRecord
from edgeq.results.judging import recorded

PREFIX = "edgeq."
REMEDY = "Let the gate's own test run and judge: without markers, and without fixtures that stop it"


def answer_to_report(
    item: pytest.Item, report: pytest.TestReport, call: pytest.CallInfo[None]
) -> Answer | None:
    """Return the answer of one phase of a gate's test, None if there is none.

    ``call`` is how the phase itself ended, before hooks turned that into a report.
    """
    state = state_of(item.config)
    case = state.cases.get(getattr(item, "callspec").params["edgeq_case"])  # noqa: B009 - an Item has none
    if case is None:
        return None
    answer = item.stash.get(ANSWER, None)
    phase = _Phase(state, case, report, _is_stopped(call, answer))
    new = phase.answer(answer, inapplicable=is_inapplicable(item))
    if new is not None and new is not answer:
        item.stash[ANSWER] = new
        others = [pair for pair in item.user_properties if not pair[0].startswith(PREFIX)]
        item.user_properties = [*others, *properties(new.case)]
        report.user_properties = list(item.user_properties)
    return new


def is_inapplicable(item: pytest.Item) -> bool:
    """Return whether a test found out that its gate does not apply to its model."""
    return item.stash.get(INAPPLICABLE, False)


@dataclass(frozen=True)
class _Phase:
    """One phase of a case's test; ``stopped`` if something other than the verdict ended it."""

    state: State
    case: Case
    report: pytest.TestReport
    stopped: bool

    def answer(self, answer: Answer | None, *, inapplicable: bool) -> Answer | None:
        """Return the answer after this phase, which may replace the given one."""
        when, report = self.report.when, self.report
        if when == "setup":
            return None if report.passed else self._without_verdict("its set-up failed")
        if when == "teardown":
            return self._torn_down(answer) if report.failed and self.stopped else None
        if answer is None:
            is_out = inapplicable and not report.failed
            return None if is_out else self._without_verdict("its test failed before it was judged")
        if self.stopped:
            return self._spoiled(answer.case, f"its test failed after it: {message(report)}")
        return answer

    def _torn_down(self, answer: Answer | None) -> Answer:
        why = f"its test's tear-down failed: {message(self.report)}"
        return self._missing(why) if answer is None else self._spoiled(answer.case, why)

    def _without_verdict(self, failed: str) -> Answer:
        report = self.report
        if report.skipped:
            why = getattr(report, "wasxfail", None)
            text = message(report).removeprefix("Skipped: ") if why is None else f"xfail {why}"
            return self._missing(f"its test was skipped: {text.strip()}")
        if report.failed:
            return self._missing(f"{failed}: {message(report)}")
        return self._missing("its test never asked for the verdict (`edgeq_case.check()`)")

    def _missing(self, why: str) -> Answer:
        declared = self.case.gate.name in self.state.spec.allow_missing
        judgement = missing(f"not measured: {why}", declared=declared, next_step=REMEDY)
        return answer_of(recorded(self.case, judgement))

    def _spoiled(self, record: CaseRecord, why: str) -> Answer:
        """Return FAIL in place of a verdict that its own test invalidated."""
        reason = f"{record.status.value} does not stand: {why}"
        failed = msgspec.structs.replace(
            record, status=Verdict.FAIL, reason=reason, next_step=REMEDY, declared_missing=False
        )
        return answer_of(failed)


def _is_stopped(call: pytest.CallInfo[None], answer: Answer | None) -> bool:
    """Return whether a phase ended with an exception other than the one for its verdict."""
    if call.excinfo is None:
        return False
    ends = {"failed": pytest.fail.Exception, "skipped": pytest.skip.Exception}
    own = ends.get(str(answer.outcome)) if answer is not None and call.when == "call" else None
    return own is None or not isinstance(call.excinfo.value, own)
