"""What a run comes to: one function, whatever was found."""

from __future__ import annotations

import itertools

import msgspec
import pytest

from edgeq.judge.verdict import Verdict
from edgeq.record.change import Change, ChangeKind
from edgeq.record.exit_code import exit_code, exit_status, fails, is_open, passes
from edgeq.record.ship_decision import answered
from edgeq.record.structs import CaseRecord, RunRecord, VariantRecord, summarize
from tests.unit.report import records

IDS = ("net/int8/types", "net/int8/made")


def verdict(gate: str, status: Verdict = Verdict.PASS, *, declared: bool = False) -> CaseRecord:
    return CaseRecord(
        id=f"net/int8/{gate}",
        model="net",
        method="int8",
        gate=gate,
        status=status,
        reason="measured",
        declared_missing=declared,
    )


def run(*cases: CaseRecord, left_out: tuple[str, ...] = (), **given: object) -> RunRecord:
    counted = summarize(cases, IDS, left_out=left_out)
    base = records.record((VariantRecord(name="int8", method="int8"),), cases)
    variants = (VariantRecord(name="int8", method="int8"),)
    model = msgspec.structs.replace(base.models[0], name="net", variants=variants)
    partial = len(counted.lost) < len(counted.not_run)
    facts = {"summary": counted, "partial": partial, "models": (model,), **given}
    return answered(msgspec.structs.replace(base, **facts))


BOTH = (verdict("types"), verdict("made"))


@pytest.mark.parametrize(
    ("last", "inconclusive", "code"),
    [
        (verdict("made"), "fail", 0),
        (verdict("made", Verdict.FAIL), "warn", 1),
        (verdict("made", Verdict.INCONCLUSIVE), "warn", 0),
        (verdict("made", Verdict.INCONCLUSIVE), "fail", 1),
        (verdict("made", Verdict.MISSING), "warn", 1),
        (verdict("made", Verdict.MISSING, declared=True), "fail", 0),
    ],
)
def test_each_verdict(last: CaseRecord, inconclusive: str, code: int) -> None:
    record = run(verdict("types"), last, inconclusive=inconclusive)
    assert exit_code(record) == code
    assert record.summary.passes is passes(record) is (code == 0)


def test_a_case_without_a_verdict_fails_unless_it_was_left_out() -> None:
    lost = run(verdict("types"))
    assert (exit_code(lost), is_open(lost)) == (1, False)
    part = run(verdict("types"), left_out=("net/int8/made",))
    assert (exit_code(part), is_open(part)) == (0, True)
    assert not part.summary.passes
    wrong = run(verdict("types"), left_out=("net/int8/types", "net/int8/other"))
    assert exit_code(wrong) == 1


def test_a_run_without_any_verdict_fails() -> None:
    assert exit_code(run()) == 1
    assert exit_code(run(left_out=IDS)) == 1


def test_verdicts_that_nobody_declared_fail() -> None:
    assert exit_code(run(*BOTH, verdict("extra"))) == 1
    assert exit_code(run(*BOTH, verdict("made"))) == 1


def test_bad_input_and_an_interruption_have_codes_of_their_own() -> None:
    assert exit_code(run(*BOTH, errors=("no such folder",))) == 2
    assert exit_code(run(*BOTH, interrupted=True)) == 130
    assert exit_code(run(verdict("types"), interrupted=True, errors=("no",))) == 130
    assert not run(*BOTH, interrupted=True).summary.passes


@pytest.mark.parametrize(
    ("kind", "inconclusive", "code"),
    [
        (ChangeKind.WORSE, "warn", 1),
        (ChangeKind.GONE, "warn", 1),
        (ChangeKind.INCONCLUSIVE, "warn", 0),
        (ChangeKind.INCONCLUSIVE, "fail", 1),
    ],
)
def test_what_was_accepted_counts(kind: ChangeKind, inconclusive: str, code: int) -> None:
    fails_ = kind is not ChangeKind.INCONCLUSIVE
    change = Change(id="net/int8/made", kind=kind, reason="10, then 11", fails=fails_)
    assert exit_code(run(*BOTH, changes=(change,), inconclusive=inconclusive)) == code


def test_the_record_says_what_the_exit_code_says() -> None:
    """Over every combination of verdicts, of what was left out, and of how the run ended."""
    statuses = [None, *Verdict]
    for first, second, part, cut, bad in itertools.product(
        statuses, statuses, (False, True), (False, True), (False, True)
    ):
        cases = [
            verdict(gate, status)
            for gate, status in (("types", first), ("made", second))
            if status is not None
        ]
        record = run(
            *cases,
            left_out=IDS if part else (),
            interrupted=cut,
            errors=("no such folder",) if bad else (),
        )
        code = exit_code(record)
        assert record.summary.passes <= (code == 0)
        assert record.summary.may_ship <= record.summary.passes
        assert (code == 0) is (record.summary.passes or is_open(record))
        if code == 0:
            assert not fails(record)
            assert not record.lost
            assert all(case.status is not Verdict.FAIL for case in record.cases)


@pytest.mark.parametrize("session", range(7))
def test_a_session_never_says_less_than_its_run(session: int) -> None:
    assert exit_status(session, run(*BOTH)) == session
    assert exit_status(session, run(*BOTH, errors=("no",))) == 2
    assert exit_status(session, run(*BOTH, interrupted=True)) == 130
    failed = exit_status(session, run(verdict("types")))
    assert failed == (1 if session in {0, 5} else session)


def test_a_session_without_a_record_has_its_own_code_unless_it_was_stopped() -> None:
    assert [exit_status(session, None) for session in range(6)] == list(range(6))
    assert exit_status(0, None, errors=True) == 2
    assert exit_status(0, None, errors=True, interrupted=True) == 130
