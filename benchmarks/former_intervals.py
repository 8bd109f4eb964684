"""The intervals that edgeq used before those of today, for a table of both (``coverage.py``)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri, stdtrit

Array = npt.NDArray[np.float64]
Interval = tuple[float, float]

_BISECTIONS = 45
_NOTCH = 1.57


def kish(sizes: Sequence[int]) -> float:
    """Return Kish's effective number of images of clusters."""
    return sum(sizes) ** 2 / sum(size * size for size in sizes)


def tango(lost: float, gained: float, n: float, confidence: float) -> Interval:
    """Return Tango's score interval for ``(lost - gained) / n``."""
    z = float(ndtri(0.5 + confidence / 2.0))
    return -_tango_upper(gained, lost, n, z), _tango_upper(lost, gained, n, z)


def _tango_upper(lost: float, gained: float, n: float, z: float) -> float:
    low, high = (lost - gained) / n, 1.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2.0
        if _tango_score(lost, gained, n, middle) > -z:
            low = middle
        else:
            high = middle
    return high


def _tango_score(lost: float, gained: float, n: float, difference: float) -> float:
    b = -lost - gained + (2 * n - lost + gained) * difference
    c = -gained * difference * (1 - difference)
    rate = (math.sqrt(max(b * b - 8 * n * c, 0.0)) - b) / (4 * n)
    variance = n * (2 * rate + difference * (1 - difference))
    distance = lost - gained - n * difference
    if variance <= 0.0:
        return -math.inf if distance < 0 else 0.0
    return distance / math.sqrt(variance)


def hull_of_students(values: Array, confidence: float, worth: float | None = None) -> Interval:
    """Return the hull of Student's intervals of values in [0, 1] with and without both ends."""
    n = values.size if worth is None else worth
    mean, variance = float(values.mean()), float(values.var())
    wider = (n * mean + 1) / (n + 2)
    square = (n * (variance + mean * mean) + 1) / (n + 2)
    low, high = _student(wider, max(square - wider * wider, 0.0), n + 2, confidence)
    if n > 1:
        own_low, own_high = _student(mean, variance, n, confidence)
        low, high = min(low, own_low), max(high, own_high)
    return max(0.0, min(mean, low)), min(1.0, max(mean, high))


def student(values: Array, confidence: float, worth: float | None = None) -> Interval:
    """Return Student's interval of values that are not negative."""
    n = values.size if worth is None else worth
    low, high = _student(float(values.mean()), float(values.var()), n, confidence)
    return max(0.0, low), high


def _student(mean: float, variance: float, n: float, confidence: float) -> Interval:
    half = float(stdtrit(n - 1, 0.5 + confidence / 2.0)) * math.sqrt(variance / (n - 1))
    return mean - half, mean + half


def fieller(numerator: Array, denominator: Array, confidence: float) -> Interval | None:
    """Return Fieller's interval of a ratio of means, None if it has no end."""
    n, above, below = numerator.size, float(numerator.mean()), float(denominator.mean())
    covariance = np.cov(numerator, denominator, bias=True) / (n - 1)
    covariance *= float(stdtrit(n - 1, 0.5 + confidence / 2.0)) ** 2
    leading = below * below - covariance[1, 1]
    if leading <= 0.0:
        return None
    half = above * below - covariance[0, 1]
    spread = below * below * covariance[0, 0] + above * above * covariance[1, 1]
    spread -= 2.0 * above * below * covariance[0, 1] + float(np.linalg.det(covariance))
    root = math.sqrt(max(spread, 0.0))
    return max(0.0, (half - root) / leading), (half + root) / leading


def percentiles(ends: Array, centres: Array, stretch: float) -> Array:
    """Return the bootstrap's percentiles as they were before they are stretched.

    Args:
        ends: Stretched ends, shape ``(..., 2)``.
        centres: Medians or ratios that they are stretched away from, shape ``(...)``.
        stretch: By how much.
    """
    around = centres[..., None]
    before: Array = around * (ends / around) ** (1.0 / stretch)
    return before


def notch(median: float, iqr: float, rounds: int) -> Interval:
    """Return the notch of a box plot."""
    half = _NOTCH * iqr / math.sqrt(rounds)
    return median - half, median + half
