from __future__ import annotations

from typing import Any

import msgspec
import pytest

from edgeq.answer import Answer, answer, objections
from edgeq.change import Change, ChangeKind
from edgeq.judge.verdict import Verdict
from edgeq.record import CaseRecord, RunRecord, VariantRecord
from tests.unit.report import records


def run(*cases: CaseRecord, error: str | None = None, **changes: Any) -> RunRecord:
    one = VariantRecord(name="int8", method="int8", bytes=10, error=error)
    return records.record((one,), cases, **changes)


def said(record: RunRecord) -> Answer:
    return answer(record, records.MODEL, record.models[0].variants[0])


def against(record: RunRecord) -> tuple[str, ...]:
    return objections(record, records.MODEL, record.models[0].variants[0])


PASSED = records.case("int8", "made")
SPLIT = records.case("int8", "top1_agreement", Verdict.INCONCLUSIVE, reason="either side")
DECLARED = records.case("int8", "accuracy_drop", Verdict.MISSING, declared=True)
MISSING = records.case("int8", "accuracy_drop", Verdict.MISSING, reason="no labels")
FAILED = records.case("int8", "types", Verdict.FAIL, reason="float islands")


@pytest.mark.parametrize(
    ("cases", "expected"),
    [
        ((PASSED,), Answer.SHIPS),
        ((PASSED, SPLIT), Answer.WARNS),
        ((PASSED, DECLARED), Answer.WARNS),
        ((PASSED, MISSING), Answer.STOPS),
        ((PASSED, FAILED), Answer.STOPS),
        ((SPLIT,), Answer.STOPS),
        ((DECLARED,), Answer.UNMEASURED),
        ((), Answer.UNMEASURED),
    ],
)
def test_answer_follows_from_the_verdicts(cases: tuple[CaseRecord, ...], expected: Answer) -> None:
    record = run(*cases)
    assert said(record) is expected
    assert bool(against(record)) is (expected in {Answer.STOPS, Answer.UNMEASURED})


def test_inconclusive_stops_where_the_spec_says_so() -> None:
    record = run(PASSED, SPLIT, inconclusive="fail")
    assert said(record) is Answer.STOPS
    assert against(record) == (
        "top1_agreement is INCONCLUSIVE, which the spec does not let pass: either side",
    )


def test_a_declared_case_that_was_not_run_stops() -> None:
    record = run(PASSED, declared=(PASSED.id, f"{records.MODEL}/int8/outputs"))
    assert said(record) is Answer.STOPS
    assert against(record) == ("outputs was declared and not run",)


def test_a_declared_case_that_was_left_out_on_purpose_settles_nothing() -> None:
    declared = (PASSED.id, FAILED.id, f"{records.MODEL}/int8/outputs")
    record = run(PASSED, declared=declared, partial=True)
    assert said(record) is Answer.PARTIAL
    assert against(record)[-1] == "outputs was declared and not run"
    assert said(run(PASSED, FAILED, declared=declared, partial=True)) is Answer.STOPS


def test_a_variant_that_could_not_be_made_stops() -> None:
    record = run(error="ended by SIGSEGV at invoke")
    assert said(record) is Answer.STOPS
    assert against(record)[0] == "it could not be made or run: ended by SIGSEGV at invoke"


def test_objections_name_gate_verdict_and_reason() -> None:
    assert against(run(PASSED, FAILED, MISSING)) == (
        "types is FAIL: float islands",
        "accuracy_drop is MISSING: no labels",
    )


@pytest.mark.parametrize(
    ("fails", "method", "expected"),
    [
        (True, "int8", Answer.STOPS),
        (False, "int8", Answer.SHIPS),
        (True, "float16", Answer.SHIPS),
    ],
)
def test_worse_than_accepted_stops_the_variant_that_is(
    *, fails: bool, method: str, expected: Answer
) -> None:
    change = Change(
        id=f"{records.MODEL}/{method}/made",
        model=records.MODEL,
        method=method,
        gate="made",
        kind=ChangeKind.WORSE,
        reason="1 kB, then 2 kB",
        fails=fails,
    )
    record = msgspec.structs.replace(run(PASSED), changes=(change,))
    assert said(record) is expected
    if expected is Answer.STOPS:
        assert against(record) == ("made is worse against the accepted record: 1 kB, then 2 kB",)


def test_an_interruption_leaves_the_rest_open_and_is_no_pass() -> None:
    record = run(PASSED, declared=(PASSED.id, FAILED.id), interrupted=True)
    assert said(record) is Answer.PARTIAL
    assert against(record) == ("types was declared and not run",)
