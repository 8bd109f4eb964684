"""Intervals for rates, means and paired differences.

Everything here is two-sided at the given confidence: a one-sided statement ("at least") that
uses one end of a 95 % interval has 97.5 % confidence.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Interval = tuple[float, float]

_LEAST_VALUES = 2

_BISECTIONS = 60


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
        raise ValueError(f"{successes} successes of {n} trials is no rate")
    tail = (1.0 - confidence) / 2.0
    low = 0.0 if successes == 0 else float(betaincinv(successes, n - successes + 1, tail))
    high = 1.0 if successes == n else float(betaincinv(successes + 1, n - successes, 1 - tail))
    return low, high


def paired_difference(lost: float, gained: float, n: float, confidence: float) -> Interval:
    """Return Tango's score interval for the difference of two paired rates.

    The difference is ``(lost - gained) / n``. Tango, Statistics in Medicine 17 (1998), 891-908.
    Unlike Wald's and Newcombe's it keeps a proper width when no pair differs: with
    ``lost == gained == 0`` it is ``±z² / (n + z²)``, where Newcombe's can shrink to nothing.

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
    z = normal_quantile(0.5 + confidence / 2.0)
    # The interval for gained - lost is the mirror image, so one end serves for both.
    high = _tango_upper(lost, gained, n, z)
    low = -_tango_upper(gained, lost, n, z)
    return low, high


def _tango_upper(lost: float, gained: float, n: float, z: float) -> float:
    """Solve ``score(difference) = -z`` above the estimate; the score falls all the way to 1."""
    low, high = (lost - gained) / n, 1.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2.0
        if _tango_score(lost, gained, n, middle) > -z:
            low = middle
        else:
            high = middle
    return high


def _tango_score(lost: float, gained: float, n: float, difference: float) -> float:
    """Return the score statistic for a difference, with the maximum likelihood nuisance rate."""
    b = -lost - gained + (2 * n - lost + gained) * difference
    c = -gained * difference * (1 - difference)
    rate = (math.sqrt(max(b * b - 8 * n * c, 0.0)) - b) / (4 * n)
    variance = n * (2 * rate + difference * (1 - difference))
    distance = lost - gained - n * difference
    if variance <= 0.0:
        return -math.inf if distance < 0 else 0.0
    return distance / math.sqrt(variance)


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


def bounded_mean(
    values: npt.NDArray[np.float64], confidence: float, *, worth: float | None = None
) -> Interval:
    """Return an interval for the mean of values in [0, 1].

    The hull of two Student's t intervals: that of the values, and that of the values with one
    more at each end of the scale, the idea of Agresti and Coull (American Statistician 52
    (1998), 119-126) carried over to shares. The values alone would claim an interval without
    width for twenty equal ones; simulated coverage of the hull is at least the confidence from
    10 values on, also where nearly all values are 1.

    Args:
        values: Shape (n,), n at least 1.
        confidence: In (0, 1).
        worth: How many independent values they count as; n where None.

    Raises:
        ValueError: There are no values, or they or the confidence are out of range.
    """
    _require_confidence(confidence)
    if values.size == 0 or not bool(((values >= 0) & (values <= 1)).all()):
        raise ValueError("values in [0, 1] are needed")
    n = values.size if worth is None else worth
    mean, variance = float(values.mean()), float(values.var())
    wider = (n * mean + 1) / (n + 2)
    square = (n * (variance + mean * mean) + 1) / (n + 2)
    low, high = _student(wider, max(square - wider * wider, 0.0), n + 2, confidence)
    if n > 1:
        own_low, own_high = _student(mean, variance, n, confidence)
        low, high = min(low, own_low), max(high, own_high)
    return max(0.0, min(mean, low)), min(1.0, max(mean, high))


def unbounded_mean(
    values: npt.NDArray[np.float64], confidence: float, *, worth: float | None = None
) -> Interval | None:
    """Return Student's t interval for the mean of values that are not negative.

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
    low, high = _student(float(values.mean()), float(values.var()), n, confidence)
    return max(0.0, low), high


def _student(mean: float, variance: float, n: float, confidence: float) -> Interval:
    """Return Student's t interval from the moments of n values (their variance by n)."""
    from scipy.special import stdtrit

    quantile = float(stdtrit(n - 1, 0.5 + confidence / 2.0))
    half = quantile * math.sqrt(variance / (n - 1))
    return mean - half, mean + half


def normal_quantile(probability: float) -> float:
    """Return the standard normal quantile."""
    from scipy.special import ndtri

    return float(ndtri(probability))


def _require_confidence(confidence: float) -> None:
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"a confidence lies between 0 and 1, not {confidence}")
