"""Paired block bootstrap for two medians and their ratio, vectorised and seeded."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeq.measure.statistics import Interval, normal_quantile

Array = npt.NDArray[np.float64]

RESAMPLES = 4000
MIN_IN_TAIL = 20
"""Resamples beyond each end of an interval, so that the end does not rest on a few extremes."""

_CELLS = 4_000_000
"""Weights in memory at once, which bounds the memory that many rounds take."""


def least_blocks(confidence: float) -> int:
    """Return the least number of blocks for which there is an interval.

    Each block lies on either side of the true median with probability 1/2, so all n lie on the same
    side with probability ``2 · 0.5**n``. As long as that exceeds ``1 - confidence``, not even the
    whole range of the blocks contains the median with this confidence. At 95 % it takes 6 blocks.
    """
    return math.ceil(1.0 - math.log2(1.0 - confidence))


@dataclass(frozen=True)
class MedianIntervals:
    """Bootstrap intervals of two medians and of their ratio (second divided by first)."""

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
    """Resample pairs of neighbouring blocks and return the stretched percentile intervals.

    The samples of a block share the state of the machine at that time, and blocks with the same
    number were timed one after the other, so a resample always takes both or neither. Few blocks
    vary less among themselves than the machine does: with 6 blocks, plain 95 % percentile intervals
    would miss 13 times in 100. ``stretch`` corrects that.

    Args:
        first: Samples in seconds, shape (rounds,), all above 0.
        second: Samples in seconds, shape (rounds,), paired with those of ``first``.
        blocks: Block number of each round, shape (rounds,).
        confidence: Confidence level, in (0, 1).
        seed: Seed of the resampling.

    Returns:
        None with fewer than ``least_blocks(confidence)`` blocks.
    """
    names, block_of = np.unique(blocks, return_inverse=True)
    if names.size < least_blocks(confidence):
        return None
    generator = np.random.default_rng(seed)
    resamples = max(RESAMPLES, math.ceil(MIN_IN_TAIL * 2.0 / (1.0 - confidence)))
    rows = max(1, min(resamples, _CELLS // block_of.size))
    medians = np.concatenate(
        [
            _resampled(first, second, block_of, generator, min(rows, resamples - start))
            for start in range(0, resamples, rows)
        ],
        axis=1,
    )
    centres = float(np.median(first)), float(np.median(second))
    factor = stretch(names.size, confidence)

    def interval(values: Array, centre: float) -> Interval:
        tail = (1.0 - confidence) / 2.0
        logs = np.log(np.quantile(values, [tail, 1.0 - tail]) / centre)
        low, high = centre * np.exp(factor * logs)
        return float(min(low, centre)), float(max(high, centre))

    return MedianIntervals(
        first=interval(medians[0], centres[0]),
        second=interval(medians[1], centres[1]),
        ratio=interval(medians[1] / medians[0], centres[1] / centres[0]),
    )


def stretch(blocks: int, confidence: float) -> float:
    """Return the factor by which the percentiles' logarithms move away from the median's.

    ``t / z`` makes up for a spread that is estimated from few blocks, as in Student's interval.
    Hesterberg (American Statistician 69 (2015), 371-386, section 4.1) adds ``√(n / (n - 1))`` for a
    bootstrap of a mean, which varies too little by that factor. Medians need more:
    ``benchmarks/coverage.py`` shows that ``(n + 1) / (n - 1)`` is enough.

    Args:
        blocks: Number n of blocks, at least 2.
        confidence: Confidence level, in (0, 1).
    """
    from scipy.special import stdtrit

    top = 0.5 + confidence / 2.0
    student = float(stdtrit(blocks - 1, top)) / normal_quantile(top)
    return student * (blocks + 1) / (blocks - 1)


def _resampled(
    first: Array,
    second: Array,
    block_of: npt.NDArray[np.intp],
    generator: np.random.Generator,
    rows: int,
) -> Array:
    """Return the medians of both in ``rows`` resamples of the blocks, shape (2, rows)."""
    blocks = int(block_of.max()) + 1
    draw = generator.integers(blocks, size=(rows, blocks)) + blocks * np.arange(rows)[:, None]
    counts = np.bincount(draw.ravel(), minlength=rows * blocks).reshape(rows, blocks)
    weights = np.ascontiguousarray(counts.T, np.int32)
    return np.stack(
        [_weighted_medians(samples, weights, block_of) for samples in (first, second)],
    )


def _weighted_medians(
    samples: Array, weights: npt.NDArray[np.int32], block_of: npt.NDArray[np.intp]
) -> Array:
    """Return the median of the samples repeated as often as their block, for each column.

    Args:
        samples: Shape (rounds,).
        weights: How often each block is taken, shape (blocks, columns).
        block_of: Index of each sample's block, shape (rounds,).
    """
    order = np.argsort(samples, kind="stable")
    ordered = samples[order]
    cumulated = np.cumsum(weights[block_of[order]], axis=0, dtype=np.int32)
    total = cumulated[-1]
    # the first sample at which half of all, or more than half, is reached
    lower = ordered[np.count_nonzero(2 * cumulated < total, axis=0)]
    upper = ordered[np.count_nonzero(2 * cumulated <= total, axis=0)]
    medians: Array = (lower + upper) / 2.0
    return medians
