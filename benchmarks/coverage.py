"""How often the intervals that edgeq uses hold the truth, over a grid, on each side.

An end that misses too often makes a wrong verdict: the low end of a value that must not exceed its
limit a wrong FAIL, its high end a wrong PASS. Rates and paired differences are enumerated: the
chance of every possible count, added up where the interval of that count misses. The others are
drawn with fixed seeds. Prints the table of ``coverage.md``; exit code 1 if an interval holds the
truth less often than ``MIN_COVERAGE``.

    python -m benchmarks.coverage > benchmarks/coverage.md
"""

from __future__ import annotations

import functools
import itertools
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pytest_benchmark.stats import Stats as Sample
from scipy.special import gammaln, xlogy
from scipy.stats import betabinom, binom

from benchmarks import former_intervals as former
from edgeq.history.sources import Stats
from edgeq.measure.bootstrap import median_intervals, stretch
from edgeq.measure.clusters import find_clusters
from edgeq.measure.contrast import ratio_interval
from edgeq.measure.statistics import (
    bounded_mean,
    clopper_pearson,
    paired_difference,
    unbounded_mean,
)

Array = npt.NDArray[np.float64]
Interval = tuple[float, float]

NOMINAL = 0.95
MIN_COVERAGE = 0.94
ROUNDING = 1e-9

RATES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.1, 0.15, 0.2, 0.3, 0.45)
SIZES = (1, 5, 16, 20, 50, 100, 500, 2000)
PAIRS = {10: 0.45, 20: 0.45, 50: 0.45, 100: 0.3, 200: 0.15, 500: 0.05}
"""By number of pairs: the highest rate of lost and of gained ones."""

CLUSTERS: dict[str, tuple[tuple[int, int], ...]] = {
    "50 and 50 single": ((50, 1), (1, 50)),
    "100 and 400 single": ((100, 1), (1, 400)),
    "20 and 480 single": ((20, 1), (1, 480)),
    "3 of 30 and 110 single": ((30, 3), (1, 110)),
    "10 of 10 and 100 single": ((10, 10), (1, 100)),
    "100 of 5": ((5, 100),),
    "10 each of 1 to 10": tuple((size, 10) for size in range(1, 11)),
    "a pair and 498 single": ((2, 1), (1, 498)),
}
"""Sizes of clusters, each with how many there are of it."""

CORRELATIONS = (0.0, 0.3, 1.0)

SHARES = np.array([1.0, 0.8, 0.6, 0.4, 0.2, 0.0])
OVERLAPS = (
    (0.95, 0.05, 0, 0, 0, 0),
    (0.97, 0, 0, 0, 0, 0.03),
    (0.0, 0.98, 0, 0, 0, 0.02),
    (0.6, 0.3, 0.08, 0.02, 0, 0),
    (0.2, 0.2, 0.2, 0.2, 0.2, 0),
    (0.005, 0, 0, 0, 0, 0.995),
)
"""Chances of each share of five classes."""


@dataclass(frozen=True)
class Cell:
    """How often an interval misses one truth.

    Attributes:
        where: The truth.
        low: How often its low end lies above the truth.
        high: How often its high end lies below it.
    """

    where: str
    low: float
    high: float


@dataclass(frozen=True)
class Worst:
    """The least coverage over a grid: of the low end, of the high end, and of both."""

    low: float
    high: float
    both: float
    where: str


def worst(cells: Iterable[Cell]) -> Worst:
    """Return the least coverage of each side, and of both with where that is."""
    every = list(cells)
    least = min(every, key=lambda cell: 1.0 - cell.low - cell.high)
    return Worst(
        low=min(1.0 - cell.low for cell in every),
        high=min(1.0 - cell.high for cell in every),
        both=1.0 - least.low - least.high,
        where=least.where,
    )


def _missed(ends: Array, chances: Array, truth: float) -> tuple[float, float]:
    """Return the chances of intervals, shape (m, 2), that lie above and below the truth."""
    return (
        float(chances[ends[:, 0] > truth + ROUNDING].sum()),
        float(chances[ends[:, 1] < truth - ROUNDING].sum()),
    )


def rates(interval: Callable[[int, int], Interval], sizes: Sequence[int] = SIZES) -> Iterator[Cell]:
    """Enumerate the counts of n trials at every rate."""
    for n in sizes:
        ends = np.array([interval(count, n) for count in range(n + 1)])
        for rate in (*RATES, *(1 - one for one in RATES)):
            chances = binom.pmf(np.arange(n + 1), n, rate)
            yield Cell(f"n = {n}, rate {rate:g}", *_missed(ends, chances, rate))


def clustered_rates(
    effective: Callable[[Sequence[int]], float], clusters: Sequence[str] = tuple(CLUSTERS)
) -> Iterator[Cell]:
    """Enumerate the counts of images in clusters, alike within one by the correlation."""
    for name in clusters:
        sizes = _sizes(name)
        n, worth = sum(sizes), effective(sizes)
        counts = [min(count * worth / n, worth) for count in range(n + 1)]
        ends = np.array([clopper_pearson(count, worth, NOMINAL) for count in counts])
        for rate in (*RATES, 0.7, 0.9, 0.95, 0.98, 0.99):
            for correlation in CORRELATIONS:
                chances = _clustered_counts(CLUSTERS[name], rate, correlation)
                where = f"{name}, rate {rate:g}, correlation {correlation:g}"
                yield Cell(where, *_missed(ends, chances, rate))


def _sizes(name: str) -> list[int]:
    return [size for size, times in CLUSTERS[name] for _ in range(times)]


def _clustered_counts(
    clusters: Sequence[tuple[int, int]], rate: float, correlation: float
) -> Array:
    """Return the chance of each count of images, a beta-binomial count in each cluster."""
    length = sum(size * times for size, times in clusters) + 1
    waves = np.ones(length // 2 + 1, np.complex128)
    for size, times in clusters:
        waves *= np.fft.rfft(_cluster_counts(size, rate, correlation), length) ** times
    return np.clip(np.fft.irfft(waves, length), 0.0, None)


def _cluster_counts(size: int, rate: float, correlation: float) -> Array:
    counts = np.arange(size + 1)
    if correlation == 0.0 or size == 1:
        return np.asarray(binom.pmf(counts, size, rate))
    if correlation == 1.0:
        ends = np.zeros(size + 1)
        ends[[0, -1]] = 1.0 - rate, rate
        return ends
    scale = (1.0 - correlation) / correlation
    return np.asarray(betabinom.pmf(counts, size, rate * scale, (1.0 - rate) * scale))


def differences(
    interval: Callable[[float, float, float, float], Interval],
    pairs: dict[int, float] | None = None,
) -> Iterator[Cell]:
    """Enumerate the counts of lost and gained pairs at every two rates."""
    for n, most in (PAIRS if pairs is None else pairs).items():
        known = functools.cache(lambda lost, gained, n=n: interval(lost, gained, n, NOMINAL))
        for lost_rate in (0.0, *RATES):
            for gained_rate in (0.0, *RATES):
                if max(lost_rate, gained_rate) > most:
                    continue
                lost, gained, chances = _pairs(n, lost_rate, gained_rate)
                ends = np.array([known(*both) for both in zip(lost, gained, strict=True)])
                truth = lost_rate - gained_rate
                where = f"n = {n}, lost {lost_rate:g}, gained {gained_rate:g}"
                yield Cell(where, *_missed(ends, chances, truth))


def _pairs(n: int, lost_rate: float, gained_rate: float) -> tuple[list[int], list[int], Array]:
    """Return the counts of lost and gained pairs that have a chance, and their chances."""
    lost, gained = (one.ravel() for one in np.indices((n + 1, n + 1)))
    possible = lost + gained <= n
    lost, gained = lost[possible], gained[possible]
    rest = n - lost - gained
    logs = gammaln(n + 1) - gammaln(lost + 1) - gammaln(gained + 1) - gammaln(rest + 1)
    logs = logs + xlogy(lost, lost_rate) + xlogy(gained, gained_rate)
    chances = np.exp(logs + xlogy(rest, 1.0 - lost_rate - gained_rate))
    likely = chances > 1e-9  # all others together have no chance
    return lost[likely].tolist(), gained[likely].tolist(), chances[likely]


def clustered_differences(
    interval: Callable[[float, float, float, float], Interval],
    effective: Callable[[Sequence[int]], float],
    draws: int = 3000,
) -> Iterator[Cell]:
    """Draw lost and gained images, all of a cluster alike or each for itself."""
    for name in CLUSTERS:
        sizes = np.array(_sizes(name))
        n, worth = int(sizes.sum()), effective(sizes.tolist())

        def shrunk(lost: int, gained: int, n: int = n, worth: float = worth) -> Interval:
            first, second = lost * worth / n, gained * worth / n
            return interval(min(first, worth - second), second, worth, NOMINAL)

        known = functools.cache(shrunk)
        for lost_rate, gained_rate in ((0.01, 0.01), (0.05, 0.0), (0.05, 0.02), (0.15, 0.1)):
            for alike in (True, False):
                generator = np.random.default_rng([n, round(lost_rate * 1000), alike])
                counts = sizes if alike else np.ones(n, np.int64)
                fates = generator.random((draws, counts.size))
                lost = (counts * (fates < lost_rate)).sum(axis=1)
                gained = (counts * (fates >= 1.0 - gained_rate)).sum(axis=1)
                ends = np.array(
                    [known(*b) for b in zip(lost.tolist(), gained.tolist(), strict=True)]
                )
                where = f"{name}, lost {lost_rate:g}, gained {gained_rate:g}"
                where += ", alike" if alike else ", single"
                chances = np.full(draws, 1.0 / draws)
                yield Cell(where, *_missed(ends, chances, lost_rate - gained_rate))


def overlaps(
    interval: Callable[[Array, float], Interval],
    sizes: Sequence[int] = (10, 20, 100, 500),
    draws: int = 2000,
) -> Iterator[Cell]:
    """Draw shares of five classes."""
    for n in sizes:
        for number, chances in enumerate(OVERLAPS):
            drawn = np.random.default_rng([n, number]).multinomial(n, chances, size=draws)
            rows, times = np.unique(drawn, axis=0, return_counts=True)
            ends = np.array([interval(np.repeat(SHARES, row), NOMINAL) for row in rows])
            truth = float((SHARES * chances).sum())
            where = f"n = {n}, mean {truth:.3g}"
            yield Cell(where, *_missed(ends, times / draws, truth))


Draw = Callable[[np.random.Generator, int], Array]


def _ruined(share: float, factor: float) -> Draw:
    """Return what draws errors of good images of which a share is ruined."""

    def draw(generator: np.random.Generator, n: int) -> Array:
        good = generator.lognormal(0.0, 0.3, n)
        ruined: Array = np.where(generator.random(n) < share, factor, good)
        return ruined

    return draw


def _log_mean(deviation: float) -> float:
    return float(np.exp(deviation**2 / 2.0))


ERRORS: dict[str, tuple[Draw, float]] = {
    "log-normal, 0.3": (lambda g, n: g.lognormal(0.0, 0.3, n), _log_mean(0.3)),
    "log-normal, 0.6": (lambda g, n: g.lognormal(0.0, 0.6, n), _log_mean(0.6)),
    "log-normal, 1": (lambda g, n: g.lognormal(0.0, 1.0, n), _log_mean(1.0)),
    "exponential": (lambda g, n: g.exponential(1.0, n), 1.0),
    "half normal": (lambda g, n: np.abs(g.normal(0.0, 1.0, n)), float(np.sqrt(2.0 / np.pi))),
    "uniform": (lambda g, n: g.random(n), 0.5),
    "1 % five times as far": (_ruined(0.01, 5.0), 0.99 * _log_mean(0.3) + 0.05),
    "2 % five times as far": (_ruined(0.02, 5.0), 0.98 * _log_mean(0.3) + 0.1),
    "5 % five times as far": (_ruined(0.05, 5.0), 0.95 * _log_mean(0.3) + 0.25),
    "5 % seven times as far": (_ruined(0.05, 7.0), 0.95 * _log_mean(0.3) + 0.35),
}
"""Errors of images, with their true mean."""

ERROR_DRAWS = {8: 1000, 16: 1000, 50: 500, 150: 300}


def errors(
    interval: Callable[[Array, float], Interval | None],
    draws: dict[int, int] | None = None,
) -> Iterator[Cell]:
    """Draw errors of images, which have no greatest value."""
    for n, times in (ERROR_DRAWS if draws is None else draws).items():
        for name, (draw, truth) in ERRORS.items():
            generator = np.random.default_rng([n, len(name)])
            found = [interval(draw(generator, n), NOMINAL) for _ in range(times)]
            ends = np.array([one for one in found if one is not None])
            chances = np.full(len(ends), 1.0 / len(ends))
            yield Cell(f"n = {n}, {name}", *_missed(ends, chances, truth))


SPREADS = {"alike": 0.0, "0.1 apart": 0.1, "0.5 apart": 0.5}
"""How a variant's errors differ from twice its control's, image by image (log-normal)."""

RATIO_DRAWS = {16: 300, 64: 150}


def ratios(
    interval: Callable[[Array, Array, float], Interval | None],
    draws: dict[int, int] | None = None,
) -> Iterator[Cell]:
    """Draw errors of images by a variant and its control, which find the same images hard."""
    for n, times in (RATIO_DRAWS if draws is None else draws).items():
        for (name, (draw, _)), (apart, spread) in itertools.product(
            ERRORS.items(), SPREADS.items()
        ):
            generator = np.random.default_rng([n, len(name), len(apart)])
            found = []
            for _ in range(times):
                control = draw(generator, n)
                variant = 2.0 * control * generator.lognormal(0.0, spread, n)
                found.append(interval(variant, control, NOMINAL))
            ends = np.array([one for one in found if one is not None])
            # alike but for rounding: it must not count as a miss
            truth = 2.0 * _log_mean(spread)
            ends = ends + np.array([-ROUNDING, ROUNDING]) * truth
            chances = np.full(len(ends), 1.0 / len(ends))
            yield Cell(f"n = {n}, {name}, {apart}", *_missed(ends, chances, truth))


def _slowed(generator: np.random.Generator, shape: tuple[int, ...], share: float) -> Array:
    """Return by how much times are longer of which a share is slowed down."""
    slowed: Array = (generator.random(shape) < share) * generator.exponential(0.5, shape)
    return slowed


TIMES: dict[str, Callable[[np.random.Generator, int, int], Array]] = {
    "quiet": lambda g, blocks, rounds: g.lognormal(0.0, 0.02, (2, blocks * rounds)),
    "slow blocks": lambda g, blocks, rounds: (
        np.repeat(1.0 + _slowed(g, (2, blocks), 0.25), rounds, axis=1)
        * g.lognormal(0.0, 0.02, (2, blocks * rounds))
    ),
    "slow rounds": lambda g, blocks, rounds: 1.0 + _slowed(g, (2, blocks * rounds), 0.3),
    "heavy tails": lambda g, blocks, rounds: (
        np.repeat(np.exp(0.01 * g.standard_t(2.0, (2, blocks))), rounds, axis=1)
        * g.lognormal(0.0, 0.02, (2, blocks * rounds))
    ),
}
"""Noise of baseline and variant, beside what blocks share and have of their own."""

BLOCKS = ((6, 4), (6, 1), (8, 4), (12, 4), (16, 4), (32, 4))
RATIO = 0.6
_MANY_BLOCKS = 100_000


def _timed(noise: str, generator: np.random.Generator, blocks: int, rounds: int) -> Array:
    """Return times of baseline and variant, shape (2, blocks * rounds)."""
    shared = np.repeat(generator.lognormal(0.0, 0.03, blocks), rounds)
    own = np.repeat(generator.lognormal(0.0, 0.01, (2, blocks)), rounds, axis=1)
    times: Array = np.array([[1.0], [RATIO]]) * shared * own
    return times * TIMES[noise](generator, blocks, rounds)


@dataclass(frozen=True)
class _Drawn:
    """Intervals of times that were drawn, the median of both models and their ratio each time.

    Attributes:
        where: Blocks and noise.
        blocks: Number of blocks.
        ends: Shape (draws, 3, 2).
        centres: The figures of each draw, shape (draws, 3).
        truths: Those of ever so many blocks, shape (3,).
    """

    where: str
    blocks: int
    ends: Array
    centres: Array
    truths: Array


def _figures(times: Array) -> Array:
    first, second = np.median(times, axis=-1)
    return np.array([first, second, second / first])


@functools.cache
def _drawn_times(draws: int = 800) -> tuple[_Drawn, ...]:
    every = []
    for noise in TIMES:
        for blocks, rounds in BLOCKS:
            many = _timed(noise, np.random.default_rng(1), _MANY_BLOCKS, rounds)
            numbers = np.repeat(np.arange(blocks), rounds)
            ends, centres = [], []
            for seed in range(draws):
                generator = np.random.default_rng([seed, blocks, rounds])
                times = _timed(noise, generator, blocks, rounds)
                found = median_intervals(times[0], times[1], numbers, NOMINAL, 0)
                if found is None:
                    raise ValueError(f"no interval for {blocks} blocks")
                ends.append([found.first, found.second, found.ratio])
                centres.append(_figures(times))
            where = f"{blocks} blocks of {rounds}, {noise}"
            every.append(_Drawn(where, blocks, np.array(ends), np.array(centres), _figures(many)))
    return tuple(every)


def latencies(figures: Sequence[int], *, stretched: bool) -> Iterator[Cell]:
    """Draw times.

    Args:
        figures: Which of both medians and their ratio, by their places.
        stretched: Whether the percentiles are stretched, as they are now.
    """
    for one in _drawn_times():
        ends = one.ends
        if not stretched:
            ends = former.percentiles(ends, one.centres, stretch(one.blocks, NOMINAL))
        chances = np.full(len(ends), 1.0 / len(ends))
        for at in figures:
            yield Cell(one.where, *_missed(ends[:, at], chances, float(one.truths[at])))


ROUNDS: dict[str, Draw] = {
    "normal": lambda g, n: g.normal(1.0, 0.03, n),
    "uniform": lambda g, n: g.random(n) + 1.0,
    "exponential": lambda g, n: 1.0 + g.exponential(0.1, n),
    "log-normal": lambda g, n: 1.0 + 0.1 * g.lognormal(0.0, 1.0, n),
    "slow rounds": lambda g, n: 1.0 + g.normal(0.0, 0.01, n) + _slowed(g, (n,), 0.2),
    "heavy tails": lambda g, n: 1.0 + 0.01 * g.standard_t(2.0, n),
}


def notches(interval: Callable[[float, float, int], Interval], draws: int = 2000) -> Iterator[Cell]:
    """Draw the rounds of a file of pytest-benchmark."""
    for name, draw in ROUNDS.items():
        truth = float(np.median(draw(np.random.default_rng(0), 1_000_000)))
        for n in (5, 6, 8, 10, 16, 30, 100):
            generator = np.random.default_rng([n, len(name)])
            ends = []
            for _ in range(draws):
                sample = Sample()
                sample.data = draw(generator, n).tolist()
                ends.append(interval(sample.median, sample.iqr, n))
            chances = np.full(draws, 1.0 / draws)
            yield Cell(f"{n} rounds, {name}", *_missed(np.array(ends), chances, truth))


def worth(sizes: Sequence[int]) -> float:
    """Return the effective number of images that edgeq takes for clusters of these sizes."""
    groups = [number for number, size in enumerate(sizes) for _ in range(size)]
    found = find_clusters(groups)
    return float(len(groups)) if found is None else found.effective


@dataclass(frozen=True)
class Row:
    """One interval: where it is used, the grid, and its coverage before and now."""

    name: str
    used: str
    grid: str
    before: Callable[[], Worst]
    now: Callable[[], Worst]


def _rows() -> list[Row]:
    exact_rates = functools.cache(
        lambda: worst(rates(lambda count, n: clopper_pearson(count, n, NOMINAL)))
    )
    return [
        Row(
            "rate: Clopper and Pearson's",
            "`top1_agreement`, accuracies",
            "enumerated: 1 to 2,000 images, 26 rates from .001 to .999",
            exact_rates,
            exact_rates,
        ),
        Row(
            "rate in clusters: the same at the effective number of images",
            "`top1_agreement` with `group`",
            "enumerated: 8 sets of clusters, 18 rates, correlation 0, .3 and 1",
            lambda: worst(clustered_rates(former.kish)),
            lambda: worst(clustered_rates(worth)),
        ),
        Row(
            "paired difference: Gaffke's (before: Tango's)",
            "`accuracy_drop`",
            "enumerated: 10 to 500 pairs, rates lost and gained from 0 to .45 (.05 for 500)",
            lambda: worst(differences(former.tango)),
            lambda: worst(differences(paired_difference)),
        ),
        Row(
            "paired difference in clusters",
            "`accuracy_drop` with `group`",
            "3,000 draws: 8 sets of clusters, 4 pairs of rates, alike or not within one",
            lambda: worst(clustered_differences(former.tango, former.kish)),
            lambda: worst(clustered_differences(paired_difference, worth)),
        ),
        Row(
            "mean in [0, 1]: Gaffke's (before: hull of Student's)",
            "`top5_overlap`",
            "2,000 draws: 10 to 500 images, 6 distributions of shares",
            lambda: worst(overlaps(former.hull_of_students)),
            lambda: worst(overlaps(bounded_mean)),
        ),
        Row(
            "mean of errors: Gaffke's (before: Student's)",
            "`relative_error`",
            "300 to 1,000 draws: 8 to 150 images, 10 distributions of errors",
            lambda: worst(errors(former.student)),
            lambda: worst(errors(unbounded_mean)),
        ),
        Row(
            "ratio of means: Gaffke's (before: Fieller's)",
            "`relative_error` and `probability_drift` beside a control",
            "150 to 300 draws: 16 and 64 images, 10 distributions of errors, 3 ways to differ",
            lambda: worst(ratios(former.fieller)),
            lambda: worst(ratios(ratio_interval)),
        ),
        Row(
            "median of times: stretched percentiles of the bootstrap",
            "`max_latency_ms`",
            "800 draws: 6 to 32 blocks of 1 or 4 rounds, 4 kinds of noise",
            lambda: worst(latencies((0, 1), stretched=False)),
            lambda: worst(latencies((0, 1), stretched=True)),
        ),
        Row(
            "ratio of medians: the same",
            "`latency_ratio`",
            "the same draws",
            lambda: worst(latencies((2,), stretched=False)),
            lambda: worst(latencies((2,), stretched=True)),
        ),
        Row(
            "median of a benchmark: a notch",
            "`edgeq compare` of files of pytest-benchmark",
            "2,000 draws: 5 to 100 rounds, 6 distributions of times",
            lambda: worst(notches(former.notch)),
            lambda: worst(
                notches(lambda m, iqr, n: Stats(min=m, median=m, iqr=iqr, rounds=n).notch)
            ),
        ),
    ]


def main() -> int:
    """Print the table."""
    start = time.process_time()
    failed = False
    print(HEAD)
    for row in _rows():
        before, now = row.before(), row.now()
        failed = failed or now.both < MIN_COVERAGE
        cells = [f"{one.low:.4f} | {one.high:.4f} | {one.both:.4f}" for one in (before, now)]
        print(f"| {row.name} | {row.used} | {row.grid} | {' | '.join(cells)} | {now.where} |")
        sys.stdout.flush()
        print(f"{time.process_time() - start:.0f} s: {row.name}", file=sys.stderr)
    print(TAIL)
    return int(failed)


HEAD = """\
# Coverage of the intervals

    python -m benchmarks.coverage > benchmarks/coverage.md

How often an interval of nominally 95 % holds the truth: the least over its grid, for the low end
(nominally .975), the high end (.975) and both (.95). What is enumerated is exact; the least of many
drawn cells lies below what any one of them would show with more draws (a cell of 1,000 draws at .95
has a standard error of .007). The last column says where the least of both is now.

| interval | used by | grid | low before | high before | both before | low | high | both | at |
|---|---|---|---|---|---|---|---|---|---|"""

TAIL = """
- The bounds of Gaffke (2005) are for a mean of values of which only the least, or the greatest, is
  known: of a rate they are Clopper and Pearson's, and they hold on each side at 97.5 % whatever the
  values are like.
- Errors of images have no greatest value, so no high end holds whatever they are like. That of
  `relative_error` holds unless another image lies more than three times as far as the farthest that
  was measured; the evidence of the case says so. Few images that are ruined altogether are what
  `worst_cosine` looks for.
- Times are judged up to eight times while a limit is open; each look then has its share of the
  error (`edgeq/measure/planning.py`), and its interval is that of 99.4 %. With fewer blocks
  than could hold a median at all there is no interval, and the case is INCONCLUSIVE.
- Correlation within a cluster is taken as 1. A set with one large cluster among single images
  counts as fewer than Kish's number of images, one of equal clusters as their number, as before."""


if __name__ == "__main__":
    sys.exit(main())
