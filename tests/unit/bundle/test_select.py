from __future__ import annotations

from edgeq.bundle.select import Refusal, select
from edgeq.judge.verdict import ShipDecision
from tests.unit.report import records


def test_only_what_is_cleared_is_chosen() -> None:
    chosen, refused = select(records.full_record())
    assert [one.variant.name for one in chosen] == ["float16"]
    assert chosen[0].key == f"{records.MODEL}/float16"
    assert (chosen[0].answer, chosen[0].reasons) == (ShipDecision.CLEARED, ())
    assert {one.variant: one.answer for one in refused} == {
        "dynamic_range": ShipDecision.UNPROVEN,
        "int8@tensorflow": ShipDecision.REJECTED,
        "weight_only_int4": ShipDecision.REJECTED,
        records.HOSTILE: ShipDecision.REJECTED,
    }


def test_the_unproven_are_chosen_when_asked_for_and_nothing_else() -> None:
    chosen, refused = select(records.full_record(), unproven=True)
    assert {one.variant.name: one.answer for one in chosen} == {
        "float16": ShipDecision.CLEARED,
        "dynamic_range": ShipDecision.UNPROVEN,
    }
    (reason,) = chosen[1].reasons
    assert reason.startswith("accuracy_drop: INCONCLUSIVE, leans to PASS; the drop of 0.004")
    assert {one.answer for one in refused} == {ShipDecision.REJECTED}


def test_what_is_not_judged_is_never_chosen() -> None:
    record = records.record((records.variant("int8", 10),), (records.case("int8", "made"),))
    for unproven in (False, True):
        chosen, (refusal,) = select(record, unproven=unproven)
        assert chosen == ()
        assert refusal.answer is ShipDecision.NOT_JUDGED
        assert refusal.reasons == ("no gate looks at its predictions",)


def test_every_refusal_says_why() -> None:
    _, refused = select(records.full_record(), unproven=True)
    assert str(refused[0]) == (
        f"{records.MODEL}/int8@tensorflow is rejected: accuracy_drop: MISSING; not measured: the "
        "evaluation images have no labels"
    )
    assert all(one.reasons for one in refused)


def test_reasons_are_joined() -> None:
    assert str(Refusal("m", "v", ShipDecision.REJECTED, ("a", "b"))) == "m/v is rejected: a; b"
