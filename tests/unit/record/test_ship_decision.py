from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest

from edgeq.judge.missing import RANDOM_WEIGHTS
from edgeq.judge.verdict import ShipDecision, Verdict
from edgeq.record.change import Change, ChangeKind
from edgeq.record.ship_decision import (
    Outcome,
    answer,
    answered,
    decided,
    leans,
    objections,
    reasons,
    sees_predictions,
    status_in_words,
    with_error,
)
from edgeq.record.structs import CaseRecord, RunRecord, VariantRecord
from tests.unit.report import records


def run(*cases: CaseRecord, error: str | None = None, **changes: Any) -> RunRecord:
    one = VariantRecord(name="int8", method="int8", bytes=10, error=error)
    return records.record((one,), cases, **changes)


def said(record: RunRecord) -> ShipDecision:
    return answer(record, records.MODEL, record.models[0].variants[0])


def why(record: RunRecord) -> tuple[str, ...]:
    return reasons(record, records.MODEL, record.models[0].variants[0])


def undecided(record: RunRecord) -> RunRecord:
    """Return a record as it is before the end of its run, or of a schema without answers."""
    model = record.models[0]
    variants = tuple(msgspec.structs.replace(one, answer=None) for one in model.variants)
    return msgspec.structs.replace(
        record,
        models=(msgspec.structs.replace(model, variants=variants),),
        summary=msgspec.structs.replace(record.summary, may_ship=False),
    )


MADE = records.case("int8", "made")
AGREES = records.case("int8", "top1_agreement")
SPLIT = records.case("int8", "top1_agreement", Verdict.INCONCLUSIVE, reason="either side")
DECLARED = records.case("int8", "accuracy_drop", Verdict.MISSING, declared=True)
MISSING = records.case("int8", "accuracy_drop", Verdict.MISSING, reason="no labels")
FAILED = records.case("int8", "types", Verdict.FAIL, reason="float islands")
LEFT = f"{records.MODEL}/int8/outputs"


@pytest.mark.parametrize(
    ("cases", "expected"),
    [
        ((MADE, AGREES), ShipDecision.CLEARED),
        ((AGREES,), ShipDecision.CLEARED),
        ((MADE, SPLIT), ShipDecision.UNPROVEN),
        ((SPLIT,), ShipDecision.UNPROVEN),
        ((MADE, AGREES, DECLARED), ShipDecision.UNPROVEN),
        ((MADE, AGREES, MISSING), ShipDecision.REJECTED),
        ((MADE, AGREES, FAILED), ShipDecision.REJECTED),
        ((MADE, SPLIT, DECLARED, FAILED), ShipDecision.REJECTED),
        ((MADE, FAILED), ShipDecision.REJECTED),
        ((MADE, MISSING), ShipDecision.REJECTED),
        ((MADE,), ShipDecision.NOT_JUDGED),
        ((MADE, DECLARED), ShipDecision.NOT_JUDGED),
        ((DECLARED,), ShipDecision.NOT_JUDGED),
        ((), ShipDecision.NOT_JUDGED),
    ],
)
def test_the_first_answer_that_fits_the_verdicts(
    cases: tuple[CaseRecord, ...], expected: ShipDecision
) -> None:
    for order in itertools.permutations(cases):
        record = run(*order)
        assert said(record) is expected
        assert record.models[0].variants[0].answer is expected
        assert bool(why(record)) is (expected is not ShipDecision.CLEARED)
        assert record.summary.may_ship is (expected is ShipDecision.CLEARED)


_OPEN = (Verdict.INCONCLUSIVE, Verdict.MISSING)


@pytest.mark.parametrize("refused", [False, True])
@pytest.mark.parametrize("not_run", [False, True])
@pytest.mark.parametrize("left_out", [False, True])
@pytest.mark.parametrize("predicts", [*Verdict, None])
@pytest.mark.parametrize("other", [*Verdict, None])
@pytest.mark.parametrize("declared", [False, True])
def test_the_truth_table(
    predicts: Verdict | None,
    other: Verdict | None,
    *,
    declared: bool,
    refused: bool,
    not_run: bool,
    left_out: bool,
) -> None:
    """Every combination of what can be said about a variant, against the words of the answers."""
    outcomes = [
        Outcome(gate, status, declared)
        for gate, status in (("top1_agreement", predicts), ("latency_ratio", other))
        if status is not None
    ]
    rejected = (
        refused
        or Verdict.FAIL in (predicts, other)
        or (Verdict.MISSING in (predicts, other) and not declared)
        or (not_run and not left_out)
    )
    judged = predicts in (Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE)
    open_ = not_run or predicts in _OPEN or other in _OPEN
    found = decided(outcomes, refused=refused, not_run=not_run, lost=not_run and not left_out)
    assert [
        rejected,
        not rejected and not judged,
        not rejected and judged and open_,
        not rejected and judged and not open_,
    ] == [found is one for one in ShipDecision]
    backwards = decided(
        outcomes[::-1], refused=refused, not_run=not_run, lost=not_run and not left_out
    )
    assert backwards is found


@pytest.mark.parametrize("inconclusive", ["warn", "fail"])
def test_the_answer_does_not_depend_on_what_inconclusive_does(inconclusive: str) -> None:
    record = run(MADE, SPLIT, inconclusive=inconclusive)
    assert said(record) is ShipDecision.UNPROVEN
    assert why(record) == ("top1_agreement: INCONCLUSIVE; either side",)
    assert record.summary.passes is (inconclusive == "warn")
    assert not record.summary.may_ship


def test_a_declared_case_that_was_not_run_rejects() -> None:
    record = run(MADE, AGREES, declared=(MADE.id, AGREES.id, LEFT))
    assert said(record) is ShipDecision.REJECTED
    assert why(record) == ("outputs was declared and not run",)


@pytest.mark.parametrize("how", ["partial", "interrupted"])
def test_a_declared_case_that_was_left_out_on_purpose_proves_nothing(how: str) -> None:
    declared = (MADE.id, AGREES.id, FAILED.id, LEFT)
    on_purpose: dict[str, Any] = {how: True}
    record = run(MADE, AGREES, declared=declared, **on_purpose)
    assert said(record) is ShipDecision.UNPROVEN
    assert why(record)[-1] == "outputs was declared and not run"
    assert said(run(MADE, AGREES, FAILED, declared=declared, **on_purpose)) is ShipDecision.REJECTED
    size_alone = run(MADE, declared=(MADE.id, AGREES.id), **on_purpose)
    assert said(size_alone) is ShipDecision.NOT_JUDGED
    assert why(size_alone) == ("no case that looks at its predictions was run",)


def test_what_was_left_out_on_purpose_stands_against_nobody() -> None:
    record = run(MADE, AGREES, FAILED, declared=(FAILED.id, AGREES.id, MADE.id, LEFT), partial=True)
    variant = record.models[0].variants[0]
    assert objections(record, records.MODEL, variant) == ("types: FAIL; float islands",)


def test_a_variant_that_could_not_be_made_is_rejected() -> None:
    record = run(error="ended by SIGSEGV")
    assert said(record) is ShipDecision.REJECTED
    assert why(record) == ("it could not be made, run or compared: ended by SIGSEGV",)


def test_reasons_name_gate_verdict_and_reason() -> None:
    assert why(run(MADE, AGREES, FAILED, MISSING)) == (
        "types: FAIL; float islands",
        "accuracy_drop: MISSING; no labels",
    )
    declared = records.case(
        "int8", "accuracy_drop", Verdict.MISSING, declared=True, reason="no labels"
    )
    assert why(run(MADE, AGREES, declared)) == ("accuracy_drop: MISSING as declared; no labels",)


def test_why_a_variant_is_not_judged() -> None:
    def absent(reason: str) -> RunRecord:
        one = records.case("int8", "top1_agreement", Verdict.MISSING, declared=True, reason=reason)
        return run(MADE, one)

    assert why(run(MADE)) == ("no gate looks at its predictions",)
    assert why(absent(f"{RANDOM_WEIGHTS} (absent by declaration)")) == ("its weights are random",)
    assert why(absent("not measured: there are no evaluation images (absent by declaration)")) == (
        "its predictions were not measured: there are no evaluation images",
    )


@pytest.mark.parametrize(
    ("fails", "method", "expected"),
    [
        (True, "int8", ShipDecision.REJECTED),
        (False, "int8", ShipDecision.CLEARED),
        (True, "float16", ShipDecision.CLEARED),
    ],
)
def test_worse_than_accepted_rejects_only_that_variant(
    *, fails: bool, method: str, expected: ShipDecision
) -> None:
    change = Change(
        id=f"{records.MODEL}/{method}/max_bytes",
        model=records.MODEL,
        method=method,
        gate="max_bytes",
        kind=ChangeKind.WORSE,
        reason="10, then 11",
        fails=fails,
    )
    record = msgspec.structs.replace(undecided(run(MADE, AGREES)), changes=(change,))
    found = answered(record)
    assert said(found) is expected
    if expected is ShipDecision.REJECTED:
        assert why(found) == ("max_bytes: worse than accepted; 10, then 11",)


def test_only_a_whole_run_without_bad_input_that_passes_may_ship() -> None:
    assert run(MADE, AGREES).summary.may_ship
    assert run(MADE, AGREES, partial=True).summary.may_ship  # nothing was left out
    cut = run(MADE, AGREES, interrupted=True)
    assert (said(cut), cut.summary.may_ship) == (ShipDecision.CLEARED, False)
    bad = run(MADE, AGREES, errors=("no such folder",))
    assert (said(bad), bad.summary.may_ship) == (ShipDecision.CLEARED, False)
    assert not records.record((), (MADE,)).summary.may_ship
    gone = Change(id="net/int8/types", kind=ChangeKind.GONE, reason="was accepted", fails=True)
    failing = answered(msgspec.structs.replace(undecided(run(MADE, AGREES)), changes=(gone,)))
    assert said(failing) is ShipDecision.CLEARED
    assert not failing.summary.passes
    assert not failing.summary.may_ship


def test_bad_input_that_comes_up_while_a_record_is_written_keeps_it_from_passing() -> None:
    before = run(MADE, AGREES)
    after = with_error(before, "the disk is full")
    assert (after.summary.passes, after.summary.may_ship) == (False, False)
    assert after.errors == ("the disk is full",)
    assert after.models == before.models


def test_one_variant_that_is_not_cleared_keeps_all_from_shipping() -> None:
    variants = tuple(VariantRecord(name=name, method=name) for name in ("int8", "float16"))
    other = records.case("float16", "made")
    record = records.record(variants, (MADE, AGREES, other))
    assert [one.answer for one in record.models[0].variants] == [
        ShipDecision.CLEARED,
        ShipDecision.NOT_JUDGED,
    ]
    assert record.summary.passes
    assert not record.summary.may_ship


def test_answers_that_are_given_stay() -> None:
    record = run(MADE, AGREES)
    assert answered(record) is record
    variant = msgspec.structs.replace(record.models[0].variants[0], answer=ShipDecision.UNPROVEN)
    assert answer(record, records.MODEL, variant) is ShipDecision.UNPROVEN
    assert answered(undecided(record)) == record


def test_a_gate_that_is_unknown_sees_nothing() -> None:
    assert sees_predictions("accuracy_drop")
    assert not sees_predictions("outputs")
    assert not sees_predictions("a_gate_of_later")


def test_an_open_case_says_which_way_it_leans() -> None:
    case = records.case("int8", "accuracy_drop", Verdict.INCONCLUSIVE, value=0.1, limit=0.03)
    assert leans(case) is Verdict.FAIL
    assert status_in_words(case) == "INCONCLUSIVE, leans to FAIL"
    assert status_in_words(FAILED) == "FAIL"


def compared(kind: ChangeKind, method: str = "int8", **keys: Any) -> RunRecord:
    """Return a record of one good variant beside an accepted one."""
    change = Change(
        id="x", model=records.MODEL, method=method, gate="max_bytes", kind=kind, reason="so", **keys
    )
    return answered(msgspec.structs.replace(undecided(run(MADE, AGREES)), changes=(change,)))


def test_what_can_not_be_compared_with_what_was_accepted_leaves_a_variant_unproven() -> None:
    open_ = compared(ChangeKind.INCONCLUSIVE)
    assert said(open_) is ShipDecision.UNPROVEN
    assert why(open_) == ("max_bytes: inconclusive against the accepted record; so",)
    assert not open_.summary.may_ship
    for record in (
        compared(ChangeKind.INCONCLUSIVE, "float16"),
        compared(ChangeKind.INCOMPARABLE),
        compared(ChangeKind.UNCHANGED),
    ):
        assert said(record) is ShipDecision.CLEARED
        assert why(record) == ()
        assert record.summary.may_ship


def test_a_change_of_another_model_is_not_held_against_a_variant() -> None:
    elsewhere = Change(
        id="x",
        model="other",
        method="int8",
        gate="max_bytes",
        kind=ChangeKind.WORSE,
        reason="so",
        fails=True,
    )
    open_ = msgspec.structs.replace(elsewhere, kind=ChangeKind.INCONCLUSIVE, fails=False)
    before = undecided(run(MADE, AGREES))
    record = answered(msgspec.structs.replace(before, changes=(elsewhere, open_)))
    assert said(record) is ShipDecision.CLEARED
    assert objections(record, records.MODEL, record.models[0].variants[0]) == ()


def test_all_that_is_open_is_said_in_order() -> None:
    declared = (MADE.id, SPLIT.id, LEFT, f"{records.MODEL}/int8/types", "other/int8/outputs")
    record = run(MADE, SPLIT, declared=declared, partial=True)
    change = Change(
        id="x",
        model=records.MODEL,
        method="int8",
        gate="max_bytes",
        kind=ChangeKind.INCONCLUSIVE,
        reason="so",
    )
    whole = answered(msgspec.structs.replace(undecided(record), changes=(change,)))
    assert why(whole) == (
        "top1_agreement: INCONCLUSIVE; either side",
        "max_bytes: inconclusive against the accepted record; so",
        "outputs was declared and not run",
        "types was declared and not run",
    )


def test_all_that_stands_against_a_variant_is_said_in_order() -> None:
    record = run(MADE, FAILED, error="crashed", declared=(MADE.id, FAILED.id, LEFT))
    worse = Change(
        id="x",
        model=records.MODEL,
        method="int8",
        gate="max_bytes",
        kind=ChangeKind.WORSE,
        reason="10, then 11",
        fails=True,
    )
    whole = answered(msgspec.structs.replace(undecided(record), changes=(worse,)))
    assert why(whole) == (
        "it could not be made, run or compared: crashed",
        "types: FAIL; float islands",
        "max_bytes: worse than accepted; 10, then 11",
        "outputs was declared and not run",
    )
    cut = answered(undecided(msgspec.structs.replace(record, interrupted=True)))
    assert objections(cut, records.MODEL, cut.models[0].variants[0]) == (
        "it could not be made, run or compared: crashed",
        "types: FAIL; float islands",
    )


def test_an_outcome_fails_by_itself_if_it_is_missing_and_not_meant_to_be() -> None:
    fails = {
        (status, declared): Outcome("types", status, declared).fails
        for status in Verdict
        for declared in (False, True)
    }
    assert {which for which, failing in fails.items() if failing} == {
        (Verdict.FAIL, False),
        (Verdict.FAIL, True),
        (Verdict.MISSING, False),
    }
    assert Outcome("types", Verdict.MISSING).fails


def test_nothing_open_is_the_default() -> None:
    good = [Outcome("top1_agreement", Verdict.PASS)]
    options = {"refused": False, "not_run": False, "lost": False}
    assert decided(good, **options) is ShipDecision.CLEARED
    assert decided(good, **options, is_open=True) is ShipDecision.UNPROVEN


def test_a_case_that_is_doubted_leans_to_nothing() -> None:
    case = records.case("int8", "accuracy_drop", Verdict.INCONCLUSIVE, value=0.1, limit=0.03)
    doubted = msgspec.structs.replace(case, evidence={"doubt": {"reason": "guesses"}})
    assert leans(doubted) is None
    assert status_in_words(doubted) == "INCONCLUSIVE"


def test_a_variant_whose_other_gates_alone_were_left_out_has_none_that_looks() -> None:
    record = run(MADE, declared=(MADE.id, LEFT), partial=True)
    assert why(record) == ("no gate looks at its predictions",)


def test_a_part_of_the_answers_is_completed() -> None:
    variants = tuple(VariantRecord(name=name, method=name) for name in ("int8", "float16"))
    cases = (MADE, AGREES, records.case("float16", "top1_agreement"))
    record = records.record(variants, cases)
    assert record.summary.may_ship
    model = record.models[0]
    first = msgspec.structs.replace(model.variants[0], answer=ShipDecision.UNPROVEN)
    second = msgspec.structs.replace(model.variants[1], answer=None)
    part = msgspec.structs.replace(
        record, models=(msgspec.structs.replace(model, variants=(first, second)),)
    )
    whole = answered(part)
    assert [one.answer for one in whole.models[0].variants] == [
        ShipDecision.UNPROVEN,
        ShipDecision.CLEARED,
    ]
    assert not whole.summary.may_ship


def test_an_incomplete_record_may_not_ship() -> None:
    before = undecided(run(MADE, AGREES))
    part = msgspec.structs.replace(before.summary, complete=False)
    assert not answered(msgspec.structs.replace(before, summary=part)).summary.may_ship


def test_reasons_are_those_of_the_answer_that_is_given_or_comes_out() -> None:
    assert why(undecided(run(MADE, SPLIT))) == ("top1_agreement: INCONCLUSIVE; either side",)
    record = run(MADE, SPLIT)
    cleared = msgspec.structs.replace(record.models[0].variants[0], answer=ShipDecision.CLEARED)
    assert reasons(record, records.MODEL, cleared) == ()


def test_what_is_absent_by_declaration_stands_against_nobody() -> None:
    record = run(MADE, FAILED, DECLARED)
    variant = record.models[0].variants[0]
    assert objections(record, records.MODEL, variant) == ("types: FAIL; float islands",)


def of_baseline(status: Verdict, **more: Any) -> CaseRecord:
    return records.case("baseline", "conversion", status, **more)


@pytest.mark.parametrize(
    ("case", "expected", "because"),
    [
        (of_baseline(Verdict.PASS), ShipDecision.CLEARED, ""),
        (of_baseline(Verdict.FAIL), ShipDecision.NOT_JUDGED, "not the model of its source"),
        (of_baseline(Verdict.MISSING), ShipDecision.UNPROVEN, "conversion: MISSING"),
        (of_baseline(Verdict.INCONCLUSIVE), ShipDecision.UNPROVEN, "conversion: INCONCLUSIVE"),
    ],
)
def test_no_variant_of_a_wrong_or_unproven_baseline_is_cleared(
    case: CaseRecord, expected: ShipDecision, because: str
) -> None:
    record = undecided(run(case, MADE, AGREES))
    assert said(record) is expected
    assert because in " ".join(why(record))
    # What counts against the variant itself still rejects it.
    assert said(undecided(run(case, MADE, AGREES, FAILED))) is ShipDecision.REJECTED


def test_a_baseline_that_was_not_compared_with_its_source_clears_nothing() -> None:
    left = f"{records.MODEL}/baseline/conversion"
    record = undecided(run(MADE, AGREES, declared=(left, MADE.id, AGREES.id), partial=True))
    assert said(record) is ShipDecision.UNPROVEN
    assert why(record) == ("conversion was declared and not run",)
