from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from edgeq.measure.statistics import (
    binomial_tail,
    bounded_mean,
    clopper_pearson,
    mcnemar_exact,
    normal_quantile,
    paired_difference,
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


def test_paired_difference_of_no_change_has_tangos_width() -> None:
    z = normal_quantile(0.975)
    expected = z * z / (20 + z * z)
    assert paired_difference(0, 0, 20, 0.95) == pytest.approx((-expected, expected))


@pytest.mark.parametrize(
    ("counts", "confidence", "expected", "places"),
    [
        # Fagerland, Lydersen, Laake: Statistical Analysis of Contingency Tables (2017), chapter 8,
        # Bentur 2009 and Cavo 2012, as their R package contingencytables computes them
        ((1, 7, 21), 0.95, (-0.517, -0.026), 5e-4),
        ((6, 16, 161), 0.95, (-0.1240, -0.0054), 5e-5),
        # R package PropCIs: scoreci.mp(25, 28, 618, 0.90), whose order is the reverse
        ((28, 25, 618), 0.90, (-0.0148, 0.0247), 5e-5),
    ],
)
def test_paired_difference_of_published_examples(
    counts: tuple[int, int, int],
    confidence: float,
    expected: tuple[float, float],
    places: float,
) -> None:
    assert paired_difference(*counts, confidence) == pytest.approx(expected, abs=places)


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


def test_paired_difference_solves_the_constrained_likelihood() -> None:
    """At the interval's end the score with a nuisance rate found by brute force is z."""
    lost, gained, n = 9, 3, 60
    _, high = paired_difference(lost, gained, n, 0.95)
    grid = np.linspace(1e-9, (1 - high) / 2 - 1e-9, 2_000_001)  # the rate of the gained
    likelihood = (
        lost * np.log(grid + high)
        + gained * np.log(grid)
        + (n - lost - gained) * np.log(1 - 2 * grid - high)
    )
    rate = grid[np.argmax(likelihood)]
    score = (lost - gained - n * high) / math.sqrt(n * (2 * rate + high - high**2))
    assert score == pytest.approx(-normal_quantile(0.975), abs=1e-4)


@pytest.mark.parametrize("n", [10, 20, 50, 200])
@pytest.mark.parametrize("rates", [(0.02, 0.01), (0.05, 0.05), (0.1, 0.02), (0.3, 0.1)])
def test_paired_difference_covers_the_truth(n: int, rates: tuple[float, float]) -> None:
    generator = np.random.default_rng(5)
    draws = generator.multinomial(n, [*rates, 1 - sum(rates)], size=2000)
    pairs, times = np.unique(draws, axis=0, return_counts=True)
    truth = rates[0] - rates[1]
    intervals = [paired_difference(int(lost), int(gained), n, 0.95) for lost, gained, _ in pairs]
    held = sum(t for (low, high), t in zip(intervals, times, strict=True) if low <= truth <= high)
    assert held / 2000 > 0.925


@pytest.mark.parametrize("counts", [(-1, 0, 5), (3, 3, 5), (0, 0, 0)])
def test_paired_difference_refuses_impossible_counts(counts: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="impossible"):
        paired_difference(*counts, 0.95)


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_the_two_sided_binomial_test(lost: int, gained: int) -> None:
    changed = lost + gained
    expected = stats.binomtest(lost, changed).pvalue if changed else 1.0
    assert mcnemar_exact(lost, gained) == pytest.approx(expected)


SHARES = np.array([1.0, 0.8, 0.6, 0.4, 0.2, 0.0])


@pytest.mark.parametrize("n", [10, 20, 100, 500])
@pytest.mark.parametrize(
    "chances",
    [
        (0.95, 0.05, 0, 0, 0, 0),
        (0.97, 0, 0, 0, 0, 0.03),
        (0.6, 0.3, 0.08, 0.02, 0, 0),
        (0.2, 0.2, 0.2, 0.2, 0.2, 0),
    ],
)
def test_bounded_mean_covers_the_truth(n: int, chances: tuple[float, ...]) -> None:
    truth = float((SHARES * chances).sum())
    draws = np.random.default_rng(7).choice(SHARES, p=chances, size=(800, n))
    ends = np.array([bounded_mean(row, 0.95) for row in draws])
    assert np.mean((ends[:, 0] <= truth + 1e-12) & (truth - 1e-12 <= ends[:, 1])) > 0.93


def test_bounded_mean_of_equal_values_has_a_width() -> None:
    low, high = bounded_mean(np.ones(20), 0.95)
    assert high == 1.0
    assert 0.8 < low < 0.9


def test_bounded_mean_of_one_value_is_wide() -> None:
    low, high = bounded_mean(np.array([0.8]), 0.95)
    assert (low, high) == (0.0, 1.0)


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
