"""A variant beside a control on the same samples: ratios of means, and paired differences.

Both were compared with one baseline. What the samples have in common (some are hard for every
variant) then cancels out, so that few samples tell much.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq.measure.clusters import Clusters, difference_interval, effective
from edgeq.measure.statistics import Interval, student_quantile, unbounded_mean

Doubles = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]

_LEAST_VALUES = 2


class Contrast(msgspec.Struct, frozen=True, kw_only=True):
    """A mean over the samples, of a variant and of its control.

    Attributes:
        label: What the numbers are, for example ``"logits"``.
        images: Samples that have a number of both.
        variant: Mean of the variant's numbers.
        variant_interval: Its interval, see ``statistics.unbounded_mean``; None for a single sample.
        control: Mean of the control's.
        ratio: ``variant / control``; None if the control's is 0.
        ratio_interval: Fieller's interval of the ratio; None if it has no end, because the
            control's mean can't be told from 0.
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
    """Return Fieller's interval for the ratio of two means of the same samples.

    It holds every ratio r for which Student's paired t does not tell the means of ``numerator``
    and ``r * denominator`` apart. Fieller, Journal of the Royal Statistical Society B 16 (1954),
    175-185.

    Args:
        numerator: Shape (n,).
        denominator: Shape (n,).
        confidence: In (0, 1).
        worth: How many independent samples they count as; n if None.

    Returns:
        None if the denominator's mean can't be told from 0, or if there are not two independent
        samples.
    """
    n = numerator.size if worth is None else worth
    if numerator.size < _LEAST_VALUES or n < _LEAST_VALUES:
        return None
    above, below = float(numerator.mean()), float(denominator.mean())
    # variances of the means, as in unbounded_mean: by n, then divided by n - 1
    covariance = np.cov(numerator, denominator, bias=True) / (n - 1)
    square = student_quantile(n - 1, confidence) ** 2
    own, shared, other = (
        square * float(one) for one in (covariance[0, 0], covariance[0, 1], covariance[1, 1])
    )
    # (above - r below)^2 <= own - 2 r shared + r^2 other, a parabola in r
    leading = below * below - other
    if leading <= 0.0:
        return None
    half = above * below - shared
    # half² - leading (above² - own), multiplied out: the large terms are gone then
    spread = below * below * own - 2.0 * above * below * shared + above * above * other
    root = math.sqrt(max(spread - (own * other - shared * shared), 0.0))
    return max(0.0, (half - root) / leading), (half + root) / leading
