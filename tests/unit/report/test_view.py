from __future__ import annotations

import msgspec
import pytest

from edgeq.io.structs import Json
from edgeq.judge.verdict import Verdict
from edgeq.record.structs import VariantRecord
from edgeq.report.view import MAX_FOUND, flat, view
from tests.unit.report import records

GOOD = records.case("int8", "made")
BOTH = (records.variant("int8", 10), records.variant("float16", 20))


def test_counts_are_by_verdict() -> None:
    shown = view(records.full_record())
    assert shown.mark.word == "FAIL"
    assert [(mark.word, number) for mark, number in shown.counts] == [
        ("PASS", 16),
        ("FAIL", 2),
        ("INCONCLUSIVE", 1),
        ("MISSING", 2),
    ]


def test_random_weights_are_said_beside_the_model() -> None:
    record = records.record(BOTH[:1], (GOOD,), trained=False)
    assert ("Weights", "random, not trained") in view(record).models[0].about


def test_nothing_is_said_of_the_weights_of_a_model_that_no_case_needed() -> None:
    unread = VariantRecord(name="baseline", method="float")
    record = records.record(BOTH[:1], (), trained=False, baseline=unread)
    assert ("Weights", "not read in this run") in view(record).models[0].about


def test_a_verdict_for_no_variant_is_shown() -> None:
    stray = records.case("elsewhere", "made")
    shown = view(records.record(BOTH[:1], (GOOD, stray)))
    assert [case.id for case in shown.orphans] == [stray.id]


def test_variants_show_types_times_parts_and_operators() -> None:
    one = view(records.full_record()).models[0].variants[1]
    assert one.name == "dynamic_range"
    assert [share.name for share in one.operators][:2] == ["MUL", "CONV_2D"]
    assert sum(share.share for share in one.operators) == pytest.approx(1.0)
    assert one.stack is not None
    assert dict(one.types)["inputs"] == "float32"
    assert one.kernels is not None
    assert one.kernels.summary == "198 of 199 operators in 1 partition (xnnpack)"
    assert one.times is not None
    [median] = [own for name, _, own in one.times.rows if name == "median"]
    assert median.startswith("9.80")
    assert [case.gate for case in one.trouble] == ["accuracy_drop"]


def test_anchors_are_unique() -> None:
    shown = view(records.full_record())
    anchors = [one.anchor for model in shown.models for one in model.rows]
    assert len(set(anchors)) == len(anchors)


def test_flat_facts() -> None:
    table: dict[str, Json] = {"a_b": {"c": [1, 2]}, "d": None, "e": []}
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


def test_facts_are_said_as_people_say_them() -> None:
    table: dict[str, Json] = {
        "memory_bytes": 25_276_502_016,
        "labelled": True,
        "mean": [0.0, 127.5],
        "seed": None,
        "cores": 2,
    }
    assert flat(table) == (
        ("memory", "25.3\u00a0GB"),
        ("labelled", "yes"),
        ("mean", "0, 127.5"),
        ("seed", "not known"),
        ("cores", "2"),
    )


@pytest.mark.parametrize(
    ("commit", "first"),
    [("ab" * 20, f"git checkout {'ab' * 20}"), ("$(reboot)", "pytest -m size"), (None, "pytest")],
)
def test_the_commit_is_part_of_what_repeats_a_run(commit: str | None, first: str) -> None:
    record = msgspec.structs.replace(
        records.full_record(), commit=commit, commands=("pytest -m size",)
    )
    assert view(record).commands[0].startswith(first)


def test_the_first_step_of_a_variant_is_the_one_that_goes_with_a_cause() -> None:
    plain = records.case("int8", "input_range", Verdict.FAIL, next_step="Look")
    caused = msgspec.structs.replace(
        records.case("int8", "ranges", Verdict.FAIL, next_step="Calibrate"), cause="too narrow"
    )
    variant = records.variant("int8", 10)
    (shown,) = view(records.record((variant,), (plain, caused))).models[0].variants
    assert shown.next_step == "Calibrate"
    (shown,) = view(records.record((variant,), (plain,))).models[0].variants
    assert shown.next_step == "Look"
    (shown,) = view(records.record((variant,), records.passing("int8"))).models[0].variants
    assert shown.next_step == ""


def test_the_step_is_that_of_the_worst_verdict() -> None:
    open_ = records.case("int8", "top1_agreement", Verdict.INCONCLUSIVE, next_step="Wait")
    absent = records.case("int8", "accuracy_drop", Verdict.MISSING, next_step="Label")
    failing = records.case("int8", "types", Verdict.FAIL, next_step="Rebuild")
    declared = msgspec.structs.replace(absent, declared_missing=True)
    for cases, step in (
        ((open_, absent), "Label"),
        ((open_, absent, failing), "Rebuild"),
        ((declared, open_), "Wait"),
    ):
        (model,) = view(records.record(BOTH[:1], cases)).models
        assert model.variants[0].next_step == step


def test_the_baseline_alone_gives_no_column() -> None:
    shown = view(records.full_record()).models[0]
    assert shown.judged == shown.variants
    alone = view(records.record((), ())).models[0]
    assert alone.judged == (alone.baseline,)


def test_of_many_models_the_head_describes_those_that_are_not_cleared() -> None:
    record = records.record((records.variant("int8", 10),), records.passing("int8"))
    names = [f"net-{number}" for number in range(MAX_FOUND + 1)]
    variants = tuple(
        msgspec.structs.replace(each, answer=None) for each in record.models[0].variants
    )
    models = tuple(
        msgspec.structs.replace(record.models[0], name=name, variants=variants) for name in names
    )
    cases = tuple(
        msgspec.structs.replace(case, id=f"{name}/int8/{case.gate}", model=name, status=status)
        for name, status in zip(names, [Verdict.FAIL, *[Verdict.PASS] * MAX_FOUND], strict=True)
        for case in record.cases
    )
    shown = view(msgspec.structs.replace(record, models=models, cases=cases))
    assert len(shown.findings) == len(names)
    (finding,) = shown.first_findings
    assert finding.startswith("net-0: int8 is rejected")
    few = view(msgspec.structs.replace(record, models=models[1:], cases=cases))
    assert few.first_findings == few.findings
