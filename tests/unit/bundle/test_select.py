from __future__ import annotations

import msgspec
import pytest

from edgeq.bundle.pack import variant_readme
from edgeq.bundle.select import Refusal, select
from edgeq.errors import RecordError
from edgeq.judge.verdict import ShipDecision, Verdict
from edgeq.record.structs import TargetRecord
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


@pytest.mark.parametrize("status", [Verdict.FAIL, Verdict.MISSING, Verdict.INCONCLUSIVE, None])
def test_an_answer_that_the_cases_contradict_is_refused(status: Verdict | None) -> None:
    record = records.full_record()
    cases = (
        msgspec.structs.replace(case, status=status) if status else case
        for case in record.cases
        if status or case.variant != "float16"
    )
    changed = msgspec.structs.replace(record, cases=tuple(cases))
    with pytest.raises(RecordError, match=r"float16 is called cleared, but by its cases it is "):
        select(changed)


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


def test_a_variant_of_several_targets_is_one_file_with_an_answer_on_each() -> None:
    measures = ("predictions",)
    targets = tuple(
        TargetRecord(name=name, kind="ssh", summary="", measures=measures) for name in ("pi", "jet")
    )
    plain = records.variant("int8", 8_000_000)
    there = [
        msgspec.structs.replace(
            plain,
            name=f"int8@{name}",
            target=name,
            size=None,
            agreement=records.agreement_of(right),
        )
        for name, right in (("pi", 499), ("jet", 498))
    ]
    cases = [records.case(f"int8@{name}", "top1_agreement") for name in ("pi", "jet")]
    made = records.case("int8", "max_bytes")
    record = records.record((plain, *there), (made, *cases), targets=targets)
    (chosen,), refused = select(record)
    assert refused == ()
    assert chosen.key == f"{records.MODEL}/int8"
    cleared = ShipDecision.CLEARED
    assert chosen.targets == {"pi": cleared, "jet": cleared}, "this machine judged its file only"
    assert len(chosen.cases) == 3
    assert chosen.variant.size == plain.size
    assert chosen.variant.agreement == there[0].agreement
    assert "Judged on pi (cleared), jet (cleared)." in variant_readme(chosen, "int8", [])


def test_a_variant_that_one_target_rejects_is_not_packed() -> None:
    pi = TargetRecord(name="pi", kind="ssh", summary="", measures=("predictions",))
    local = msgspec.structs.replace(pi, name="local")
    plain = records.variant("int8", 8_000_000)
    there = msgspec.structs.replace(plain, name="int8@pi", target="pi")
    cases = [
        records.case("int8", "top1_agreement"),
        records.case("int8@pi", "top1_agreement", Verdict.FAIL, reason="agrees on half"),
    ]
    _, (refusal,) = select(records.record((plain, there), cases, targets=(local, pi)))
    assert str(refusal) == (
        f"{records.MODEL}/int8 is rejected: on pi: top1_agreement: FAIL; agrees on half"
    )
