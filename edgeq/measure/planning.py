"""What a set of images can resolve, how many would settle a question, and looks at growing samples.

Repeated looks at samples that grow until they decide must not raise more false alarms.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from edgeq.measure.statistics import clopper_pearson, normal_quantile, paired_difference

MAX_IMAGES = 10_000_000
"""Number of images beyond which a question counts as one that no set settles."""

LOOKS = 8
"""Planned looks: after 1, 2, 4, ... 128 times the first batch."""

MAX_ROUNDS = 16_384
"""Most rounds of any batch; a value still undecided there lies at the limit."""

POWER = 0.8
"""Probability of detecting what a set is said to be able to show."""


def images_needed(rate: float, limit: float, confidence: float) -> int | None:
    """Return the least number of images whose interval excludes the limit if the rate stays.

    Returns:
        None if the rate equals the limit or more than ``MAX_IMAGES`` would be needed.
    """

    def settled(n: int) -> bool:
        low, high = clopper_pearson(rate * n, n, confidence)
        return low >= limit if rate > limit else high < limit

    return None if rate == limit else _least(settled)


def images_needed_for_drop(
    lost_rate: float, gained_rate: float, limit: float, confidence: float
) -> int | None:
    """Return the least number of images whose paired interval excludes the limit if rates stay.

    Args:
        lost_rate: Share of images right in the baseline and wrong in the variant.
        gained_rate: Share of images wrong in the baseline and right in the variant.
        limit: Highest drop allowed.
        confidence: Confidence level of the two-sided interval.

    Returns:
        None if the drop equals the limit or more than ``MAX_IMAGES`` would be needed.
    """
    drop = lost_rate - gained_rate

    def settled(n: int) -> bool:
        low, high = paired_difference(lost_rate * n, gained_rate * n, n, confidence)
        return low > limit if drop > limit else high <= limit

    return None if drop == limit else _least(settled)


def samples_needed(value: float, half_width: float, n: int, limit: float) -> int | None:
    """Return roughly how many samples would shrink an interval enough to exclude the limit.

    The half width shrinks with the square root of the number of samples.

    Args:
        value: The measured mean or ratio.
        half_width: Half the width of its interval at n samples.
        n: Number of samples measured (images, rounds).
        limit: The limit.

    Returns:
        None if the value equals the limit or more than ``MAX_IMAGES`` would be needed.
    """
    distance = abs(value - limit)
    if distance == 0.0:
        return None
    needed = n * (half_width / distance) ** 2
    return math.ceil(needed) if needed <= MAX_IMAGES else None


def drop_to_see(
    images: int, flips: float, *, allowed: float = 0.0, confidence: float
) -> float | None:
    """Return the smallest accuracy drop that a set of images can tell from the allowed drop.

    With the one-sided paired test on the difference, n images show a drop whose distance from the
    allowed drop reaches ``z · sqrt(flips / n)``, the simplest form of Connor, Biometrics 43 (1987),
    207-211. The share of flips can't be below the drop.

    Args:
        images: Number of images n, above 0.
        flips: Share of images that become right or wrong.
        allowed: The allowed drop; a negative one counts as 0.
        confidence: Confidence level of the two-sided interval that must exclude the allowed drop.

    Returns:
        A drop in (0, 1] that is detected with probability ``POWER`` or better (better if few images
        flip besides those of the drop); None if not even a drop of 1 would be.
    """
    allowed = max(allowed, 0.0)
    square = (normal_quantile(0.5 + confidence / 2.0) + normal_quantile(POWER)) ** 2
    by_flips = math.sqrt(square * flips / images)
    # If only the drop's images flip: n · r² = z² · (allowed + r), solved for r.
    by_drop = (square + math.sqrt(square * (square + 4.0 * images * allowed))) / (2.0 * images)
    share = allowed + max(by_flips, by_drop)
    return share if share <= 1.0 else None


def _least(settled: Callable[[int], bool]) -> int | None:
    """Return the least n for which a question is settled, by doubling and halving."""
    high = 1
    while not settled(high):
        high *= 2
        if high > MAX_IMAGES:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        if settled(middle):
            high = middle
        else:
            low = middle
    return high


def look_confidence(confidence: float, looks: int = LOOKS) -> float:
    """Return the confidence of the interval at each of several looks.

    Every further look may err, and the chances add up. Each look therefore gets an equal share of
    the error, ``1 - (1 - confidence) / looks``. By Bonferroni's inequality, all intervals hold
    together with at least the given confidence, whatever ends the looking and however dependent the
    looks are (Dunn, Journal of the American Statistical Association 56 (1961), 52-64). For looks at
    growing samples it is the simplest of the error-spending plans of Lan and DeMets, Biometrika 70
    (1983), 659-663.
    """
    return 1.0 - (1.0 - confidence) / looks


def rounds_at(look: int, first: int) -> int:
    """Return the total number of rounds at a look: twice as many as at the look before.

    Doubling keeps the looks few, and takes at most twice as many rounds as needed.

    Args:
        look: Number of the look, from 1.
        first: Number of rounds in the first batch.
    """
    return max(first, min(first << (look - 1), MAX_ROUNDS))
