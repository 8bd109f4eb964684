"""A retrained baseline, other images: what is known image by image is compared so."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeq.errors import RecordError
from edgeq.history import accepted
from edgeq.history.accept import Signature, accept, select
from edgeq.history.compare import compare
from edgeq.history.snapshot import Snapshot, of_accepted, of_record
from edgeq.judge.verdict import Verdict
from edgeq.measure.rows import pack
from edgeq.record.change import Change, ChangeKind
from edgeq.record.structs import RunRecord, VariantRecord
from tests.unit.history.figures import case, run, unnamed_flips

WORSE, BETTER, NOISE = ChangeKind.WORSE, ChangeKind.BETTER, ChangeKind.NOISE
UNCHANGED, INCONCLUSIVE = ChangeKind.UNCHANGED, ChangeKind.INCONCLUSIVE
INCOMPARABLE = ChangeKind.INCOMPARABLE
GATES = ("top1_agreement", "relative_error", "accuracy_drop", "latency_ratio")
SIGNED = Signature(reason="so", date="2026-01-01", commit=None)


def keys(numbers: range | list[int]) -> str:
    """Return the keys of images, given by numbers of their own."""
    return base64.b64encode(b"".join(number.to_bytes(6, "big") for number in numbers)).decode()


def right(of: int, wrong: range | tuple[int, ...] = ()) -> str:
    """Return which of so many images are right: all but some."""
    flags = np.ones(of, np.bool_)
    flags[list(wrong)] = False
    return pack(flags)


def measured(
    baseline: str,
    variant: str,
    agrees: str,
    *,
    images: range | list[int] = range(500),
    net: str = "ef",
    gates: tuple[str, ...] = GATES,
    effective: float | None = None,
    **given_: Any,
) -> RunRecord:
    """Return a run in which these images were right."""
    grouped = {} if effective is None else {"photographs": 100, "effective": effective}
    described: dict[str, Any] = {
        "baseline": VariantRecord(name="baseline", method="float", sha256=net, right=baseline),
        "images": {
            "evaluation": {"count": len(images), "sha256": f"set {hash(tuple(images))}", **grouped}
        },
        "image_keys": keys(images),
        **given_.pop("described", {}),
    }
    cases = [case(gate) for gate in gates]
    return run(
        *cases,
        described=described,
        variant={"right": variant, "agrees": agrees, **given_.pop("variant", {})},
        agreement=unnamed_flips(),
        **given_,
    )


def side_of(record: RunRecord) -> Snapshot:
    """Return the accepted side, by way of the accepted record's file."""
    made = accept(record, {}, select(""), SIGNED).records["net"]
    assert made is not None
    return of_accepted([accepted.from_json(accepted.to_json(made))])


def changes(before: RunRecord, after: RunRecord) -> dict[str, Change]:
    return {one.gate: one for one in compare(side_of(before), of_record(after))}


ALL = right(500)
GOOD = measured(right(500, range(17)), right(500, range(19)), right(500, range(17, 19)))


def test_a_retrained_model_that_lost_accuracy_is_worse() -> None:
    after = measured(
        right(500, range(32)), right(500, range(33)), right(500, range(32, 33)), net=""
    )
    found = changes(GOOD, after)
    drop = found["accuracy_drop"]
    assert (drop.kind, drop.fails) == (WORSE, True)
    assert drop.reason.startswith(
        "the baseline is 3 points less accurate (96.6 -> 93.6 % of 500 images, 15 lost and 0 "
        "gained; at least 1.4 points); the variant is 2.8 points less accurate (96.2 -> 93.4 % of "
        "500 images, 14 lost and 0 gained; at least 1.3 points); other baseline"
    )
    assert found["top1_agreement"].kind is NOISE
    assert "1 image got worse and 2 better" in found["top1_agreement"].reason
    assert found["relative_error"].kind is INCOMPARABLE
    assert found["relative_error"].reason.endswith("; predictions are compared by image")
    assert found["latency_ratio"].kind is INCOMPARABLE


def test_a_retrained_model_that_lost_nothing_beyond_chance_is_not() -> None:
    other = right(500, range(5, 25))
    found = changes(GOOD, measured(other, other, ALL, net="other"))
    assert found["accuracy_drop"].kind is NOISE
    assert "the baseline's accuracy 96.6 -> 96.0 % of 500 images, 8 lost and 5 gained" in (
        found["accuracy_drop"].reason
    )
    assert not any(one.fails or one.is_open for one in found.values())


def test_a_better_model_invites_to_accept() -> None:
    found = changes(GOOD, measured(ALL, ALL, ALL, net="other"))
    assert found["accuracy_drop"].kind is BETTER
    assert "the variant is 3.8 points more accurate (96.2 -> 100 %" in found["accuracy_drop"].reason


def test_a_variant_that_lost_beside_a_better_baseline_is_worse() -> None:
    after = measured(ALL, right(500, range(60)), right(500, range(60)), net="other")
    found = changes(GOOD, after)
    assert found["accuracy_drop"].kind is WORSE
    assert found["top1_agreement"].kind is WORSE
    assert "the baseline is 3.4 points more accurate" in found["accuracy_drop"].reason


def test_min_accuracy_is_the_variant_s_alone() -> None:
    gates = (*GATES, "min_accuracy")
    before = measured(ALL, ALL, ALL, gates=gates)
    after = measured(right(500, range(60)), ALL, right(500, range(60)), gates=gates, net="other")
    found = changes(before, after)
    assert found["min_accuracy"].kind is UNCHANGED
    assert found["accuracy_drop"].kind is WORSE


def test_agreement_carries_accuracy_if_no_other_case_does() -> None:
    gates = ("top1_agreement",)
    lost = right(500, range(60))
    found = changes(measured(ALL, ALL, ALL, gates=gates), measured(lost, lost, ALL, gates=gates))
    assert found["top1_agreement"].kind is WORSE
    assert "the baseline is 12 points less accurate" in found["top1_agreement"].reason
    whole = changes(measured(ALL, ALL, ALL), measured(lost, lost, ALL))
    assert whole["top1_agreement"].kind is UNCHANGED
    assert whole["accuracy_drop"].kind is WORSE


def test_one_more_photograph_is_compared_on_those_that_both_have() -> None:
    after = measured(
        right(501, range(60)), right(501, range(60)), right(501), images=[900, *range(500)]
    )
    found = changes(GOOD, after)
    # The new image is the first: those of the accepted set are one place further.
    said = "compared on the 500 images that both have (of 500, then 501)"
    assert found["accuracy_drop"].kind is WORSE
    assert found["accuracy_drop"].reason.startswith(f"{said}; the baseline is 8.4 points less acc")
    assert found["top1_agreement"].kind is NOISE
    assert found["top1_agreement"].reason.startswith(said)
    assert found["relative_error"].kind is INCOMPARABLE


def test_few_shared_images_prove_a_loss_and_no_absence_of_one() -> None:
    images = [*range(100), *range(1000, 1400)]
    few = "compared on the 100 images that both have (of 500, then 500)"
    found = changes(
        GOOD, measured(right(500, range(17)), right(500, range(19)), ALL, images=images)
    )
    assert found["accuracy_drop"].kind is INCONCLUSIVE
    assert found["accuracy_drop"].reason.startswith(f"{few}, too few to tell")
    assert found["relative_error"].kind is INCONCLUSIVE
    lost = right(500, range(50))
    worse = changes(GOOD, measured(lost, lost, ALL, images=images))
    assert worse["accuracy_drop"].kind is WORSE


def test_no_shared_image_is_inconclusive_and_says_so() -> None:
    found = changes(GOOD, measured(ALL, ALL, ALL, images=range(600, 1100)))
    for gate in ("top1_agreement", "relative_error", "accuracy_drop"):
        assert found[gate].kind is INCONCLUSIVE
        assert found[gate].reason.startswith("other images (500 images, sha256 ")
        assert found[gate].is_open
    assert found["latency_ratio"].kind is UNCHANGED


def test_other_preprocessing_is_inconclusive() -> None:
    after = measured(ALL, ALL, ALL, net="other", described={"preprocessing": {"filter": "nearest"}})
    found = changes(GOOD, after)
    assert found["accuracy_drop"].kind is INCONCLUSIVE
    assert found["accuracy_drop"].reason.startswith("other preprocessing (filter bicubic, then n")


def test_crops_of_one_photograph_are_not_independent() -> None:
    lost = right(500, range(24))
    alone = changes(GOOD, measured(lost, lost, ALL, net="other"))
    assert alone["accuracy_drop"].kind is WORSE
    found = changes(GOOD, measured(lost, lost, ALL, net="other", effective=100.0))
    assert found["accuracy_drop"].kind is NOISE


def test_another_processor_alone_changes_no_verdict_of_answers() -> None:
    lost = right(500, range(60))
    there: dict[str, Any] = {"machine": {"processor": "B"}}
    same = changes(GOOD, measured(lost, lost, right(500, range(60)), **there))
    assert {same[gate].kind for gate in ("accuracy_drop", "top1_agreement")} == {INCOMPARABLE}
    assert len({one.reason for one in same.values() if one.kind is INCOMPARABLE}) == 1
    retrained = changes(GOOD, measured(lost, lost, ALL, net="other", **there))
    assert retrained["accuracy_drop"].kind is WORSE


def test_an_older_record_is_compared_by_its_totals() -> None:
    older = measured("", "", "", described={"image_keys": ""})
    same = changes(older, GOOD)
    assert same["top1_agreement"].kind is UNCHANGED
    assert same["accuracy_drop"].kind is UNCHANGED
    retrained = changes(older, measured(ALL, ALL, ALL, net="other"))
    assert retrained["top1_agreement"].kind is UNCHANGED
    assert retrained["accuracy_drop"].kind is INCONCLUSIVE
    assert "accuracy was not kept image by image" in retrained["accuracy_drop"].reason
    elsewhere = changes(older, measured(ALL, ALL, ALL, images=range(499)))
    assert elsewhere["accuracy_drop"].kind is INCONCLUSIVE


def test_what_is_missing_on_one_side_is_no_comparison_of_answers() -> None:
    record = measured(ALL, ALL, ALL)
    gone = msgspec.structs.replace(
        record, cases=(case("accuracy_drop", Verdict.MISSING, reason="no labels"),)
    )
    found = changes(record, gone)
    assert found["accuracy_drop"].kind is ChangeKind.GONE


@settings(max_examples=60)
@given(st.lists(st.tuples(*[st.booleans()] * 4), min_size=1, max_size=40), st.data())
def test_the_shared_images_are_found_wherever_they_stand(
    answers: list[tuple[bool, bool, bool, bool]], data: st.DataObject
) -> None:
    """Shuffled, with others among them, the same images come to the same counts."""
    order = data.draw(st.permutations(range(len(answers))))
    more = data.draw(st.integers(0, 5))
    first = [np.array([one[place] for one in answers]) for place in range(2)]
    second = [
        np.array([*(answers[at][place] for at in order), *[False] * more]) for place in (2, 3)
    ]
    count = len(answers)
    before = measured(pack(first[0]), pack(first[1]), right(count), images=range(count))
    images = [*order, *range(1000, 1000 + more)]
    after = measured(pack(second[0]), pack(second[1]), right(count + more), images=images)
    found = changes(before, after)["accuracy_drop"]
    for name, place in (("baseline", 0), ("variant", 1)):
        lost = sum(one[place] and not one[place + 2] for one in answers)
        gained = sum(one[place + 2] and not one[place] for one in answers)
        if lost or gained:
            assert f"{lost} lost and {gained} gained" in found.reason, name


def test_the_record_stays_small_and_holds_a_set_once() -> None:
    made = accept(GOOD, {}, select("agreement"), SIGNED).records["net"]
    assert made is not None
    both = accept(GOOD, {"net": made}, select("accuracy"), SIGNED).records["net"]
    assert both is not None
    assert len(both.acceptances) == 2
    assert len(both.image_keys) == 1
    assert len(accepted.to_json(both)) < 500 * 8 + 4_000
    later = measured(ALL, ALL, ALL, images=range(499))
    replaced = accept(later, {"net": both}, select(""), SIGNED).records["net"]
    assert replaced is not None
    assert [len(text) for text in replaced.image_keys.values()] == [499 * 8]


@pytest.mark.parametrize(
    "conditions",
    [{"baseline_right": "AA=="}, {"baseline_right": "#"}, {"evaluation_images": 3}],
    ids=str,
)
def test_what_does_not_fit_its_images_is_damaged(conditions: dict[str, Any]) -> None:
    made = accept(GOOD, {}, select(""), SIGNED).records["net"]
    assert made is not None
    replace = msgspec.structs.replace
    odd = {
        key: replace(one, measured_with=replace(one.measured_with, **conditions))
        for key, one in made.acceptances.items()
    }
    with pytest.raises(RecordError, match="does not fit"):
        accepted.from_json(accepted.to_json(replace(made, acceptances=odd)))
    unread = replace(made, image_keys=dict.fromkeys(made.image_keys, "AAAA"))
    with pytest.raises(RecordError, match="does not fit"):
        accepted.from_json(accepted.to_json(unread))


def test_a_run_that_does_not_fit_its_images_is_damaged() -> None:
    with pytest.raises(RecordError, match="does not fit"):
        changes(GOOD, measured(ALL, ALL, right(9)))
    with pytest.raises(RecordError, match="does not fit"):
        changes(GOOD, measured(ALL, ALL, ALL, images=range(499), described={"image_keys": "AAAA"}))
