"""Intervals for rates, means and paired differences.

Everything here is two-sided at the given confidence: a one-sided statement ("at least") that
uses one end of a 95 % interval has 97.5 % confidence.
"""

from __future__ import annotations

import functools
import math

import numpy as np
import numpy.typing as npt

Interval = tuple[float, float]
Array = npt.NDArray[np.float64]

FARTHEST = 3.0
"""By how many times a value that was not seen may exceed the greatest that was, for the high end of
an unbounded mean to hold. With less, shares of 1 to 5 % of ruined images among good ones are missed
too often; with more, few images settle nothing."""

_LEAST_VALUES = 2

_PRECISION = 1e-9
"""Of an end, in standard deviations of the mean."""

_NODES = 200
_STRETCH = 2.0

_SINGLE = 32
_JOINED = 96
_MOST_DISTINCT = 2 * _SINGLE + _JOINED


def clopper_pearson(successes: float, n: float, confidence: float) -> Interval:
    """Return the exact interval for a rate: Clopper and Pearson, Biometrika 26 (1934), 404-413.

    Its coverage is never below the confidence. Fractional counts are allowed, so that planning
    can ask what a rate would prove at another number of images.

    Args:
        successes: In [0, n].
        n: Number of trials, above 0.
        confidence: In (0, 1).

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


def paired_difference(lost: float, gained: float, n: float, confidence: float) -> Interval:
    """Return the interval for the difference of two paired rates, ``(lost - gained) / n``.

    Each pair is a value of 1, -1 or 0, and the ends are those of ``_least_mean``. Tango's score
    interval (Statistics in Medicine 17 (1998), 891-908), which is as wide within a tenth of a
    point at 500 pairs, misses on one side up to twice as often as its confidence says.

    Args:
        lost: Pairs right in the first and wrong in the second.
        gained: Pairs wrong in the first and right in the second.
        n: Number of pairs, above 0. Fractional counts are allowed, for planning.
        confidence: In (0, 1).

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
    """Return McNemar's exact two-sided p: could as many pairs change by chance alone?

    1 when no pair changed.

    Args:
        lost: Pairs right in the first and wrong in the second.
        gained: Pairs wrong in the first and right in the second.
        share: Of the pairs that count as independent ones. The binomial tail is continued to
            fractions by the incomplete beta function, with which it agrees at whole numbers.
    """
    from scipy.special import betainc

    if lost + gained == 0:
        return 1.0
    fewer, more = sorted((lost * share, gained * share))
    return min(1.0, 2.0 * float(betainc(more, fewer + 1, 0.5)))


def binomial_tail(successes: float, n: float, chance: float) -> float:
    """Return the probability of at least so many successes in n trials.

    Continued to fractions by the incomplete beta function, with which it agrees at whole numbers.

    Args:
        successes: In [0, n].
        n: Number of trials, above 0.
        chance: Of a success, in [0, 1].

    Raises:
        ValueError: The counts or the chance are out of range.
    """
    from scipy.special import betainc

    if not (n > 0 and 0 <= successes <= n and 0.0 <= chance <= 1.0):
        raise ValueError(f"{successes} successes of {n} trials at {chance} is not a binomial")
    return 1.0 if successes == 0 else float(betainc(successes, n - successes + 1, chance))


def bounded_mean(values: Array, confidence: float, *, worth: float | None = None) -> Interval:
    """Return the interval for the mean of values in [0, 1].

    Its ends are those of ``_least_mean``: for values of 0 and 1 the interval is Clopper and
    Pearson's.

    Args:
        values: Shape (n,), n at least 1.
        confidence: In (0, 1).
        worth: How many independent values they count as; n if None.

    Raises:
        ValueError: There are no values, or they or the confidence are out of range.
    """
    _require_confidence(confidence)
    if values.size == 0 or not bool(((values >= 0) & (values <= 1)).all()):
        raise ValueError("values in [0, 1] are needed")
    distinct, counts = _weighed(values, worth)
    tail = (1.0 - confidence) / 2.0
    low = _least_mean(distinct, counts, 0.0, tail)
    return low, 1.0 - _least_mean(1.0 - distinct, counts, 0.0, tail)


def unbounded_mean(
    values: Array, confidence: float, *, worth: float | None = None
) -> Interval | None:
    """Return the interval for the mean of values that are not negative.

    The low end is that of ``_least_mean`` and holds whatever the values are like. No high end does:
    a value too rare to be among these may be as large as it likes. This one holds if no other value
    is more than ``FARTHEST`` times the greatest of these. Student's t interval, which it replaces,
    misses values of a skewed distribution on this side three times as often as it says.

    Args:
        values: Shape (n,).
        confidence: In (0, 1).
        worth: How many independent values they count as; n if None.

    Returns:
        None if there are not two independent values to tell how they vary.
    """
    _require_confidence(confidence)
    n = values.size if worth is None else worth
    if values.size < _LEAST_VALUES or n < _LEAST_VALUES:
        return None
    distinct, counts = _weighed(values, worth)
    tail = (1.0 - confidence) / 2.0
    low = _least_mean(distinct, counts, 0.0, tail)
    farthest = FARTHEST * float(values.max())
    return low, -_least_mean(-distinct, counts, -farthest, tail)


def _weighed(values: Array, worth: float | None) -> tuple[Array, Array]:
    """Return the distinct values, and how many independent ones each counts as.

    Of very many distinct values those in the middle are joined to their means; neither end of an
    interval rests on them one by one.
    """
    distinct, counts = np.unique(values.astype(np.float64), return_counts=True)
    weights = counts.astype(np.float64) * (1.0 if worth is None else worth / values.size)
    if distinct.size <= _MOST_DISTINCT:
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
    """Return the low end of the interval for a mean whose single values are never below a least.

    It is the ``tail`` quantile of a mean with random weights, uniform over all weights (Dirichlet's
    with every parameter 1), of the values and one more: the least. That is the bound of Gaffke,
    Mathematical Methods of Statistics 14 (2005), 451-467, as Learned-Miller and Thomas write it
    (arXiv:1905.06208, section 3); for values of two kinds it is exactly Clopper and Pearson's. It
    is conjectured to hold for every distribution, proven for some, and was never seen to miss more
    often than ``tail``: ``benchmarks/coverage.md``.

    Args:
        values: Distinct values.
        counts: How many independent ones each counts as; fractions are allowed.
        least: The least value that there can be.
        tail: How rarely the mean may lie below the end.
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

    The weights are Dirichlet's, gamma variables by their sum, so this asks for the sign of a sum
    of gamma variables: Imhof, Biometrika 48 (1961), 419-426, equation 3.2.

    Args:
        offsets: Shape (m,), of both signs.
        shapes: Of the gamma variables, shape (m,), above 0.
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
    """Return nodes and weights of Gauss's rule, carried over from (0, 1) to all above 0."""
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    places = (nodes + 1.0) / 2.0
    return _STRETCH * places / (1.0 - places), weights / 2.0 * _STRETCH / (1.0 - places) ** 2


def chance_below_zero(values: Array, unseen: float, *, worth: float | None = None) -> float:
    """Return how likely a mean lies below 0, by the values and one more that was not seen.

    The mean has random weights, uniform over all weights, as in ``unbounded_mean``: below a tail of
    this chance the mean of what the values are drawn from is above 0, if no single one is below the
    unseen value.

    Args:
        values: Shape (n,), of any sign.
        unseen: The least that a single value may be.
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
        raise ValueError(f"a confidence lies between 0 and 1, not {confidence}")
