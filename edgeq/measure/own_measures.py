"""A project's own measure: its value for variant and baseline, and the drop, with intervals.

A function gives one value per sample, whose mean is the measure, or one value for all samples.
Means have Gaffke's bounds, which hold for any distribution within the range of the values. A value
for all samples is computed again for resamples of them.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq.measure.average_precision import resampled, resampled_interval
from edgeq.measure.clusters import Clusters, Sampled, effective, find_clusters
from edgeq.measure.statistics import Interval, bounded_mean, with_unseen

Doubles = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

RESAMPLES = 200
"""Resamples on which a function of all samples is called; their deviation is known to 5 %."""


class OwnMeasure(Sampled, msgspec.Struct, frozen=True, kw_only=True):
    """A project's own measure of a variant and its baseline.

    Attributes:
        name: Its name in the spec.
        better: The side on which values are better.
        images: Number of samples.
        confidence: Confidence level of the intervals.
        baseline: The baseline's value.
        variant: The variant's value.
        variant_interval: Interval of the variant's value; None if the samples can't tell.
        drop: How much worse the variant's value is than the baseline's.
        drop_interval: Interval of the drop; None if the samples can't tell.
        method: How the intervals are computed.
        clusters: Which samples belong together; None if all are independent.
    """

    name: str
    better: Literal["higher", "lower"]
    images: int
    confidence: float
    baseline: float
    variant: float
    variant_interval: Interval | None
    drop: float
    drop_interval: Interval | None
    method: str
    clusters: Clusters | None = None


@dataclass(frozen=True)
class Measured:
    """What a function gives for one model.

    Attributes:
        value: The measure on all samples.
        by_sample: The value of each sample, shape ``(n,)``; None if the function gives one value.
        again: Value of the measure on some of the samples, given their places; None if the function
            gives one value per sample.
    """

    value: float
    by_sample: Doubles | None = None
    again: Callable[[Integers], float] | None = None


def compare_measure(
    baseline: Measured,
    variant: Measured,
    *,
    name: str,
    better: Literal["higher", "lower"],
    groups: Sequence[Hashable],
    confidence: float,
    span: tuple[float, float] | None = None,
) -> OwnMeasure:
    """Return a measure of two models on the same samples.

    ``span`` has the least and the greatest value that a sample can have, None for those that occur.
    """
    sign = 1.0 if better == "higher" else -1.0
    clusters = find_clusters(groups)
    worth = effective(len(groups), clusters)
    drop = sign * (baseline.value - variant.value)
    own: Interval | None
    lost: Interval | None
    if baseline.by_sample is not None and variant.by_sample is not None:
        ours, theirs = baseline.by_sample, variant.by_sample
        low, high = span or _ends(ours, theirs)
        own = _mean(theirs, low, high, confidence, worth)
        lost = _mean(sign * (ours - theirs), low - high, high - low, confidence, worth)
        method = "Gaffke's bounds"
    else:
        own, lost = _resampled(baseline, variant, sign, groups, confidence, span=span)
        method = f"{RESAMPLES} resamples of the samples"
    return OwnMeasure(
        name=name,
        better=better,
        images=len(groups),
        confidence=confidence,
        baseline=baseline.value,
        variant=variant.value,
        variant_interval=own,
        drop=drop,
        drop_interval=lost,
        method=method,
        clusters=clusters,
    )


def _ends(ours: Doubles, theirs: Doubles) -> tuple[float, float]:
    return float(min(ours.min(), theirs.min())), float(max(ours.max(), theirs.max()))


def _mean(
    values: Doubles, low: float, high: float, confidence: float, worth: float
) -> Interval | None:
    """Return the interval of a mean of values in ``[low, high]``; None if all have to be equal.

    Values that are all alike say nothing about the range that others may have.
    """
    if not low < high or len(values) < 2:
        return None
    scaled = np.clip((values - low) / (high - low), 0.0, 1.0)
    ends = bounded_mean(scaled, confidence, worth=worth)
    return low + (high - low) * ends[0], low + (high - low) * ends[1]


def _resampled(
    baseline: Measured,
    variant: Measured,
    sign: float,
    groups: Sequence[Hashable],
    confidence: float,
    *,
    span: tuple[float, float] | None,
) -> tuple[Interval | None, Interval | None]:
    """Return the intervals of the variant's value and of the drop; None if nothing varies.

    If the values' range is known, a drop of 0 in every resample still tells how much samples that
    were not seen can change.
    """
    before, after = baseline.again, variant.again
    worth = effective(len(groups), find_clusters(groups))
    if before is None or after is None or worth < 2:
        return None, None
    counts = resampled(groups, RESAMPLES).astype(np.int64)
    every = np.arange(len(groups))
    places = [np.repeat(every, row) for row in counts]
    ours, theirs = (np.array([again(some) for some in places]) for again in (before, after))

    def ends(samples: Doubles, value: float) -> Interval | None:
        return resampled_interval(samples, value, confidence, worth) if np.ptp(samples) else None

    drops, drop = sign * (ours - theirs), sign * (baseline.value - variant.value)
    lost = ends(drops, drop)
    if span is not None and (lost is not None or not drops.any()):
        lost = with_unseen(
            lost or (drop, drop),
            drops,
            alike=0.0,
            extent=span[1] - span[0],
            confidence=confidence,
            worth=worth,
        )
    return ends(theirs, variant.value), lost
