from __future__ import annotations

import pytest

from edgeq.judge.verdict import Verdict
from edgeq.record import Facts, VariantRecord
from edgeq.report.view import flat, view
from tests.unit.report import records

GOOD = records.case("int8", "made")
SPLIT = records.case("int8", "accuracy_drop", Verdict.INCONCLUSIVE)
BAD = records.case("float16", "types", Verdict.FAIL)
BOTH = (records.variant("int8", 10), records.variant("float16", 20))


@pytest.mark.parametrize(
    ("variants", "cases", "headline"),
    [
        (BOTH, (GOOD, records.case("float16", "made")), "All 2 variants may ship"),
        (BOTH[:1], (GOOD,), "The variant may ship"),
        (BOTH[:1], (GOOD, SPLIT), "The variant may ship, 1 with warnings"),
        (BOTH, (GOOD, BAD), "1 of 2 variants may ship"),
        (BOTH[1:], (BAD,), "The variant may not ship"),
        (BOTH, (BAD,), "No variant may ship"),
        ((), (), "There is no variant to ship"),
    ],
)
def test_headline(variants: tuple[object, ...], cases: tuple[object, ...], headline: str) -> None:
    assert view(records.record(variants, cases)).headline == headline  # type: ignore[arg-type]


def test_the_answer_gives_its_reasons() -> None:
    shown = view(records.full_record())
    assert shown.mark.word == "FAIL"
    assert shown.because == (
        "2 cases FAIL; 1 case MISSING without being declared; 1 case INCONCLUSIVE, which warns; "
        "1 case MISSING as declared"
    )
    assert [(mark.word, number) for mark, number in shown.counts] == [
        ("PASS", 16),
        ("FAIL", 2),
        ("INCONCLUSIVE", 1),
        ("MISSING", 2),
    ]


def test_all_passed_is_said() -> None:
    shown = view(records.record(BOTH[:1], (GOOD,)))
    assert shown.because == "all 1 case passed"
    assert shown.mark.word == "PASS"


def test_an_empty_run_does_not_pass() -> None:
    shown = view(records.record((), ()))
    assert shown.because == "nothing was judged"
    assert shown.mark.word == "FAIL"


def test_random_weights_are_said_at_the_top() -> None:
    missing = records.case("int8", "top1_agreement", Verdict.MISSING, declared=True)
    record = records.record(BOTH[:1], (GOOD, missing), trained=False, notes=("random weights",))
    notes = view(record).notes
    assert notes[0] == f"{records.MODEL}: random weights"
    assert "MISSING by declaration because its weights are random: top1_agreement" in notes[1]
    assert ("Weights", "random, not trained") in view(record).models[0].about


def test_bad_input_is_said_at_the_top() -> None:
    shown = view(records.record(BOTH[:1], (GOOD,), errors=("data/x: no such folder",)))
    assert shown.mark.word == "FAIL"
    assert shown.notes == ("Bad input: data/x: no such folder",)
    assert shown.because == "1 input could not be used"


def test_cases_that_were_not_run_are_named() -> None:
    record = records.record(BOTH[:1], (GOOD,), declared=(GOOD.id, "m/int8/types"))
    shown = view(record)
    assert shown.notes == ("Declared and not run: m/int8/types",)
    assert shown.because == "1 declared case not run"


def test_a_verdict_for_no_variant_is_shown() -> None:
    stray = records.case("elsewhere", "made")
    shown = view(records.record(BOTH[:1], (GOOD, stray)))
    assert [case.id for case in shown.orphans] == [stray.id]


def test_variants_show_types_times_parts_and_operators() -> None:
    one = view(records.full_record()).models[0].variants[1]
    assert one.name == "dynamic_range"
    assert [share.name for share in one.operators][:2] == ["MUL", "CONV_2D"]
    assert sum(share.share for share in one.parts) == pytest.approx(1.0)
    assert dict(one.types)["inputs"] == "float32"
    assert dict(one.types)["delegate"] == "198 of 199 operators in 1 partition (xnnpack)"
    assert dict(one.times)["median"].startswith("9.80")
    assert [case.gate for case in one.trouble] == ["accuracy_drop"]


def test_anchors_are_unique() -> None:
    shown = view(records.full_record())
    anchors = [one.anchor for model in shown.models for one in model.rows]
    assert len(set(anchors)) == len(anchors)


def test_flat_facts() -> None:
    table: Facts = {"a_b": {"c": [1, 2]}, "d": None, "e": []}
    assert flat(table) == (("a b: c", "1, 2"), ("d", "not known"), ("e", "none"))


def test_origin_of_made_and_ready_made_variants() -> None:
    ready = VariantRecord(name="a", method="", engine="ready-made")
    claims = VariantRecord(name="b", method="int8", engine="ready-made")
    shown = view(records.record((ready, claims, BOTH[0]), ())).models[0].variants
    assert [one.origin for one in shown] == [
        "ready-made",
        "ready-made, claims int8",
        "int8 by litert",
    ]
