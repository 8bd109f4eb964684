"""The median of a sample with its bootstrap interval."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

CONFIDENCE = 0.95
RESAMPLES = 10_000
SEED = 0


def median_interval(values: npt.NDArray[np.float64]) -> tuple[float, tuple[float, float]]:
    """Return the median and its 95 % interval (percentile bootstrap)."""
    from scipy.stats import bootstrap

    found = bootstrap(
        (values,),
        np.median,
        confidence_level=CONFIDENCE,
        n_resamples=RESAMPLES,
        method="percentile",
        rng=np.random.default_rng(SEED),
    ).confidence_interval
    return float(np.median(values)), (float(found.low), float(found.high))
