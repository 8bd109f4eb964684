from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from edgeq.history import accepted
from edgeq.history.accept import Signature, accept, select
from edgeq.history.compare_accepted import hold
from edgeq.judge.verdict import ShipDecision
from edgeq.record.change import ChangeKind
from edgeq.record.exit_code import passes
from edgeq.record.feeding import Difference, Feeding
from edgeq.record.ship_decision import answered, reasons
from edgeq.record.structs import ModelRecord, RunRecord
from tests.unit.history.figures import MODEL, case, case_id, run, together, with_value


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


def test_a_vanished_case_fails_a_full_run_and_no_partial_one(folder: Path) -> None:
    keep(run(case("made"), case("max_bytes")), folder)
    held = hold(run(case("made")), folder)
    assert [one.kind for one in held.changes] == [ChangeKind.UNCHANGED, ChangeKind.GONE]
    assert not passes(held)
    part = hold(run(case("made"), partial=True), folder)
    assert passes(part)
    assert not any(one.fails for one in part.changes)
    left = run(case("made"), declared=(case_id("made"), case_id("max_bytes")), partial=True)
    assert [one.id for one in hold(left, folder).changes] == [case_id("made")]


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
