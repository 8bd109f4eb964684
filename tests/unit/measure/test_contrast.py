from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edgeq.measure.clusters import find_clusters
from edgeq.measure.contrast import contrast, paired, ratio_interval
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
