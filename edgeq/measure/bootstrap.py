"""The paired bootstrap over blocks for medians and their ratio, vectorised and seeded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeq.measure.statistics import Interval

Array = npt.NDArray[np.float64]

RESAMPLES = 4000
LEAST_BLOCKS = 6
"""With fewer blocks not even their whole range holds the median with 95 % confidence: each
block lies on one side of it with probability 1/2, so all n lie on the same side with
``2 · 0.5**n``, which is below 0.05 from n = 6."""


@dataclass(frozen=True)
class MedianIntervals:
    """Bootstrap intervals of two medians and of their ratio (second by first)."""

    first: Interval
    second: Interval
    ratio: Interval


def median_intervals(
    first: Array,
    second: Array,
    blocks: npt.NDArray[np.int64],
    confidence: float,
    seed: int,
) -> MedianIntervals | None:
    """Resample pairs of neighbouring blocks and return the percentile intervals.

    Samples of a block share what the machine did at that time, and the first's block and the
    second's block of one number were timed side by side: a resample takes or leaves both whole.

    Args:
        first: Samples in s, shape (rounds,), all above 0.
        second: Samples in s, shape (rounds,), timed beside those of ``first``.
        blocks: Block number of each round, shape (rounds,).
        confidence: In (0, 1).
        seed: Of the resampling.

    Returns:
        None with fewer than ``LEAST_BLOCKS`` blocks.
    """
    names, block_of = np.unique(blocks, return_inverse=True)
    if names.size < LEAST_BLOCKS:
        return None
    draw = np.random.default_rng(seed).integers(names.size, size=(RESAMPLES, names.size))
    counts = np.zeros((RESAMPLES, names.size), np.int64)
    np.add.at(counts, (np.arange(RESAMPLES)[:, None], draw), 1)
    medians_first = _weighted_medians(first, counts[:, block_of])
    medians_second = _weighted_medians(second, counts[:, block_of])
    return MedianIntervals(
        first=_percentiles(medians_first, confidence),
        second=_percentiles(medians_second, confidence),
        ratio=_percentiles(medians_second / medians_first, confidence),
    )


def _weighted_medians(samples: Array, weights: npt.NDArray[np.int64]) -> Array:
    """Return the median of the samples repeated by each row of weights (rows, rounds)."""
    order = np.argsort(samples, kind="stable")
    ordered = samples[order]
    cumulated = np.cumsum(weights[:, order], axis=1)
    half = cumulated[:, -1:] / 2.0
    lower = ordered[np.argmax(cumulated >= half, axis=1)]
    upper = ordered[np.argmax(cumulated > half, axis=1)]
    medians: Array = (lower + upper) / 2.0
    return medians


def _percentiles(values: Array, confidence: float) -> Interval:
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(values, [tail, 1.0 - tail])
    return float(low), float(high)
