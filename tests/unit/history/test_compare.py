from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeq.history import accepted
from edgeq.history.accept import Signature, accept, select
from edgeq.history.compare import compare, follow, hold
from edgeq.history.past import past_run
from edgeq.history.snapshot import of_record
from edgeq.judge.verdict import ShipDecision, Verdict
from edgeq.record.change import Change, ChangeKind
from edgeq.record.exit_code import exit_code, passes
from edgeq.record.feeding import Difference, Feeding
from edgeq.record.ship_decision import answered, reasons
from edgeq.record.structs import ModelRecord, RunRecord
from tests.unit.history.figures import (
    MODEL,
    VALUES,
    case,
    case_id,
    flips,
    run,
    together,
    unnamed_flips,
    with_value,
)

WORSE, BETTER, NOISE = ChangeKind.WORSE, ChangeKind.BETTER, ChangeKind.NOISE
UNCHANGED, INCOMPARABLE = ChangeKind.UNCHANGED, ChangeKind.INCOMPARABLE
INCONCLUSIVE = ChangeKind.INCONCLUSIVE
NEW, GONE = ChangeKind.NEW, ChangeKind.GONE
MIRROR = {WORSE: BETTER, BETTER: WORSE, NEW: GONE, GONE: NEW}
UNNAMED: dict[str, Any] = {"agreement": unnamed_flips()}


def changes(before: RunRecord, after: RunRecord) -> dict[str, Change]:
    return {one.gate: one for one in compare(of_record(before), of_record(after))}


def only(before: RunRecord, after: RunRecord) -> Change:
    (found,) = changes(before, after).values()
    return found


@st.composite
def records(draw: st.DrawFn) -> RunRecord:
    """Draw a run with some gates, values near those of every other, flips of a few images."""
    gates = draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=1, unique=True))
    cases = []
    for gate in gates:
        status = draw(st.sampled_from(Verdict))
        given_: dict[str, Any] = {"declared_missing": draw(st.booleans())}
        usual = VALUES[gate]
        if status is Verdict.MISSING or usual is None or draw(st.integers(0, 9)) == 0:
            given_ |= {"value": None, "interval": None}
        else:
            value = usual * draw(st.sampled_from([0.4, 0.95, 0.99999, 1.0, 1.04, 1.6]))
            half = abs(value) * draw(st.sampled_from([0.001, 0.02, 0.3]))
            known = draw(st.booleans())
            given_ |= {"value": value, "interval": (value - half, value + half) if known else None}
        cases.append(case(gate, status, **given_))
    kinds = st.sampled_from(["right_to_wrong", "wrong_to_right", "wrong_to_wrong"])
    names = st.dictionaries(st.sampled_from("abcdefghijklmnop"), kinds, max_size=16)
    return run(
        *cases,
        agreement=UNNAMED["agreement"] if draw(st.booleans()) else flips(**draw(names)),
        toolchain={"kernels": draw(st.sampled_from(["xnnpack", "reference"]))},
        partial=draw(st.booleans()),
    )


@settings(max_examples=80)
@given(records())
def test_a_record_beside_itself_says_that_nothing_changed(one: RunRecord) -> None:
    found = compare(of_record(one), of_record(one))
    assert [change.id for change in found] == [made.id for made in one.cases]
    assert {change.kind for change in found} == {UNCHANGED}
    assert not any(change.fails for change in found)


@settings(max_examples=200)
@given(records(), records())
def test_swapping_the_sides_swaps_better_and_worse(one: RunRecord, two: RunRecord) -> None:
    forth, back = changes(one, two), changes(two, one)
    assert set(forth) == set(back)
    for gate, change in forth.items():
        if {change.kind, back[gate].kind} != {INCOMPARABLE, INCONCLUSIVE}:  # MISSING as declared
            assert back[gate].kind is MIRROR.get(change.kind, change.kind)
        assert (back[gate].before, back[gate].after) == (change.after, change.before)
        assert (back[gate].images_worse, back[gate].images_better) == (
            change.images_better,
            change.images_worse,
        )


@pytest.mark.parametrize(
    ("gate", "value", "kind"),
    [
        ("size_reduction", 0.69996, WORSE),  # 1,067 bytes of 8 MB
        ("size_reduction", 0.69997, NOISE),  # 800 bytes
        ("size_reduction", 0.70004, BETTER),
        ("max_bytes", 8_001_001.0, WORSE),
        ("max_bytes", 8_001_000.0, NOISE),
        ("max_bytes", 7_999_010.0, NOISE),
        ("max_bytes", 7_998_990.0, BETTER),
        ("worst_cosine", 0.89995, NOISE),
        ("worst_cosine", 0.8998, WORSE),
        ("worst_cosine", 0.9002, BETTER),
        ("max_peak_memory", 61_000_000.0, NOISE),
        ("max_peak_memory", 61_300_000.0, WORSE),
        ("max_peak_memory", 57_000_000.0, BETTER),
        ("max_partitions", 2.0, WORSE),
        ("max_partitions", 0.0, BETTER),
    ],
)
def test_exact_facts_have_a_tolerance(gate: str, value: float, kind: ChangeKind) -> None:
    usual = VALUES[gate]
    assert usual is not None
    found = only(with_value(gate, usual), with_value(gate, value))
    assert found.kind is kind
    assert (found.before, found.after) == (usual, value)
    assert found.fails is (kind is WORSE)


def test_a_small_file_differs_by_a_hundredth() -> None:
    small: dict[str, Any] = {"variant": {"bytes": 2000}}
    before = with_value("max_bytes", 2000.0, **small)
    assert only(before, with_value("max_bytes", 2020.0, **small)).kind is NOISE
    assert only(before, with_value("max_bytes", 2021.0, **small)).kind is WORSE


@pytest.mark.parametrize(
    ("gate", "ends", "kind"),
    [
        ("latency_ratio", (0.52, 0.54), NOISE),
        ("latency_ratio", (0.54, 0.56), WORSE),
        ("latency_ratio", (0.44, 0.46), BETTER),
        ("latency_ratio", (0.46, 0.48), NOISE),
        ("max_latency_ms", (5.9, 6.1), NOISE),
        ("max_latency_ms", (6.7, 6.9), WORSE),
        ("max_latency_ms", (3.0, 3.2), BETTER),
        ("top5_overlap", (0.90, 0.93), NOISE),
        ("top5_overlap", (0.88, 0.91), WORSE),
        ("top5_overlap", (0.991, 1.0), BETTER),
    ],
)
def test_estimates_differ_where_their_intervals_do(
    gate: str, ends: tuple[float, float], kind: ChangeKind
) -> None:
    after = with_value(gate, sum(ends) / 2, ends)
    assert only(run(case(gate)), after).kind is kind


def test_without_an_interval_nothing_can_be_told_of_an_estimate() -> None:
    found = only(run(case("latency_ratio")), with_value("latency_ratio", 5.0))
    assert found.kind is INCOMPARABLE
    assert "too few samples" in found.reason


def test_agreement_is_paired_by_image() -> None:
    names = {f"img{number}": "right_to_wrong" for number in range(8)}
    before = with_value("top1_agreement", 0.99, (0.95, 1.0), agreement=flips(img0="right_to_wrong"))
    after = with_value("top1_agreement", 0.92, (0.85, 0.97), agreement=flips(**names))
    found = only(before, after)
    assert found.kind is WORSE
    assert found.images_worse == tuple(f"img{number}.jpg" for number in range(1, 8))
    assert found.images_better == ()
    p = 2 * 0.5**7
    assert found.reason.startswith(
        f"99.0 -> 92.0 %; 7 images got worse and none better (exact McNemar p {p:.2g}): "
        "img1.jpg, img2.jpg, img3.jpg and 4 more"
    )
    assert "the variant's file is the same" in found.reason
    assert only(after, before).kind is BETTER


def test_few_images_that_changed_are_named_and_may_be_chance() -> None:
    after = with_value("top1_agreement", 0.96, agreement=flips(a=None, b=None, c=None, d=None))
    found = only(with_value("top1_agreement", 1.0), after)
    assert found.kind is NOISE
    assert found.images_worse == ("a.jpg", "b.jpg", "c.jpg", "d.jpg")
    assert "4 images got worse" in found.reason
    assert not found.fails


def test_agreement_without_names_goes_by_its_intervals() -> None:
    before = with_value("top1_agreement", 0.99, (0.97, 1.0), **UNNAMED)
    assert only(before, with_value("top1_agreement", 0.95, (0.92, 0.98))).kind is NOISE
    assert only(before, with_value("top1_agreement", 0.9, (0.86, 0.94))).kind is WORSE


def test_accuracy_is_paired_by_image() -> None:
    lost = {f"img{number}": "right_to_wrong" for number in range(6)}
    other = {f"img{number}": "wrong_to_wrong" for number in range(6)}
    before = with_value("accuracy_drop", 0.0, (-0.1, 0.1))
    after = with_value("accuracy_drop", 0.06, (-0.1, 0.2), agreement=flips(**lost))
    assert only(before, after).kind is WORSE
    same = with_value("accuracy_drop", 0.0, (-0.1, 0.1), agreement=flips(**other))
    assert only(before, same).kind is UNCHANGED


def test_a_proof_goes_by_its_verdict() -> None:
    holds = run(case("types"))
    broken = run(case("types", Verdict.FAIL, reason="weights are float32"))
    found = only(holds, broken)
    assert (found.kind, found.reason) == (WORSE, "PASS, then FAIL: weights are float32")
    assert only(broken, holds).kind is BETTER
    assert only(broken, broken).kind is UNCHANGED


def test_a_variant_that_does_not_run_any_more_is_worse() -> None:
    crashed = run(case("max_bytes", Verdict.FAIL, value=None, reason="ended by SIGSEGV"))
    found = only(run(case("max_bytes")), crashed)
    assert found.kind is WORSE
    assert "ended by SIGSEGV" in found.reason


def test_a_figure_that_is_missing_now_is_gone() -> None:
    missing = run(case("accuracy_drop", Verdict.MISSING, reason="no labels"))
    found = only(run(case("accuracy_drop")), missing)
    assert (found.kind, found.fails) == (GONE, True)
    assert found.reason == "was 1.0 points lost, now MISSING: no labels"
    assert only(missing, run(case("accuracy_drop"))).kind is NEW


def test_a_figure_that_is_declared_missing_after_it_was_accepted_is_open() -> None:
    missing = run(case("accuracy_drop", Verdict.MISSING, declared_missing=True, reason="no labels"))
    found = only(run(case("accuracy_drop")), missing)
    assert (found.kind, found.fails) == (INCONCLUSIVE, False)
    assert found.reason == "was 1.0 points lost, now MISSING as declared: no labels"


def test_a_figure_that_was_missing_by_declaration_is_incomparable() -> None:
    missing = run(case("accuracy_drop", Verdict.MISSING, declared_missing=True, reason="no labels"))
    found = only(missing, run(case("accuracy_drop")))
    assert (found.kind, found.fails) == (INCOMPARABLE, False)


def test_a_figure_that_passed_without_a_value_is_not_unchanged() -> None:
    without = case("max_bytes", value=None)
    found = only(run(without), run(case("max_bytes")))
    assert found.kind is INCONCLUSIVE
    assert found.reason == "PASS, then 8 MB: only one of them has a value"
    assert only(run(without), run(without)).kind is UNCHANGED


def test_cases_of_one_side_are_new_and_gone() -> None:
    found = changes(run(case("made"), case("max_bytes")), run(case("made"), case("latency_ratio")))
    assert {gate: one.kind for gate, one in found.items()} == {
        "made": UNCHANGED,
        "latency_ratio": NEW,
        "max_bytes": GONE,
    }
    assert found["max_bytes"].fails
    assert not found["latency_ratio"].fails
    assert (found["max_bytes"].before, found["max_bytes"].after) == (8_000_000.0, None)


def test_what_was_not_run_is_neither_new_nor_gone() -> None:
    whole = run(case("made"), case("max_bytes"))
    part = run(case("made"), declared=(case_id("made"), case_id("max_bytes")), partial=True)
    assert set(changes(whole, part)) == {"made"}
    assert set(changes(part, whole)) == {"made"}


def test_what_the_spec_no_longer_declares_is_gone_in_a_part_too() -> None:
    found = changes(run(case("made"), case("max_bytes")), run(case("made"), partial=True))
    assert found["max_bytes"].kind is GONE
    assert found["max_bytes"].fails


def test_a_change_says_what_else_is_other() -> None:
    found = only(
        with_value("worst_cosine", 0.9),
        with_value(
            "worst_cosine",
            0.5,
            toolchain={"ai-edge-litert": "2.4.0"},
            variant={"sha256": "12" * 32},
        ),
    )
    assert found.kind is WORSE
    assert found.reason == "0.900 -> 0.500; runtime 2.3.0, then 2.4.0"


def test_a_gate_that_this_version_does_not_know_goes_by_its_verdict() -> None:
    before = run(case("made"))
    strange = case("made", value=1.0)
    made = [
        type(strange)(**{**{f: getattr(strange, f) for f in strange.__struct_fields__}, **other})
        for other in (
            {"gate": "odd", "id": "net/int8/odd"},
            {"gate": "odd", "id": "net/int8/odd", "value": 9.0},
        )
    ]
    assert only(run(made[0]), run(made[1])).kind is UNCHANGED
    assert changes(before, run(made[0]))["odd"].kind is NEW


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "accepted"


def keep(record: RunRecord, folder: Path) -> None:
    signature = Signature(reason="so", date="2026-01-01", commit=None)
    for one in accept(record, {}, select(""), signature).records.values():
        assert one is not None
        accepted.write(one, folder)


def test_nothing_accepted_changes_nothing(folder: Path) -> None:
    record = run()
    assert hold(record, folder) == record


def test_the_same_again_passes(folder: Path) -> None:
    keep(run(), folder)
    held = hold(run(), folder)
    assert {one.kind for one in held.changes} == {ChangeKind.UNCHANGED}
    assert passes(held)


def test_worse_than_accepted_fails_and_better_does_not(folder: Path) -> None:
    keep(with_value("max_bytes", 100.0), folder)
    worse = hold(with_value("max_bytes", 101.0), folder)
    assert [one.kind for one in worse.changes] == [ChangeKind.WORSE]
    assert not passes(worse)
    better = hold(with_value("max_bytes", 99.0), folder)
    assert [one.kind for one in better.changes] == [ChangeKind.BETTER]
    assert passes(better)


def test_a_vanished_case_fails_a_full_run_and_a_partial_one(folder: Path) -> None:
    keep(run(case("made"), case("max_bytes")), folder)
    held = hold(run(case("made")), folder)
    assert [one.kind for one in held.changes] == [ChangeKind.UNCHANGED, ChangeKind.GONE]
    assert not passes(held)
    part = hold(
        run(case("made"), declared=(case_id("made"), case_id("types")), partial=True), folder
    )
    assert [one.id for one in part.changes if one.fails] == [case_id("max_bytes")]
    assert exit_code(part) == 1
    left = run(case("made"), declared=(case_id("made"), case_id("max_bytes")), partial=True)
    assert [one.id for one in hold(left, folder).changes] == [case_id("made")]


def test_what_options_of_the_run_leave_out_is_not_gone(folder: Path) -> None:
    before = run(case("made"), case("max_bytes"))
    keep(before, folder)
    aside = frozenset({case_id("max_bytes")})
    held = hold(run(case("made")), folder, set_aside=aside)
    assert [one.kind for one in held.changes] == [ChangeKind.UNCHANGED]
    assert passes(held)
    followed = follow(run(case("made")), [past_run(before)], set_aside=aside)
    assert followed.previous is not None
    assert [one.kind for one in followed.previous.changes] == [ChangeKind.UNCHANGED]


def test_a_model_without_an_accepted_record_is_not_compared(folder: Path) -> None:
    keep(run(case("made")), folder)
    other = run(case("made", model="lite"), model="lite")
    held = hold(together(run(case("made"), case("types")), other), folder)
    assert {one.id: one.kind for one in held.changes} == {
        case_id("made"): ChangeKind.UNCHANGED,
        case_id("types"): ChangeKind.NEW,
    }


def test_a_model_that_vanished_fails(folder: Path) -> None:
    keep(run(case("made")), folder)
    other = run(case("made", model="lite"), model="lite")
    held = hold(other, folder)
    assert [(one.id, one.kind) for one in held.changes] == [(case_id("made"), ChangeKind.GONE)]
    assert not passes(held)


def test_an_accepted_record_that_cant_be_read_is_bad_input_of_the_run(folder: Path) -> None:
    keep(run(), folder)
    (folder / "net.json").write_bytes(b'{"schema": "edgeq.accepted/9"}')
    held = hold(run(), folder)
    assert len(held.errors) == 1
    assert "net.json: schema 'edgeq.accepted/9' is not one this version" in held.errors[0]
    assert not passes(held)
    assert held.changes == ()


@pytest.mark.parametrize(("inconclusive", "good"), [("warn", True), ("fail", False)])
def test_a_variant_fed_otherwise_is_unproven_until_it_is_accepted_so(
    folder: Path, inconclusive: str, *, good: bool
) -> None:
    keep(run(), folder)
    feeding = Feeding(
        differences=(Difference(what="filter", variant="bilinear", baseline="bicubic"),)
    )
    fed = run(variant={"feeding": feeding, "answer": None}, inconclusive=inconclusive)
    fed = msgspec.structs.replace(fed, models=(undecided(fed.models[0]),))
    held = answered(hold(fed, folder))
    assert held.summary.passes is good
    (variant,) = held.models[0].variants
    assert variant.answer is ShipDecision.UNPROVEN
    assert reasons(held, MODEL, variant)[0] == (
        "top1_agreement: inconclusive against the accepted record; the variant is fed differently "
        "(like the baseline, then filter bilinear, baseline bicubic)"
    )
    keep(fed, folder)
    again = answered(hold(fed, folder))
    assert again.summary.passes
    assert again.models[0].variants[0].answer is ShipDecision.CLEARED


def undecided(model: ModelRecord) -> ModelRecord:
    variants = tuple(msgspec.structs.replace(one, answer=None) for one in model.variants)
    return msgspec.structs.replace(model, variants=variants)
