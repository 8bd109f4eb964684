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
def test_an_end_of_the_interval_is_where_students_paired_t_begins_to_tell(
    numerator: np.ndarray, denominator: np.ndarray
) -> None:
    ends = ratio_interval(numerator, denominator, 0.95)
    if ends is None:
        return
    assert ends[0] <= numerator.mean() / denominator.mean() * (1 + 1e-9)
    assert numerator.mean() / denominator.mean() <= ends[1] * (1 + 1e-9)
    for end in ends:
        apart = numerator - end * denominator
        half = 2.200985 * apart.std() / np.sqrt(apart.size - 1)
        if end > 0:
            assert abs(apart.mean()) == pytest.approx(half, rel=1e-4, abs=1e-6)


def test_the_interval_covers_the_true_ratio_as_often_as_it_says() -> None:
    generator = np.random.default_rng(5)
    hard = generator.gamma(4.0, 0.05, (2000, 30))
    own = hard * generator.lognormal(0.0, 0.2, hard.shape) * 1.5
    true = 1.5 * np.exp(0.02)
    held = [
        ends is not None and ends[0] <= true <= ends[1]
        for ends in (ratio_interval(a, b, 0.95) for a, b in zip(own, hard, strict=True))
    ]
    assert np.mean(held) >= 0.94


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


def test_a_control_that_can_not_be_told_from_nothing_has_no_interval() -> None:
    one = np.zeros(9)
    one[0] = 1.0
    assert ratio_interval(np.ones(9), one, 0.95) is None


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
