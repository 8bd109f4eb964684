"""Intervals for rates, means and paired differences, what they prove, lowest values, summaries.

All intervals are two-sided at the given confidence. A one-sided statement ("at least") that uses
one end of a 95 % interval therefore has 97.5 % confidence.

The lowest value of a set falls with the size of the set: the worst cosine of a good variant was
0.926 on 500 photographs and 0.838 on 1,300. With one limit for all sizes, larger sets would fail
more often. So the lowest values that rare accidents explain are skipped, and the next one is
compared with the limit.
"""

from __future__ import annotations

import bisect
import functools
import math

import numpy as np
import numpy.typing as npt

Interval = tuple[float, float]
Array = npt.NDArray[np.float64]

FARTHEST = 3.0
"""How many times the greatest value seen an unseen value may be for the high end of an unbounded
mean to hold. A smaller factor misses shares of 1 to 5 % ruined images among good ones too often;
with a greater one, few images settle nothing."""

WHOLE = 1.0
"""Greatest unseen value if all that were seen are 0: errors are shares of what is compared."""

FEW_RESAMPLES = 0.01
"""Share of resamples without any difference above which too few samples differ to show how much
others may: fewer than 5, as ``exp(-m)`` of all resamples leave out all of m samples."""

RARE = 0.00048
"""Share of a good variant's images that may lie below the limit: the greatest share that two of 500
images disprove. The heaviest tail measured for a good variant (lowest cosine 0.926 of 500 and 0.838
of 1,300) has 0.00045 below the default limit of 0.75."""

RARE_SHARE = 0.01
"""Share of images below the limit that a set must rule out if any of its images lie there."""


_PRECISION = 1e-9
"""Precision of an interval's end, in standard deviations of the mean."""

_NODES = 200
_STRETCH = 2.0

_SINGLE = 32
_JOINED = 96
_MAX_DISTINCT = 2 * _SINGLE + _JOINED
STEPS = 100
DIGITS = 5


def clopper_pearson(successes: float, n: float, confidence: float) -> Interval:
    """Return the exact interval for a rate: Clopper and Pearson, Biometrika 26 (1934), 404-413.

    Its coverage is never below the confidence. Fractional counts are allowed, so that planning
    can ask what a rate would prove with another number of images.

    Args:
        successes: Number of successes, in [0, n].
        n: Number of trials, above 0.
        confidence: Confidence level, in (0, 1).

    Raises:
        ValueError: The counts or the confidence are out of range.
    """
    from scipy.special import betaincinv

    _require_confidence(confidence)
    if not (n > 0 and 0 <= successes <= n):
        raise ValueError(f"{successes} successes of {n} trials is not a rate")
    tail = (1.0 - confidence) / 2.0
    low = 0.0 if successes == 0 else float(betaincinv(successes, n - successes + 1, tail))
    high = 1.0 if successes == n else float(betaincinv(successes + 1, n - successes, 1 - tail))
    return low, high


def best_provable_rate(n: int, confidence: float) -> float:
    """Return the rate that n images prove if all of them agree."""
    return clopper_pearson(n, n, confidence)[0]


def differing_at_limit(
    images: int, limit: float, confidence: float
) -> tuple[int | None, int | None]:
    """Return how many of n images may differ for a PASS, and the least number that is a FAIL.

    Returns:
        The two counts; None for a verdict that no count reaches.
    """

    def interval(differing: int) -> tuple[float, float]:
        return clopper_pearson(images - differing, images, confidence)

    counts = range(images + 1)
    passing = bisect.bisect_left(counts, x=True, key=lambda k: interval(k)[0] < limit) - 1
    failing = bisect.bisect_left(counts, x=True, key=lambda k: interval(k)[1] < limit)
    return passing if passing >= 0 else None, failing if failing <= images else None


def paired_difference(lost: float, gained: float, n: float, confidence: float) -> Interval:
    """Return the interval for the difference of two paired rates, ``(lost - gained) / n``.

    Each pair is a value of 1, -1 or 0, and the ends are those of ``_least_mean``. Tango's score
    interval (Statistics in Medicine 17 (1998), 891-908) has the same width within a tenth of a
    point at 500 pairs, but misses on one side up to twice as often as its confidence allows.

    Args:
        lost: Pairs right in the first and wrong in the second.
        gained: Pairs wrong in the first and right in the second.
        n: Number of pairs, above 0. Fractional counts are allowed, for planning.
        confidence: Confidence level, in (0, 1).

    Raises:
        ValueError: The counts or the confidence are out of range.
    """
    _require_confidence(confidence)
    if not (n > 0 and lost >= 0 and gained >= 0 and lost + gained <= n):
        raise ValueError(f"{lost} lost and {gained} gained of {n} pairs is impossible")
    values = np.array([-1.0, 0.0, 1.0])
    counts = np.array([gained, n - lost - gained, lost])
    tail = (1.0 - confidence) / 2.0
    low = _least_mean(values, counts, -1.0, tail)
    high = -_least_mean(-values, counts, -1.0, tail)
    return low, high


def mcnemar_exact(lost: int, gained: int, *, share: float = 1.0) -> float:
    """Return McNemar's exact two-sided p-value: could as many pairs change by chance alone?

    It is 1 if no pair changed.

    Args:
        lost: Pairs right in the first and wrong in the second.
        gained: Pairs wrong in the first and right in the second.
        share: Share of the pairs that count as independent. The incomplete beta function, which
            agrees with the binomial tail at whole numbers, extends it to fractions.
    """
    from scipy.special import betainc

    if lost + gained == 0:
        return 1.0
    fewer, more = sorted((lost * share, gained * share))
    return min(1.0, 2.0 * float(betainc(more, fewer + 1, 0.5)))


def binomial_tail(successes: float, n: float, chance: float) -> float:
    """Return the probability of at least the given number of successes in n trials.

    The incomplete beta function, which agrees with it at whole numbers, extends it to fractions.

    Args:
        successes: Number of successes, in [0, n].
        n: Number of trials, above 0.
        chance: Probability of a success, in [0, 1].

    Raises:
        ValueError: The counts or the chance are out of range.
    """
    from scipy.special import betainc

    if not (n > 0 and 0 <= successes <= n and 0.0 <= chance <= 1.0):
        raise ValueError(f"{successes} successes of {n} trials at {chance} is not a binomial")
    return 1.0 if successes == 0 else float(betainc(successes, n - successes + 1, chance))


def bounded_mean(values: Array, confidence: float, *, worth: float | None = None) -> Interval:
    """Return the interval for the mean of values in [0, 1].

    Its ends are those of ``_least_mean``. For values of 0 and 1 it is Clopper and Pearson's
    interval.

    Args:
        values: Values in [0, 1], shape (n,), n at least 1.
        confidence: Confidence level, in (0, 1).
        worth: How many independent values they count as; n if None.

    Raises:
        ValueError: There are no values, or a value or the confidence is out of range.
    """
    _require_confidence(confidence)
    if values.size == 0 or not bool(((values >= 0) & (values <= 1)).all()):
        raise ValueError("at least one value is needed, and all in [0, 1]")
    distinct, counts = _weighed(values, worth)
    tail = (1.0 - confidence) / 2.0
    low = _least_mean(distinct, counts, 0.0, tail)
    return low, 1.0 - _least_mean(1.0 - distinct, counts, 0.0, tail)


def unbounded_mean(
    values: Array, confidence: float, *, worth: float | None = None
) -> Interval | None:
    """Return the interval for the mean of values that are not negative.

    The low end is that of ``_least_mean`` and holds for any distribution. No high end can, because
    a value too rare to be among these may be arbitrarily large. This one holds if no unseen value
    is more than ``FARTHEST`` times the greatest one seen. Values that are all 0 show no scale: then
    none may be more than ``WHOLE``, which leaves Clopper and Pearson's bound. For skewed
    distributions, Student's t interval misses on this side three times as often as its confidence
    allows.

    Args:
        values: Values that are not negative, shape (n,).
        confidence: Confidence level, in (0, 1).
        worth: How many independent values they count as; n if None.

    Returns:
        None if there are fewer than two independent values, so that their spread is unknown.
    """
    _require_confidence(confidence)
    n = values.size if worth is None else worth
    if values.size < 2 or n < 2:
        return None
    distinct, counts = _weighed(values, worth)
    tail = (1.0 - confidence) / 2.0
    low = _least_mean(distinct, counts, 0.0, tail)
    greatest = float(values.max())
    farthest = FARTHEST * greatest if greatest > 0 else WHOLE
    return low, -_least_mean(-distinct, counts, -farthest, tail)


def with_unseen(
    interval: Interval,
    resamples: Array,
    *,
    alike: float,
    extent: float,
    confidence: float,
    worth: float,
) -> Interval:
    """Return an interval from resamples, widened if the models differ on hardly any sample.

    Resamples repeat what was seen: if no sample differs, they are all the same, and their interval
    is a point, however few samples there are. Then a share of all samples that the set can't rule
    out, by Clopper and Pearson's bound for none of n, may differ by as much as is possible. The
    same holds for the rest if fewer than about 5 differ, which ``FEW_RESAMPLES`` tells.

    Args:
        interval: The interval from the resamples.
        resamples: The value in each resample, shape (b,).
        alike: The value if no sample differs.
        extent: How far the value may move if all samples differ.
        confidence: Confidence level, in (0, 1).
        worth: Number of independent samples.
    """
    if bool((np.isclose(resamples, alike, rtol=0.0, atol=1e-12)).mean() <= FEW_RESAMPLES):
        return interval
    unseen = clopper_pearson(0, worth, confidence)[1] * extent
    return interval[0] - unseen, interval[1] + unseen


def _weighed(values: Array, worth: float | None) -> tuple[Array, Array]:
    """Return the distinct values, and how many independent ones each counts as.

    If there are very many, groups of those in the middle are replaced with their means, which
    hardly affects the ends of an interval.
    """
    distinct, counts = np.unique(values.astype(np.float64), return_counts=True)
    weights = counts.astype(np.float64) * (1.0 if worth is None else worth / values.size)
    if distinct.size <= _MAX_DISTINCT:
        return distinct, weights
    inner = distinct.size - 2 * _SINGLE
    starts = np.concatenate(
        [
            np.arange(_SINGLE),
            _SINGLE + np.arange(_JOINED) * inner // _JOINED,
            np.arange(distinct.size - _SINGLE, distinct.size),
        ]
    )
    joined = np.add.reduceat(weights, starts)
    return np.add.reduceat(weights * distinct, starts) / joined, joined


def _least_mean(values: Array, counts: Array, least: float, tail: float) -> float:
    """Return the low end of the interval for a mean of values with a known lower bound.

    It is the ``tail`` quantile of the mean of the values and the bound with random weights, uniform
    over all weights (Dirichlet's with every parameter 1). That is the bound of Gaffke, Mathematical
    Methods of Statistics 14 (2005), 451-467, as Learned-Miller and Thomas write it
    (arXiv:1905.06208, section 3). For two distinct values it is exactly Clopper and Pearson's. It
    is conjectured to hold for every distribution and proven for some, and
    ``benchmarks/coverage.md`` never shows it to miss more often than ``tail``.

    Args:
        values: Distinct values.
        counts: How many independent values each counts as; fractions are allowed.
        least: Lower bound of the values.
        tail: Probability with which the mean may lie below the end.
    """
    mean = float((counts * values).sum() / counts.sum())
    known = counts > 0
    points, shapes = np.append(values[known], least), np.append(counts[known], 1.0)
    total = shapes.sum()
    centre = float((shapes * points).sum() / total)
    variance = float((shapes * (points - centre) ** 2).sum() / total / (total + 1.0))
    deviation = math.sqrt(variance)
    high, step = min(mean, centre), deviation
    low = max(least, high - step)
    while low > least and _chance_below(points - low, shapes) >= tail:
        high, step = low, 2.0 * step
        low = max(least, low - step)
    while high - low > _PRECISION * deviation:
        middle = (low + high) / 2.0
        if _chance_below(points - middle, shapes) < tail:
            low = middle
        else:
            high = middle
    return low


def _chance_below(offsets: Array, shapes: Array) -> float:
    """Return the probability that a randomly weighted mean of the offsets lies below 0.

    The weights follow a Dirichlet distribution, gamma variables divided by their sum, so only the
    sign of a weighted sum of gamma variables matters: Imhof, Biometrika 48 (1961), 419-426,
    equation 3.2.

    Args:
        offsets: Offsets of both signs, shape (m,).
        shapes: Shape parameters of the gamma variables, shape (m,), above 0.
    """
    nodes, weights = _half_line()
    scale = math.sqrt(float((shapes * offsets**2).sum()))
    if scale == 0.0:
        return 0.0
    terms = np.multiply.outer(nodes / scale, offsets)
    angle = np.arctan(terms) @ shapes
    damping = np.log1p(terms**2) @ shapes / 2.0
    above = 0.5 + float((weights * np.sin(angle) * np.exp(-damping) / nodes).sum()) / math.pi
    return 1.0 - above


@functools.cache
def _half_line() -> tuple[Array, Array]:
    """Return the nodes and weights of Gauss's rule, mapped from (0, 1) to (0, infinity)."""
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    places = (nodes + 1.0) / 2.0
    return _STRETCH * places / (1.0 - places), weights / 2.0 * _STRETCH / (1.0 - places) ** 2


def chance_below_zero(values: Array, unseen: float, *, worth: float | None = None) -> float:
    """Return the probability that a mean lies below 0, given values and a bound of unseen ones.

    The mean has random weights, uniform over all weights, as in ``unbounded_mean``. If the result
    is below a tail probability, the distribution's mean is above 0 at that level, provided that no
    value is below the bound.

    Args:
        values: Values of any sign, shape (n,).
        unseen: Lower bound of a single value.
        worth: How many independent values they count as; n if None.
    """
    distinct, counts = _weighed(values, worth)
    points, shapes = np.append(distinct, unseen), np.append(counts, 1.0)
    if bool((points >= 0.0).all()) or bool((points <= 0.0).all()):
        return 1.0 if bool((points < 0.0).any()) else 0.0
    return _chance_below(points, shapes)


def normal_quantile(probability: float) -> float:
    """Return the standard normal quantile."""
    from scipy.special import ndtri

    return float(ndtri(probability))


def _require_confidence(confidence: float) -> None:
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"the confidence must lie between 0 and 1, not be {confidence}")


def percentiles(values: npt.ArrayLike) -> tuple[float, ...]:
    """Return the 0th, 1st ... 100th percentile, rounded to ``DIGITS`` significant digits.

    Args:
        values: Finite numbers, at least one.
    """
    quantiles = np.quantile(np.asarray(values, np.float64), np.linspace(0.0, 1.0, STEPS + 1))
    return short(quantiles)


def short(values: npt.ArrayLike) -> tuple[float, ...]:
    """Return numbers rounded to ``DIGITS`` significant digits, good enough for charts only."""
    return tuple(float(f"{value:.{DIGITS}g}") for value in np.asarray(values, np.float64))


def most_by_chance(worth: float, confidence: float) -> int:
    """Return how many independent images may lie below a limit if at most ``RARE`` of all do.

    One more would prove a greater share, because the low end of Clopper and Pearson's interval
    would exceed it. At 95 % that is none of up to 52, 1 of up to 504, 2 of up to 1,289.
    """
    count = 0
    while count + 1 <= worth and clopper_pearson(count + 1, worth, confidence)[0] <= RARE:
        count += 1
    return count


def lowest(values: Array, confidence: float, worth: float | None = None) -> tuple[float, ...]:
    """Return the lowest values in ascending order; the last one is compared with the limit.

    Args:
        values: The value of each image, shape (n,), n at least 1.
        confidence: Confidence level, in (0, 1).
        worth: How many independent images they count as; n if None.
    """
    n = values.size
    independent = float(n) if worth is None else worth
    spared = math.floor(most_by_chance(independent, confidence) * n / independent)
    return tuple(float(value) for value in np.sort(values)[: spared + 1])


def rules_out_more(below: int, images: int, worth: float, confidence: float) -> bool:
    """Return whether none lie below a limit, or at most ``RARE_SHARE`` of all are proven to."""
    if not below:
        return True
    return clopper_pearson(min(below * worth / images, worth), worth, confidence)[1] <= RARE_SHARE
