"""Judges a case inside a test and turns its verdict into a pass, fail or skip.

The case is also compared with its accepted record, so that JUnit shows the result.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pytest

from edgeq.errors import EdgeqError
from edgeq.history.compare import GatesOfBoth, gates_of_both
from edgeq.history.compare import change_of as compared
from edgeq.history.snapshot import Snapshot, of_accepted, of_case
from edgeq.judge.missing import missing
from edgeq.judge.verdict import Judgement, Verdict
from edgeq.pipeline.carrying import points_elsewhere, said_once
from edgeq.pipeline.plan import Case
from edgeq.pipeline.variant import VariantUnderTest
from edgeq.plugin.latency import has_benchmarks, leave_out, replay, save
from edgeq.plugin.state import state_of
from edgeq.plugin.transport import Answer
from edgeq.record.change import Change, ChangeKind
from edgeq.record.provenance import Machine, Toolchain
from edgeq.record.ship_decision import leans, status_in_words
from edgeq.record.structs import CaseRecord
from edgeq.results.judging import judge, recorded, why_inapplicable
from edgeq.results.recording import describe_variant, this_machine, toolchain_of
from edgeq.words.escape import printable

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

    from edgeq.plugin.state import State


@dataclass(frozen=True)
class Held:
    """The accepted state that a session's cases are compared with, read once for all of them."""

    state: State

    @cached_property
    def side(self) -> Snapshot:
        """Snapshot of the accepted records."""
        return of_accepted(self.state.accepted)

    @cached_property
    def both(self) -> GatesOfBoth:
        """The gates of each variant, accepted and currently declared."""
        return gates_of_both(self.side, self.state.cases)

    @cached_property
    def machine(self) -> Machine:
        """The machine, on which latency and memory depend."""
        return this_machine()

    @cached_property
    def toolchain(self) -> Toolchain:
        """Library versions, and how models are run."""
        return toolchain_of(self.state.spec)

    def change_of(self, case: CaseRecord) -> Change | None:
        """Return how a case changed from its accepted record, None if it has none."""
        if case.model not in self.side.models:
            return None
        variant = self.state.cases[case.id].variant
        model = describe_variant(variant)
        figure = of_case(case, model, self.machine, self.toolchain)
        return compared(self.side.figures.get(case.id), figure, self.both)


def in_words(change: Change) -> str:
    """Return why a case fails although it is within its own limit."""
    meant = "If that is intended, say why"
    if change.is_open:
        meant = "If it is meant to be measured as it is now, accept its figures"
    which = "--prune" if change.kind is ChangeKind.GONE else "-k CASE"
    return (
        f"{change.id} is {change.against}: {printable(change.reason)}\n"
        f"Next: {meant}: edgeq accept {which} --reason TEXT"
    )


ANSWER: pytest.StashKey[Answer] = pytest.StashKey()
INAPPLICABLE: pytest.StashKey[bool] = pytest.StashKey()


class CaseCheck:
    """The case of one test.

    The answer is stored on the node of its request.
    """

    def __init__(self, request: pytest.FixtureRequest, case: Case) -> None:
        self._request = request
        self.case = case

    def check(self) -> CaseRecord:
        """Judge the case, and pass, fail or skip the test accordingly.

        FAIL and MISSING fail the test, and so does a case that is worse than accepted. A case that
        is declared MISSING skips it. INCONCLUSIVE passes it, or fails it if the spec says
        ``inconclusive = "fail"``; the same applies if the comparison with the accepted record is
        inconclusive. A case whose gate does not apply to its model has no verdict, and its test is
        skipped. A test is also skipped if its case is not judged for a reason that another test
        already reported; that test fails and stands for all of them.
        """
        why = why_inapplicable(self.case)
        if why is not None:
            self._request.node.stash[INAPPLICABLE] = True
            pytest.skip(f"not applicable: {why}")
        return self._answer(*judge(self.case))

    def check_latency(self, benchmark: BenchmarkFixture) -> CaseRecord:
        """Judge a latency case and record the variant's samples with pytest-benchmark.

        If benchmarks are disabled, as under xdist, nothing is timed and the case is MISSING.
        """
        if benchmark.disabled:
            leave_out(benchmark)
            return self._answer(recorded(self.case, self._untimed()), None)
        record, error = judge(self.case)
        pair = self.case.variant.known(VariantUnderTest.timed)
        if pair is None:
            leave_out(benchmark)
        else:
            replay(benchmark, pair)
            save(self._request.config)
        return self._answer(record, error)

    def _answer(self, record: CaseRecord, error: EdgeqError | None) -> CaseRecord:
        node = self._request.node
        record = said_once(record, error, state_of(self._request.config).found.carriers)
        change = state_of(self._request.config).held.change_of(record)
        reason = None if error is None else str(error)
        answer = node.stash[ANSWER] = answer_of(record, reason, change, open_fails=self._open_fails)
        node.user_properties += properties(record, change)
        if answer.outcome == "skipped":
            pytest.skip(answer.text)
        if answer.outcome == "failed":
            pytest.fail(answer.text, pytrace=False)
        return record

    def _untimed(self) -> Judgement:
        config = self._request.config
        reason, step = _why_untimed(config)
        declared = self.case.gate.name in state_of(config).spec.allow_missing
        return missing(f"not measured: {reason}", declared=declared, next_step=step)

    @property
    def _open_fails(self) -> bool:
        """Whether the spec makes inconclusive cases fail."""
        return state_of(self._request.config).spec.inconclusive == "fail"


def answer_of(
    record: CaseRecord,
    error: str | None = None,
    change: Change | None = None,
    *,
    open_fails: bool = False,
) -> Answer:
    """Return a verdict with the outcome of its test.

    ``error`` is the bad input that prevented the case from being judged, ``open_fails`` whether the
    spec makes inconclusive cases fail.
    """
    if record.status is Verdict.MISSING and record.declared_missing:
        return Answer(record, error, "skipped", f"MISSING: {record.reason}")
    if points_elsewhere(record):
        return Answer(record, error, "skipped", record.reason)
    too_open = record.status is Verdict.INCONCLUSIVE and open_fails
    if record.status in (Verdict.FAIL, Verdict.MISSING) or too_open:
        return Answer(record, error, "failed", _in_words(record))
    if change is not None and (change.fails or (change.is_open and open_fails)):
        return Answer(record, error, "failed", in_words(change))
    return Answer(record, error, "passed")


def properties(record: CaseRecord, change: Change | None = None) -> list[tuple[str, Any]]:
    """Return a case, and its change since it was accepted, as flat JUnit properties."""
    low, high = record.interval or (None, None)
    found: list[tuple[str, Any]] = [
        ("edgeq.id", record.id),
        ("edgeq.status", record.status.value),
        ("edgeq.leans", None if (leaning := leans(record)) is None else leaning.value),
        ("edgeq.reason", record.reason),
        ("edgeq.cause", record.cause),
        ("edgeq.unit", record.unit),
        ("edgeq.value", record.value),
        ("edgeq.limit", record.limit),
        ("edgeq.interval_low", low),
        ("edgeq.interval_high", high),
        ("edgeq.change", None if change is None else change.kind.value),
        ("edgeq.change_reason", None if change is None else change.reason),
        ("edgeq.accepted_value", None if change is None else change.before),
    ]
    return [(name, value) for name, value in found if value not in (None, "")]


def _in_words(record: CaseRecord) -> str:
    step = f"\nNext: {record.next_step}" if record.next_step else ""
    cause = f"\n{record.cause[0].upper()}{record.cause[1:]}" if record.cause else ""
    return f"{record.id}: {status_in_words(record)}; {record.reason}{cause}{step}"


def _why_untimed(config: pytest.Config) -> tuple[str, str]:
    """Return why nothing is timed in this session, and what to do about it."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        return (
            "under xdist other tests take the processor's time away",
            'Run `pytest -m latency` without -n, and the others with -m "not latency"',
        )
    if not has_benchmarks(config):
        return "pytest-benchmark is not loaded", "Leave out -p no:benchmark"
    return "benchmarks are switched off", "Leave out --benchmark-disable"
