"""A distribution summarized in few enough numbers for a record."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

STEPS = 100
DIGITS = 5


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
