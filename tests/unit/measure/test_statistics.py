from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from edgeq.measure import statistics
from edgeq.measure.statistics import (
    FARTHEST,
    binomial_tail,
    bounded_mean,
    clopper_pearson,
    mcnemar_exact,
    paired_difference,
    unbounded_mean,
)


@given(st.integers(1, 600).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_clopper_pearson_is_scipys_exact_interval(counts: tuple[int, int]) -> None:
    expected = stats.binomtest(*counts).proportion_ci(0.95, method="exact")
    assert clopper_pearson(*counts, 0.95) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_clopper_pearson_inverts_the_binomial_tails_by_brute_force() -> None:
    low, high = clopper_pearson(10, 20, 0.95)

    def tail(rate: float, counts: range) -> float:
        return sum(math.comb(20, k) * rate**k * (1 - rate) ** (20 - k) for k in counts)

    assert tail(low, range(10, 21)) == pytest.approx(0.025)
    assert tail(high, range(11)) == pytest.approx(0.025)


@pytest.mark.parametrize("arguments", [(1, 0, 0.95), (3, 2, 0.95), (-1, 2, 0.95), (1, 2, 1.0)])
def test_clopper_pearson_refuses_impossible_counts(arguments: tuple[int, int, float]) -> None:
    with pytest.raises(ValueError, match=r"rate|confidence"):
        clopper_pearson(*arguments)


def test_paired_difference_of_no_change_is_as_wide_as_a_rate_of_none() -> None:
    high = 1 - 0.025 ** (1 / 20)
    assert paired_difference(0, 0, 20, 0.95) == pytest.approx((-high, high))


@given(st.integers(1, 600).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_without_gains_the_high_end_is_that_of_a_rate(counts: tuple[int, int]) -> None:
    lost, n = counts
    expected = clopper_pearson(lost, n, 0.95)[1]
    assert paired_difference(lost, 0, n, 0.95)[1] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("counts", "confidence", "tango"),
    [
        # Fagerland, Lydersen, Laake: Statistical Analysis of Contingency Tables (2017), chapter 8,
        # Cavo 2012, as their R package contingencytables computes it
        ((6, 16, 161), 0.95, (-0.1240, -0.0054)),
        # R package PropCIs: scoreci.mp(25, 28, 618, 0.90), whose order is the reverse
        ((28, 25, 618), 0.90, (-0.0148, 0.0247)),
    ],
)
def test_paired_difference_is_hardly_wider_than_tangos(
    counts: tuple[int, int, int], confidence: float, tango: tuple[float, float]
) -> None:
    low, high = paired_difference(*counts, confidence)
    assert tango[0] - 1 / counts[2] < low < tango[0] + 1e-3
    assert tango[1] - 1e-3 < high < tango[1] + 1 / counts[2]


@given(
    st.integers(1, 200).flatmap(
        lambda n: st.tuples(st.integers(0, n), st.just(n)).flatmap(
            lambda pair: st.tuples(
                st.just(pair[0]), st.integers(0, pair[1] - pair[0]), st.just(pair[1])
            )
        )
    )
)
def test_paired_difference_holds_its_estimate_and_mirrors(counts: tuple[int, int, int]) -> None:
    lost, gained, n = counts
    low, high = paired_difference(lost, gained, n, 0.95)
    assert -1 <= low <= (lost - gained) / n <= high <= 1
    mirrored = paired_difference(gained, lost, n, 0.95)
    assert mirrored == pytest.approx((-high, -low), abs=1e-12)


def test_the_ends_are_quantiles_of_randomly_weighted_means() -> None:
    generator = np.random.default_rng(3)
    values = generator.choice([1.0, 0.8, 0.6, 0.0], 40)
    weights = generator.dirichlet(np.ones(41), 200_000)
    low, high = bounded_mean(values, 0.95)
    assert low == pytest.approx(np.quantile(weights @ np.append(values, 0.0), 0.025), abs=1e-3)
    assert high == pytest.approx(np.quantile(weights @ np.append(values, 1.0), 0.975), abs=1e-3)
    errors = generator.lognormal(0, 0.5, 40)
    ends = unbounded_mean(errors, 0.95)
    assert ends is not None
    farthest = FARTHEST * errors.max()
    assert ends[0] == pytest.approx(np.quantile(weights @ np.append(errors, 0), 0.025), rel=5e-3)
    assert ends[1] == pytest.approx(
        np.quantile(weights @ np.append(errors, farthest), 0.975), rel=5e-3
    )


def test_many_values_are_joined_without_moving_the_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    errors = np.random.default_rng(1).lognormal(0, 0.6, 700)
    joined = unbounded_mean(errors, 0.95)
    monkeypatch.setattr(statistics, "_MOST_DISTINCT", 1000)
    assert joined == pytest.approx(unbounded_mean(errors, 0.95), rel=1e-4)


@given(st.lists(st.floats(0, 50), min_size=2, max_size=60), st.floats(0.6, 0.999))
def test_an_unbounded_mean_lies_within_its_ends(values: list[float], confidence: float) -> None:
    errors = np.array(values)
    ends = unbounded_mean(errors, confidence)
    assert ends is not None
    mean = errors.mean()
    assert 0 <= ends[0] <= mean + 1e-9
    assert mean - 1e-9 <= ends[1] <= FARTHEST * errors.max() + 1e-9


@pytest.mark.parametrize("counts", [(-1, 0, 5), (3, 3, 5), (0, 0, 0)])
def test_paired_difference_refuses_impossible_counts(counts: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="impossible"):
        paired_difference(*counts, 0.95)


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_the_two_sided_binomial_test(lost: int, gained: int) -> None:
    changed = lost + gained
    expected = stats.binomtest(lost, changed).pvalue if changed else 1.0
    assert mcnemar_exact(lost, gained) == pytest.approx(expected)


def test_bounded_mean_of_equal_values_has_a_width() -> None:
    low, high = bounded_mean(np.ones(20), 0.95)
    assert (low, high) == pytest.approx((0.025 ** (1 / 20), 1.0))


def test_bounded_mean_of_one_value_is_wide() -> None:
    low, high = bounded_mean(np.array([0.8]), 0.95)
    assert (low, high) == pytest.approx((0.025 * 0.8, 1 - 0.025 * 0.2))


@pytest.mark.parametrize("values", [[], [1.2], [math.nan]])
def test_bounded_mean_refuses_values_outside(values: list[float]) -> None:
    with pytest.raises(ValueError, match="needed"):
        bounded_mean(np.array(values), 0.95)


@given(
    st.integers(1, 600).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
    st.floats(0.001, 0.999),
)
def test_the_binomial_tail_is_scipys(counts: tuple[int, int], chance: float) -> None:
    expected = stats.binom.sf(counts[0] - 1, counts[1], chance)
    assert binomial_tail(*counts, chance) == pytest.approx(expected, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("arguments", [(1, 0, 0.5), (3, 2, 0.5), (-1, 2, 0.5), (1, 2, 1.1)])
def test_the_binomial_tail_refuses_impossible_counts(
    arguments: tuple[float, float, float],
) -> None:
    with pytest.raises(ValueError, match="not a binomial"):
        binomial_tail(*arguments)
