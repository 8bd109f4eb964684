from __future__ import annotations

import numpy as np
import pytest

from edgeq.judge import boxes
from edgeq.judge.verdict import Verdict
from edgeq.measure.average_precision import MeanPrecision
from edgeq.measure.box_agreement import BoxAgreement, MeanOverImages, PairedClasses


def agreement(
    recall: MeanOverImages | None = None,
    *,
    baseline: int = 40,
    variant: int = 40,
    shift: MeanOverImages | None = None,
    signed: float | None = None,
) -> BoxAgreement:
    return BoxAgreement(
        images=100,
        confidence=0.95,
        score=0.25,
        baseline_boxes=baseline,
        variant_boxes=variant,
        shared_boxes=30,
        recall=recall,
        precision=recall,
        shift=shift,
        signed_shift=signed,
    )


def rate(value: float, low: float, high: float) -> MeanOverImages:
    return MeanOverImages(value=value, interval=(low, high), images=90)


def precision(drop: tuple[float, float, float], *, baseline50: float = 0.5) -> MeanPrecision:
    value, low, high = drop
    return MeanPrecision(
        images=100,
        boxes=300,
        confidence=0.95,
        baseline_map=0.4,
        variant_map=0.4 - value,
        baseline_map50=baseline50,
        variant_map50=baseline50 - value,
        drop=value,
        drop_interval=(low, high),
        variant_interval=(0.3, 0.45),
        baseline_interval=(0.35, 0.45),
    )


@pytest.mark.parametrize(
    ("mean", "verdict"),
    [
        (rate(0.9, 0.85, 0.95), Verdict.PASS),
        (rate(0.82, 0.75, 0.9), Verdict.INCONCLUSIVE),
        (rate(0.5, 0.4, 0.6), Verdict.FAIL),
    ],
)
def test_boxes_are_judged_by_the_whole_interval(mean: MeanOverImages, verdict: Verdict) -> None:
    judgement = boxes.box_recall(agreement(mean), 0.8)
    assert judgement.status is verdict
    assert "gives 30 of the baseline's 40 boxes with a score of 0.25 or more" in judgement.reason
    assert boxes.box_precision(agreement(mean), 0.8).status is verdict
    assert (judgement.next_step is None) is (verdict is Verdict.PASS)
    assert ("images_needed" in judgement.evidence) is (verdict is Verdict.INCONCLUSIVE)


def test_a_variant_without_any_box_fails() -> None:
    judgement = boxes.box_precision(agreement(None, variant=0), 0.8)
    assert judgement.status is Verdict.FAIL
    assert "gives no box at a score of 0.25 or more, the baseline 40 boxes" in judgement.reason
    assert boxes.score_shift(agreement(None, variant=0), 0.1).status is Verdict.FAIL


def test_without_a_box_of_the_baseline_nothing_is_measured() -> None:
    blind = agreement(None, baseline=0)
    for judgement in (
        boxes.box_recall(blind, 0.8),
        boxes.box_precision(blind, 0.8),
        boxes.score_shift(blind, 0.1),
    ):
        assert judgement.status is Verdict.MISSING
        assert "operating_score" in str(judgement.next_step)


def test_a_shift_says_its_direction() -> None:
    judgement = boxes.score_shift(agreement(shift=rate(0.06, 0.055, 0.07), signed=-0.05), 0.05)
    assert judgement.status is Verdict.FAIL
    assert "0.05 lower on average" in judgement.reason


def test_a_single_image_can_not_settle_a_shift() -> None:
    one = MeanOverImages(value=0.01, interval=None, images=1)
    assert boxes.score_shift(agreement(shift=one, signed=0.01), 0.05).status is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("drop", "verdict"),
    [
        ((0.0, -0.01, 0.01), Verdict.PASS),
        ((-0.05, -0.07, -0.02), Verdict.PASS),
        ((0.03, 0.01, 0.05), Verdict.INCONCLUSIVE),
        ((0.06, 0.04, 0.08), Verdict.FAIL),
    ],
)
def test_a_drop_is_judged_by_its_interval(
    drop: tuple[float, float, float], verdict: Verdict
) -> None:
    judgement = boxes.map_drop(precision(drop), 0.03)
    assert judgement.status is verdict
    assert "on 100 images with 300 labelled boxes" in judgement.reason


def test_the_variants_own_precision_is_judged() -> None:
    assert boxes.min_map(precision((0.0, 0, 0)), 0.25).status is Verdict.PASS
    assert boxes.min_map(precision((0.0, 0, 0)), 0.5).status is Verdict.FAIL


def test_a_baseline_that_finds_nothing_proves_nothing() -> None:
    blind = boxes.doubt_of_boxes(agreement(None, baseline=0), None)
    assert blind is not None
    assert "no box at a score of 0.25" in blind.reason
    assert boxes.doubt_of_boxes(agreement(rate(1, 0.9, 1)), None) is None
    assert boxes.doubt_of_boxes(agreement(rate(1, 0.9, 1)), precision((0.0, 0, 0))) is None
    wrong = boxes.doubt_of_boxes(
        agreement(rate(1, 0.9, 1)), precision((0.0, 0, 0), baseline50=0.01)
    )
    assert wrong is not None
    assert "wrong labels" in wrong.reason


@pytest.mark.parametrize(
    ("pairs", "right", "wrong"), [(40, 36, False), (40, 10, False), (40, 9, True), (19, 0, False)]
)
def test_classes_that_are_never_those_of_the_labels_are_wrong(
    pairs: int, right: int, wrong: bool
) -> None:
    images, labels = np.zeros(pairs, np.int64), np.arange(pairs)
    given = np.where(labels < right, labels, labels + 1)
    paired = PairedClasses(images, given, labels)
    doubt = boxes.doubt_of_boxes(agreement(rate(1, 0.9, 1)), None, paired)
    assert (doubt is not None and doubt.wrong) is wrong
    judged = boxes.map_drop(precision((0.0, -0.01, 0.01)), 0.05, doubt)
    assert judged.status is (Verdict.FAIL if wrong else Verdict.PASS)
    if wrong:
        assert judged.reason == (
            "40 of the baseline's boxes lie on labelled ones, but only 9 have their class: the "
            "class order or the labels are wrong; a drop from there says nothing"
        )
