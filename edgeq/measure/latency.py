"""Latency of a variant relative to its baseline, from samples timed in alternating blocks."""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq.measure.bootstrap import median_intervals
from edgeq.measure.statistics import percentiles, short

MIN_FOR_P90 = 64
"""Runs that a 90th percentile needs for 99 % confidence, by the rule of MLPerf's loadgen."""

MAX_RATIOS = 96
"""Most pairs of blocks that a reader can tell apart in a chart."""


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """Times of one model, in seconds.

    Attributes:
        rounds: Number of timed inferences.
        init_s: Seconds to load the model and allocate its tensors.
        first_s: Seconds of the first inference.
        median_s: Median of the timed inferences in seconds; lower is better.
        median_interval_s: Bootstrap interval of ``median_s`` within this run, in seconds; None with
            too few blocks.
        mean_s: Mean of the timed inferences in seconds.
        p90_s: 90th percentile of the timed inferences in seconds; None with fewer than
            ``MIN_FOR_P90`` rounds.
        spread: Median absolute deviation divided by the median; lower is steadier.
        drift: Median of the last third divided by that of the first third, minus 1: above 0 it
            became slower. None with fewer than 6 rounds.
        percentiles_s: Percentiles 0 to 100 of the timed inferences in seconds, see
            ``measure.percentiles``; empty if the record lacks them.
    """

    rounds: int
    init_s: float
    first_s: float
    median_s: float
    median_interval_s: tuple[float, float] | None
    mean_s: float
    p90_s: float | None
    spread: float
    drift: float | None
    percentiles_s: tuple[float, ...] = ()


class Board(msgspec.Struct, frozen=True, kw_only=True):
    """The state of another machine while samples were taken there.

    Attributes:
        governor: Governor of its clock, or ``""`` if it can't be read.
        clock_mhz: Clock of the first core before and after, in MHz; -1 means unknown.
        celsius: Temperature of the hottest sensor before and after; -1 means unknown.
        warmup_s: Seconds of warming up before the first sample.
        steady: Whether times had become alike by then.
    """

    governor: str
    clock_mhz: tuple[float, float]
    celsius: tuple[float, float]
    warmup_s: float
    steady: bool


class Taking(msgspec.Struct, frozen=True, kw_only=True):
    """How the samples were taken.

    Attributes:
        looks: How often the samples were judged, the last time with all of them.
        looks_planned: How often they could have been judged; each look had its share of the error.
        confidence: Confidence level of all looks together.
        budget_s: Seconds available for timing.
        used_s: Seconds used, including the judging between batches.
        load_average: The machine's one-minute load average before the first batch and after the
            last.
        cores: Number of cores of this machine; None if the samples come from another machine.
        board: State of that other machine; None for this one.
    """

    looks: int
    looks_planned: int
    confidence: float
    budget_s: float
    used_s: float
    load_average: tuple[float, float]
    cores: int | None
    board: Board | None = None


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """Times of a variant and its baseline in one worker.

    Attributes:
        ratio: The variant's median divided by the baseline's; below 1 the variant is faster.
        ratio_interval: Paired bootstrap interval of ``ratio``; None with too few blocks.
        blocks: Number of pairs of blocks.
        confidence: Confidence level of the intervals; with several looks, stricter than that of all
            looks together.
        taking: How the samples were taken; None if unknown.
        block_ratios: The variant's median divided by the baseline's for each pair of blocks, in
            order of time; evenly thinned out to ``MAX_RATIOS``.
    """

    baseline: Timing
    variant: Timing
    ratio: float
    ratio_interval: tuple[float, float] | None
    blocks: int
    confidence: float
    taking: Taking | None = None
    block_ratios: tuple[float, ...] = ()


def latency(
    baseline_samples: npt.ArrayLike,
    variant_samples: npt.ArrayLike,
    blocks: npt.ArrayLike,
    *,
    inits: tuple[float, float],
    firsts: tuple[float, float],
    confidence: float,
) -> Latency:
    """Summarize paired samples.

    Args:
        baseline_samples: Times in seconds, shape (rounds,).
        variant_samples: Times in seconds, shape (rounds,), paired with the baseline's.
        blocks: Number of the block that each round belongs to, shape (rounds,).
        inits: Seconds to load the baseline and the variant.
        firsts: Seconds of their first inferences.
        confidence: Confidence level of the intervals, in (0, 1).

    Raises:
        ValueError: There are no samples, they are not paired, or one is not above 0.
    """
    baseline = np.asarray(baseline_samples, np.float64)
    variant = np.asarray(variant_samples, np.float64)
    numbers = np.asarray(blocks, np.int64)
    if (
        baseline.ndim != 1
        or baseline.size == 0
        or not (baseline.shape == variant.shape == numbers.shape)
    ):
        raise ValueError(f"samples of {baseline.shape} and {variant.shape} are not paired")
    both = np.concatenate([baseline, variant])
    if not bool((np.isfinite(both) & (both > 0)).all()):
        raise ValueError("a sample is not a time above 0")
    intervals = median_intervals(baseline, variant, numbers, confidence, seed=0)
    return Latency(
        baseline=_timing(baseline, inits[0], firsts[0], intervals.first if intervals else None),
        variant=_timing(variant, inits[1], firsts[1], intervals.second if intervals else None),
        ratio=float(np.median(variant) / np.median(baseline)),
        ratio_interval=intervals.ratio if intervals else None,
        blocks=int(np.unique(numbers).size),
        confidence=confidence,
        block_ratios=_block_ratios(baseline, variant, numbers),
    )


def _block_ratios(
    baseline: npt.NDArray[np.float64],
    variant: npt.NDArray[np.float64],
    numbers: npt.NDArray[np.int64],
) -> tuple[float, ...]:
    names = np.unique(numbers)
    if names.size > MAX_RATIOS:
        names = names[np.linspace(0, names.size - 1, MAX_RATIOS, dtype=int)]
    masks = [numbers == name for name in names]
    return short([np.median(variant[mask]) / np.median(baseline[mask]) for mask in masks])


def _timing(
    samples: npt.NDArray[np.float64],
    init_s: float,
    first_s: float,
    interval: tuple[float, float] | None,
) -> Timing:
    median = float(np.median(samples))
    third = samples.size // 3
    return Timing(
        rounds=int(samples.size),
        init_s=float(init_s),
        first_s=float(first_s),
        median_s=median,
        median_interval_s=interval,
        mean_s=float(samples.mean()),
        p90_s=float(np.quantile(samples, 0.9)) if samples.size >= MIN_FOR_P90 else None,
        spread=float(np.median(np.abs(samples - median)) / median),
        drift=float(np.median(samples[-third:]) / np.median(samples[:third]) - 1)
        if third > 1
        else None,
        percentiles_s=percentiles(samples),
    )
