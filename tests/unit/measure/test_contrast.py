from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edgeq.measure.clusters import difference_interval, find_clusters
from edgeq.measure.contrast import Contrast, Paired, contrast, paired, ratio_interval
from edgeq.measure.statistics import paired_difference, unbounded_mean

Positive = hnp.arrays(np.float64, 12, elements=st.floats(0.1, 10.0))


@given(Positive, Positive)
def test_an_interval_holds_its_ratio(numerator: np.ndarray, denominator: np.ndarray) -> None:
    ends = ratio_interval(numerator, denominator, 0.95)
    assert ends is not None
    ratio = numerator.mean() / denominator.mean()
    assert ends[0] <= ratio * (1 + 1e-9)
    assert ratio <= ends[1] * (1 + 1e-9)


@pytest.mark.parametrize("outlier", [1.0, 40.0])
def test_each_side_misses_the_true_ratio_no_more_often_than_it_says(outlier: float) -> None:
    generator = np.random.default_rng(5)
    shape = (300, 16)
    hard = generator.gamma(4.0, 0.05, shape)
    rare = generator.random(shape) < 0.05
    hard = np.where(rare, outlier * hard, hard)
    own = hard * np.where(rare, 1.0, generator.lognormal(0.0, 0.2, shape))
    # by the moments of gamma and lognormal: the mean of hard is 0.2 but for the outliers
    common, single = 0.95 * np.exp(0.02), 0.05 * outlier
    true = (common + single) / (0.95 + single)
    ends = [ratio_interval(a, b, 0.95) for a, b in zip(own, hard, strict=True)]
    assert np.mean([one is not None and one[0] > true for one in ends]) <= 0.03
    assert np.mean([one is not None and one[1] < true for one in ends]) <= 0.03


def test_what_samples_have_in_common_cancels_out() -> None:
    hard = np.random.default_rng(0).gamma(1.0, 0.2, 16)
    found = contrast("logits", 2 * hard, hard)
    assert found is not None
    assert found.ratio == pytest.approx(2.0)
    assert found.ratio_interval == pytest.approx((2.0, 2.0))
    assert found.variant_interval is not None
    assert found.variant_interval[1] > 1.3 * found.variant


def test_samples_without_a_number_are_left_out() -> None:
    found = contrast("x", np.array([1.0, np.nan, 3.0]), np.array([1.0, 1.0, np.inf]))
    assert found is not None
    assert (found.images, found.variant, found.control) == (1, 1.0, 1.0)
    assert found.ratio_interval is None
    assert contrast("x", np.array([np.nan]), np.array([1.0])) is None


def test_an_exact_control_has_no_ratio() -> None:
    found = contrast("x", np.full(9, 0.1), np.zeros(9))
    assert found is not None
    assert found.ratio is None
    assert found.ratio_interval is None


def test_a_control_that_one_sample_rules_bounds_little() -> None:
    one = np.zeros(9)
    one[0] = 1.0
    ends = ratio_interval(np.ones(9), one, 0.95)
    assert ends is not None
    assert ends[0] == 0.0
    assert ends[1] > 100.0


def test_crops_of_one_photograph_count_as_one_sample() -> None:
    generator = np.random.default_rng(1)
    own, other = generator.gamma(4.0, 1.0, (2, 40))
    alone = contrast("x", own, other)
    crops = contrast("x", own, other, clusters=find_clusters([at // 4 for at in range(40)]))
    assert alone is not None
    assert crops is not None
    assert alone.ratio_interval is not None
    assert crops.ratio_interval is not None
    assert np.ptp(crops.ratio_interval) > 1.5 * np.ptp(alone.ratio_interval)
    assert crops.variant_interval == unbounded_mean(own, 0.95, worth=10)


def test_shares_are_compared_pair_by_pair() -> None:
    variant = np.array([True] * 90 + [False] * 10)
    control = np.array([True] * 88 + [False] * 2 + [True] * 10)
    found = paired(variant, control)
    assert (found.lost, found.gained) == (10, 2)
    assert found.shortfall == pytest.approx(found.control - found.variant)
    assert found.interval == paired_difference(10, 2, 100, 0.95)


def test_unlike_numbers_of_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="can't be compared"):
        contrast("x", np.ones(2), np.ones(3))
    with pytest.raises(ValueError, match="can't be compared"):
        paired(np.ones(2, np.bool_), np.ones(3, np.bool_))


def solved(points: list[float]) -> float:
    """Return how likely a mean of distinct points with uniform random weights lies below 0."""
    return sum(
        (-low) ** (len(points) - 1)
        / math.prod(other - low for at, other in enumerate(points) if at != place)
        for place, low in enumerate(points)
        if low < 0
    )


@pytest.mark.parametrize("confidence", [0.8, 0.95])
@pytest.mark.parametrize(
    ("own", "other"),
    [
        ([0.5, 0.7, 1.1, 0.9], [0.4, 0.65, 0.8, 1.0]),
        ([0.05, 0.09, 0.07, 0.06], [1.0, 1.3, 1.1, 0.7]),
        ([30.0, 42.0, 35.0, 33.0], [1.0, 1.3, 1.25, 1.05]),
    ],
)
def test_at_either_end_half_of_the_error_is_left(
    own: list[float], other: list[float], confidence: float
) -> None:
    ends = ratio_interval(np.array(own), np.array(other), confidence)
    assert ends is not None
    ratio, tail = sum(own) / sum(other), (1 - confidence) / 2
    far = -2 * max(abs(a - ratio * b) for a, b in zip(own, other, strict=True))
    low = [a - ends[0] * b for a, b in zip(own, other, strict=True)]
    high = [ends[1] * b - a for a, b in zip(own, other, strict=True)]
    assert solved([*low, far]) == pytest.approx(tail, rel=1e-3)
    assert solved([*high, far]) == pytest.approx(tail, rel=1e-3)


def test_an_end_that_is_not_there_is_a_thousand_times_the_ratio() -> None:
    single = np.array([2.0, 0.0])
    # By 40,000 the ratio would have to be multiplied for so sure an end.
    ends = ratio_interval(np.array([1.5, 1.5]), single, 0.9999)
    assert ends == pytest.approx((0.0, 1500.0))
    nothing = ratio_interval(np.zeros(9), np.ones(9), 0.95)
    assert nothing == pytest.approx((0.0, 0.0), abs=1e-9)


def test_two_independent_samples_are_the_fewest() -> None:
    own, other = np.array([1.0, 2.0]), np.array([1.0, 1.5])
    assert ratio_interval(own, other, 0.95) is not None
    assert ratio_interval(own, other, 0.95, worth=2.0) is not None
    assert ratio_interval(own, other, 0.95, worth=1.9) is None
    assert ratio_interval(own[:1], other[:1], 0.95, worth=2.0) is None
    assert ratio_interval(own[:0], other[:0], 0.95) is None
    assert ratio_interval(own, np.zeros(2), 0.95) is None
    twice = ratio_interval(np.repeat(own, 3), np.repeat(other, 3), 0.95, worth=2.0)
    assert twice == pytest.approx(ratio_interval(own, other, 0.95))


def test_all_that_a_contrast_says() -> None:
    own, other = np.array([1.0, 2.0, np.nan, 4.0]), np.array([1.0, 1.5, 2.0, 3.5])
    found = contrast("x", own, other, confidence=0.8)
    assert found is not None
    kept = own[[0, 1, 3]], other[[0, 1, 3]]
    third: Any = pytest.approx(7 / 3)
    sixth: Any = pytest.approx(7 / 6)
    assert found == Contrast(
        label="x",
        images=3,
        variant=third,
        variant_interval=unbounded_mean(kept[0], 0.8),
        control=2.0,
        ratio=sixth,
        ratio_interval=ratio_interval(*kept, 0.8),
    )
    pairs = find_clusters([0, 0, 1, 1])
    clustered = contrast("x", other, other + 1, confidence=0.8, clusters=pairs)
    assert clustered is not None
    assert clustered.variant_interval == unbounded_mean(other, 0.8, worth=2.0)
    assert clustered.ratio_interval == ratio_interval(other, other + 1, 0.8, worth=2.0)


def test_all_that_a_pair_of_shares_says() -> None:
    variant = np.array([True] * 90 + [False] * 10)
    control = np.array([True] * 88 + [False] * 2 + [True] * 10)
    clusters = find_clusters([number // 5 for number in range(100)])
    assert paired(variant, control, confidence=0.8, clusters=clusters) == Paired(
        images=100,
        variant=0.9,
        control=0.98,
        lost=10,
        gained=2,
        shortfall=0.08,
        interval=difference_interval(10, 2, 100, 0.8, clusters),
    )
    with pytest.raises(ValueError, match="can't be compared"):
        paired(np.ones(0, np.bool_), np.ones(0, np.bool_))


def test_the_unit_of_the_numerator_is_that_of_the_interval() -> None:
    single = np.zeros(9)
    single[0] = 1.0
    ends = ratio_interval(np.ones(9), single, 0.95)
    scaled = ratio_interval(np.full(9, 30.0), single, 0.95)
    assert ends is not None
    assert 9 < ends[1] < 1000  # 9 is the ratio, and 9,000 would stand for no end at all
    assert scaled == pytest.approx((30 * ends[0], 30 * ends[1]), rel=1e-6)
