"""A variant beside a control on the same samples: ratios of means, and paired differences.

Both were compared with one baseline. What the samples have in common (some are hard for every
variant) then cancels out, so that few samples tell much.
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
"""By how many times a sample that was not seen may lie farther off the common ratio than the
farthest that was."""

MOST_TIMES = 1000.0
"""How many times the ratio an interval reaches to at most."""

_LEAST_VALUES = 2
_BISECTIONS = 40


class Contrast(msgspec.Struct, frozen=True, kw_only=True):
    """A mean over the samples, of a variant and of its control.

    Attributes:
        label: What the numbers are, for example ``"logits"``.
        images: Samples that have a number of both.
        variant: Mean of the variant's numbers.
        variant_interval: Its interval, see ``statistics.unbounded_mean``; None for a single sample.
        control: Mean of the control's.
        ratio: ``variant / control``; None if the control's is 0.
        ratio_interval: Its interval, see ``ratio_interval``; None if the control's is 0, and for
            a single sample.
    """

    label: str
    images: int
    variant: float
    variant_interval: Interval | None
    control: float
    ratio: float | None
    ratio_interval: Interval | None


class Paired(msgspec.Struct, frozen=True, kw_only=True):
    """A share of the samples, of a variant and of its control.

    Attributes:
        images: Number of samples n.
        variant: The variant's share.
        control: The control's.
        lost: Samples that count for the control alone.
        gained: Samples that count for the variant alone.
        shortfall: ``(lost - gained) / n``: the control's share minus the variant's.
        interval: Tango's interval of the shortfall.
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
        label: What they are.
        variant: Not negative, shape (n,); NaN for a sample that has none.
        control: The same of the control.
        confidence: Of the intervals, in (0, 1).
        clusters: Where samples belong together.

    Returns:
        None if no sample has both.

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
        confidence: Of the interval, in (0, 1).
        clusters: Where samples belong together.

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

    It holds every ratio r for which the mean of ``numerator - r * denominator`` can't be told from
    0, as Fieller's does (Journal of the Royal Statistical Society B 16 (1954), 175-185), but by the
    bound of ``statistics.unbounded_mean`` in place of Student's t: of 16 photographs of which one
    is far off for both, t misses the ratio on one side in a fifth of the sets. Like that bound it
    holds if no other sample lies off the common ratio by more than ``FARTHEST_APART`` times the
    farthest of these.

    Args:
        numerator: Not negative, shape (n,).
        denominator: Not negative, shape (n,).
        confidence: In (0, 1).
        worth: How many independent samples they count as; n if None.

    Returns:
        None if the denominator is 0, or if there are not two independent samples. An end that is
        not there is given as ``MOST_TIMES`` the ratio.
    """
    n = numerator.size if worth is None else worth
    below = float(denominator.mean()) if denominator.size else 0.0
    if numerator.size < _LEAST_VALUES or n < _LEAST_VALUES or below <= 0.0:
        return None
    middle, tail = float(numerator.mean()) / below, (1.0 - confidence) / 2.0

    # What is not seen lies off the common ratio by so much; its size counts for neither side.
    unseen = -FARTHEST_APART * float(np.abs(numerator - middle * denominator).max())

    def is_above(ratio: float) -> bool:
        apart = numerator - ratio * denominator
        return chance_below_zero(apart, unseen, worth=worth) < tail

    def is_below(ratio: float) -> bool:
        apart = ratio * denominator - numerator
        return chance_below_zero(apart, unseen, worth=worth) < tail

    low = 0.0 if not is_above(0.0) else _last(is_above, 0.0, middle)
    high, step = middle, max(middle, 1e-12)
    while not is_below(high + step):
        step *= 2.0
        if high + step > MOST_TIMES * max(middle, 1e-12):
            return low, MOST_TIMES * middle
    return low, _last(is_below, high + step, high)


def _last(holds: Callable[[float], bool], inside: float, outside: float) -> float:
    """Return where a condition ceases to hold between a place where it does and one further on."""
    for _ in range(_BISECTIONS):
        middle = (inside + outside) / 2.0
        if holds(middle):
            inside = middle
        else:
            outside = middle
    return inside
