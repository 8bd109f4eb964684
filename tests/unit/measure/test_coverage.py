"""Every interval holds the truth as often as it says: `benchmarks/coverage.py` on small grids.

What can be enumerated is: the chances of all counts whose interval misses are added up.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Iterable, Iterator
from math import factorial, prod

import numpy as np
import pytest
from scipy.stats import binom

from edgeq.history.sources import Stats
from edgeq.measure.bootstrap import median_intervals
from edgeq.measure.clusters import difference_interval, find_clusters, rate_interval
from edgeq.measure.statistics import (
    bounded_mean,
    clopper_pearson,
    paired_difference,
    unbounded_mean,
)

LEAST = 0.94
MIN_SIDE = 0.97
RATES = (0.01, 0.05, 0.1, 0.25, 0.5, 0.9)
ROUNDING = 1e-9

Interval = tuple[float, float]


def require_coverage(outcomes: Iterable[tuple[float, Interval]], truth: float) -> None:
    """Require that the intervals of outcomes, with their chances, miss the truth rarely."""
    below = above = total = 0.0
    for chance, (low, high) in outcomes:
        total += chance
        above += chance * (low > truth + ROUNDING)
        below += chance * (high < truth - ROUNDING)
    assert total == pytest.approx(1.0)
    assert above <= 1 - MIN_SIDE, (truth, above)
    assert below <= 1 - MIN_SIDE, (truth, below)
    assert above + below <= 1 - LEAST, (truth, above + below)


def counts(n: int, chances: tuple[float, ...]) -> Iterator[tuple[float, tuple[int, ...]]]:
    """Yield every way in which n values fall on three kinds, with its chance."""
    for first in range(n + 1):
        for second in range(n + 1 - first):
            each = (first, second, n - first - second)
            ways = factorial(n) // prod(factorial(one) for one in each)
            yield ways * prod(p**k for p, k in zip(chances, each, strict=True)), each


@pytest.mark.parametrize("n", [1, 7, 40])
@pytest.mark.parametrize("rate", RATES)
def test_a_rate(n: int, rate: float) -> None:
    require_coverage(
        [(binom.pmf(k, n, rate), clopper_pearson(k, n, 0.95)) for k in range(n + 1)], rate
    )


SETS = ((1,) * 12 + (12,), (1,) * 30 + (5,), (3,) * 8, (1, 2, 3, 4, 5, 6))


def groups(sizes: tuple[int, ...]) -> list[int]:
    return [number for number, size in enumerate(sizes) for _ in range(size)]


def hits(sizes: tuple[int, ...], rate: float) -> dict[int, float]:
    """Return the chance of each count of images if those of a cluster are alike."""
    chances = {0: 1.0}
    for size in sizes:
        after: defaultdict[int, float] = defaultdict(float)
        for count, chance in chances.items():
            after[count] += chance * (1 - rate)
            after[count + size] += chance * rate
        chances = dict(after)
    return chances


@pytest.mark.parametrize("sizes", SETS)
@pytest.mark.parametrize("rate", RATES)
def test_a_rate_of_clusters(sizes: tuple[int, ...], rate: float) -> None:
    clusters = find_clusters(groups(sizes))
    n = sum(sizes)
    alike = hits(sizes, rate)
    single = {count: float(binom.pmf(count, n, rate)) for count in range(n + 1)}
    for chances in (alike, single):
        require_coverage(
            [(p, rate_interval(count, n, 0.95, clusters)) for count, p in chances.items()], rate
        )


@functools.cache
def _difference(lost: int, gained: int, n: int) -> Interval:
    return paired_difference(lost, gained, n, 0.95)


@pytest.mark.parametrize("n", [6, 25])
@pytest.mark.parametrize(
    "rates", [(0.0, 0.0), (0.02, 0.0), (0.05, 0.05), (0.1, 0.02), (0.2, 0.2), (0.45, 0.2)]
)
def test_a_paired_difference(n: int, rates: tuple[float, float]) -> None:
    chances = (*rates, 1 - sum(rates))
    outcomes = [
        (chance, _difference(lost, gained, n)) for chance, (lost, gained, _) in counts(n, chances)
    ]
    require_coverage(outcomes, rates[0] - rates[1])


@pytest.mark.parametrize("rates", [(0.05, 0.0), (0.05, 0.02), (0.2, 0.1)])
def test_a_paired_difference_of_clusters(rates: tuple[float, float]) -> None:
    sizes = (1,) * 12 + (8,)
    clusters, n = find_clusters(groups(sizes)), sum(sizes)
    outcomes = []
    for chance, (lost, gained, _) in counts(12, (*rates, 1 - sum(rates))):
        for fate, more in ((rates[0], (8, 0)), (rates[1], (0, 8)), (1 - sum(rates), (0, 0))):
            both = lost + more[0], gained + more[1]
            outcomes.append((chance * fate, difference_interval(*both, n, 0.95, clusters)))
    require_coverage(outcomes, rates[0] - rates[1])


SHARES = np.array([0.0, 0.8, 1.0])
CHANCES = ((0.02, 0.98, 0.0), (0.03, 0.0, 0.97), (0.05, 0.25, 0.7), (0.3, 0.3, 0.4))


@pytest.mark.parametrize("chances", CHANCES)
@pytest.mark.parametrize("n", [3, 15])
def test_a_mean_of_shares(n: int, chances: tuple[float, ...]) -> None:
    outcomes = [
        (chance, bounded_mean(np.repeat(SHARES, each), 0.95))
        for chance, each in counts(n, chances)
        if chance
    ]
    require_coverage(outcomes, float((SHARES * chances).sum()))


ERRORS = np.array([0.8, 1.2, 3.5])
"""Those of ruined images lie farther than any other, but not more than three times as far."""


@pytest.mark.parametrize("chances", [(0.5, 0.48, 0.02), (0.49, 0.5, 0.01), (0.3, 0.5, 0.2)])
@pytest.mark.parametrize("n", [4, 16])
def test_a_mean_error(n: int, chances: tuple[float, ...]) -> None:
    outcomes = []
    for chance, each in counts(n, chances):
        interval = unbounded_mean(np.repeat(ERRORS, each), 0.95)
        assert interval is not None
        outcomes.append((chance, interval))
    require_coverage(outcomes, float((ERRORS * chances).sum()))


def test_medians_and_their_ratio_from_few_blocks() -> None:
    blocks, rounds, draws = 6, 4, 500
    numbers = np.repeat(np.arange(blocks), rounds)
    missed = np.zeros(3)
    for seed in range(draws):
        generator = np.random.default_rng(seed)
        shared = np.repeat(generator.lognormal(0, 0.03, blocks), rounds)
        own = np.repeat(generator.lognormal(0, 0.02, (2, blocks)), rounds, axis=1)
        first, second = np.array([[1.0], [0.6]]) * shared * own
        found = median_intervals(first, second, numbers, 0.95, 0)
        assert found is not None
        ends = ((found.first, 1.0), (found.second, 0.6), (found.ratio, 0.6))
        missed += [not low <= truth <= high for (low, high), truth in ends]
    # 1 - LEAST, and one and a half standard errors of so many draws
    assert (missed / draws <= 1 - LEAST + 1.5 * 0.0106).all(), missed / draws


@pytest.mark.parametrize("n", [5, 12, 40])
def test_the_median_of_a_benchmark(n: int) -> None:
    generator = np.random.default_rng(n)
    for draw, truth in (
        (generator.normal(2.0, 0.1, (4000, n)), 2.0),
        (1.0 + generator.exponential(1.0, (4000, n)), 1.0 + np.log(2.0)),
    ):
        lower, middle, upper = np.quantile(draw, [0.25, 0.5, 0.75], axis=1, method="hazen")
        held = [
            low <= truth <= high
            for low, high in (
                Stats(min=m, median=m, iqr=iqr, rounds=n).notch
                for m, iqr in zip(middle, upper - lower, strict=True)
            )
        ]
        assert np.mean(held) >= LEAST - 0.005


@pytest.mark.parametrize("rate", [0.02, 0.3])
@pytest.mark.parametrize("n", [5, 30])
def test_an_interval_that_is_too_narrow_is_seen(n: int, rate: float) -> None:
    narrow = [(float(binom.pmf(k, n, rate)), (k / n - 0.01, k / n + 0.01)) for k in range(n + 1)]
    with pytest.raises(AssertionError):
        require_coverage(narrow, rate)
