"""A variant compared with a control on the same samples: ratios of means and paired differences.

Both were compared with the same baseline, so what they share (some samples are hard for every
variant) cancels out, and few samples suffice.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq.measure.clusters import Clusters, difference_interval, effective
from edgeq.measure.statistics import Interval, chance_below_zero, unbounded_mean

Doubles = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]

FARTHEST_APART = 2.0
"""How many times farther from the common ratio an unseen sample may lie than the farthest sample
that was seen."""

MAX_TIMES = 1000.0
"""Upper end of an interval that has none, as a multiple of the ratio."""

_BISECTIONS = 40


class Contrast(msgspec.Struct, frozen=True, kw_only=True):
    """Means over the samples of a number that a variant and its control both have.

    Attributes:
        label: What the numbers are, for example ``"logits"``.
        images: Number of samples with a number from both.
        variant: Mean of the variant's numbers; lower is better.
        variant_interval: Interval of ``variant``, see ``statistics.unbounded_mean``; None for a
            single sample.
        control: Mean of the control's numbers.
        ratio: ``variant / control``, above 1 if the variant is worse; None if the control's mean is
            0.
        ratio_interval: Interval of ``ratio``, see ``ratio_interval``; None if the control's mean is
            0, and for a single sample.
    """

    label: str
    images: int
    variant: float
    variant_interval: Interval | None
    control: float
    ratio: float | None
    ratio_interval: Interval | None


class Paired(msgspec.Struct, frozen=True, kw_only=True):
    """Shares of the samples that count for a variant and for its control.

    Attributes:
        images: Number of samples n.
        variant: The variant's share, 0 to 1; higher is better.
        control: The control's share, 0 to 1.
        lost: Samples that count for the control alone.
        gained: Samples that count for the variant alone.
        shortfall: ``(lost - gained) / n``: the control's share minus the variant's; lower is
            better.
        interval: Interval of the shortfall, see ``statistics.paired_difference``.
    """

    images: int
    variant: float
    control: float
    lost: int
    gained: int
    shortfall: float
    interval: Interval


def contrast(
    label: str,
    variant: Doubles,
    control: Doubles,
    *,
    confidence: float = 0.95,
    clusters: Clusters | None = None,
) -> Contrast | None:
    """Compare the means of two numbers per sample.

    Args:
        label: What the numbers are.
        variant: The variant's numbers, not negative, shape (n,); NaN for a sample without one.
        control: The control's numbers, likewise.
        confidence: Confidence level of the intervals, in (0, 1).
        clusters: Which samples belong together.

    Returns:
        None if no sample has both numbers.

    Raises:
        ValueError: The numbers of samples differ.
    """
    if variant.shape != control.shape:
        raise ValueError(f"{variant.shape} can't be compared with {control.shape}")
    usable = np.isfinite(variant) & np.isfinite(control)
    ours, theirs = variant[usable], control[usable]
    if not ours.size:
        return None
    worth = effective(int(ours.size), clusters)
    middle = float(theirs.mean())
    return Contrast(
        label=label,
        images=int(ours.size),
        variant=float(ours.mean()),
        variant_interval=unbounded_mean(ours, confidence, worth=worth),
        control=middle,
        ratio=float(ours.mean()) / middle if middle > 0.0 else None,
        ratio_interval=ratio_interval(ours, theirs, confidence, worth=worth),
    )


def paired(
    variant: Booleans,
    control: Booleans,
    *,
    confidence: float = 0.95,
    clusters: Clusters | None = None,
) -> Paired:
    """Compare two shares of the same n samples.

    Args:
        variant: Whether a sample counts for the variant, shape (n,).
        control: Whether it counts for the control.
        confidence: Confidence level of the interval, in (0, 1).
        clusters: Which samples belong together.

    Raises:
        ValueError: The numbers of samples differ, or there are none.
    """
    if variant.shape != control.shape or not variant.size:
        raise ValueError(f"{variant.shape} can't be compared with {control.shape}")
    n = int(variant.size)
    lost, gained = int((control & ~variant).sum()), int((variant & ~control).sum())
    return Paired(
        images=n,
        variant=float(variant.mean()),
        control=float(control.mean()),
        lost=lost,
        gained=gained,
        shortfall=(lost - gained) / n,
        interval=difference_interval(lost, gained, n, confidence, clusters),
    )


def ratio_interval(
    numerator: Doubles, denominator: Doubles, confidence: float, *, worth: float | None = None
) -> Interval | None:
    """Return the interval for the ratio of two means of the same samples.

    The interval contains every ratio r for which the mean of ``numerator - r * denominator`` can't
    be told from 0, like Fieller's (Journal of the Royal Statistical Society B 16 (1954), 175-185).
    It uses the bound of ``statistics.unbounded_mean`` instead of Student's t: with 16 photographs
    of which one is an outlier for both, t misses the ratio on one side in a fifth of the sets. Like
    that bound, it is valid if no unseen sample lies farther from the common ratio than
    ``FARTHEST_APART`` times the farthest one seen.

    Args:
        numerator: Numbers that are not negative, shape (n,).
        denominator: Numbers that are not negative, shape (n,).
        confidence: Confidence level, in (0, 1).
        worth: How many independent samples they count as; n if None.

    Returns:
        None if the denominator's mean is 0, or if there are fewer than two independent samples.
        ``MAX_TIMES`` the ratio stands for an upper end that does not exist.
    """
    n = numerator.size if worth is None else worth
    below = float(denominator.mean()) if denominator.size else 0.0
    if numerator.size < 2 or n < 2 or below <= 0.0:
        return None
    middle, tail = float(numerator.mean()) / below, (1.0 - confidence) / 2.0

    # How far an unseen sample may lie from the common ratio, on either side.
    unseen = -FARTHEST_APART * float(np.abs(numerator - middle * denominator).max())

    def is_above(ratio: float, sign: float = 1.0) -> bool:
        apart = sign * (numerator - ratio * denominator)
        return chance_below_zero(apart, unseen, worth=worth) < tail

    def is_below(ratio: float) -> bool:
        return is_above(ratio, -1.0)

    low = 0.0 if not is_above(0.0) else _last(is_above, 0.0, middle)
    high, step = middle, max(middle, 1e-12)
    while not is_below(high + step):
        step *= 2.0
        if high + step > MAX_TIMES * max(middle, 1e-12):
            return low, MAX_TIMES * middle
    return low, _last(is_below, high + step, high)


def _last(holds: Callable[[float], bool], inside: float, outside: float) -> float:
    """Return the last point at which a condition holds, by bisection from inside to outside."""
    for _ in range(_BISECTIONS):
        middle = (inside + outside) / 2.0
        if holds(middle):
            inside = middle
        else:
            outside = middle
    return inside
