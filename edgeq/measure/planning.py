"""What a set of images can resolve, and how many images would settle a question."""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable

from edgeq.measure.statistics import clopper_pearson, normal_quantile, paired_difference

MOST_IMAGES = 10_000_000
"""Beyond this many images a question counts as one that no set settles."""

POWER = 0.8
"""The chance to see what a set is said to be able to show."""


def images_needed(rate: float, limit: float, confidence: float) -> int | None:
    """Return the least images whose interval excludes the limit, if the rate stays as it is.

    Args:
        rate: The measured rate, in [0, 1].
        limit: The limit, in [0, 1].
        confidence: Of the two-sided Clopper-Pearson interval.

    Returns:
        None if the rate is the limit or no more than ``MOST_IMAGES`` would do.
    """

    def settled(n: int) -> bool:
        low, high = clopper_pearson(rate * n, n, confidence)
        return low >= limit if rate > limit else high < limit

    return None if rate == limit else _least(settled)


def images_needed_for_drop(
    lost_rate: float, gained_rate: float, limit: float, confidence: float
) -> int | None:
    """Return the least images whose paired interval excludes the limit, if the rates stay.

    Args:
        lost_rate: Share of images right in the baseline and wrong in the variant.
        gained_rate: Share of images wrong in the baseline and right in the variant.
        limit: Highest drop allowed.
        confidence: Of the two-sided interval.

    Returns:
        None if the drop is the limit or no more than ``MOST_IMAGES`` would do.
    """
    drop = lost_rate - gained_rate

    def settled(n: int) -> bool:
        low, high = paired_difference(lost_rate * n, gained_rate * n, n, confidence)
        return low > limit if drop > limit else high <= limit

    return None if drop == limit else _least(settled)


def samples_needed(value: float, half_width: float, n: int, limit: float) -> int | None:
    """Return about how many samples would bring an interval off the limit.

    The half width shrinks with the square root of the number of samples.

    Args:
        value: The measured mean or ratio.
        half_width: Of its interval at n samples.
        n: Samples measured (images, rounds).
        limit: The limit.

    Returns:
        None if the value is the limit or no more than ``MOST_IMAGES`` would do.
    """
    distance = abs(value - limit)
    if distance == 0.0:
        return None
    needed = n * (half_width / distance) ** 2
    return math.ceil(needed) if needed <= MOST_IMAGES else None


def best_provable_rate(n: int, confidence: float) -> float:
    """Return the rate that n images prove when every one of them agrees."""
    return clopper_pearson(n, n, confidence)[0]


def images_to_see_drop(
    drop: float, flips: float, *, confidence: float = 0.95, power: float = POWER
) -> int:
    """Return the images that show an accuracy drop with the given power.

    The paired test on the difference, one-sided: ``(z_c + z_p)² · flips / drop²`` with
    ``flips`` the share of images that become right or wrong. Connor, Biometrics 43 (1987),
    207-211, in its simplest form.

    Args:
        drop: The accuracy drop to see, above 0.
        flips: Share of images whose rightness changes, at least ``drop``.
        confidence: One-sided.
        power: Chance to see the drop.

    Raises:
        ValueError: The drop is not above 0 or the flips are fewer than it.
    """
    if not 0.0 < drop <= flips <= 1.0:
        raise ValueError(f"a drop of {drop} can't come from {flips} flips")
    z = normal_quantile(confidence) + normal_quantile(power)
    return math.ceil(z * z * flips / (drop * drop))


def drop_to_see(
    images: int, flips: float, *, allowed: float = 0.0, confidence: float
) -> float | None:
    """Return the least accuracy drop that so many images tell from an allowed one.

    The inverse of ``images_to_see_drop``: the drop minus what is allowed must reach
    ``z · sqrt(flips / n)``, and no fewer images flip than drop.

    Args:
        images: Number of images n, above 0.
        flips: Share of images whose rightness changes.
        allowed: The drop to tell it from; a negative one counts as none.
        confidence: Of the two-sided interval that must lie beyond what is allowed.

    Returns:
        In (0, 1], seen with the chance ``POWER`` or better (better where few images flip but
        for the drop); None if not even a drop by all would be.
    """
    allowed = max(allowed, 0.0)
    square = (normal_quantile(0.5 + confidence / 2.0) + normal_quantile(POWER)) ** 2
    by_flips = math.sqrt(square * flips / images)
    # the drop itself as the share of flips: n · r² = z² · (allowed + r), solved for r
    by_drop = (square + math.sqrt(square * (square + 4.0 * images * allowed))) / (2.0 * images)
    share = allowed + max(by_flips, by_drop)
    return share if share <= 1.0 else None


def differing_at_limit(
    images: int, limit: float, confidence: float
) -> tuple[int | None, int | None]:
    """Return how many of n images may differ for a PASS, and from how many on it is a FAIL.

    Args:
        images: Number of images n, above 0.
        limit: Lowest rate allowed, in [0, 1].
        confidence: Of the two-sided Clopper-Pearson interval.

    Returns:
        None for what no count reaches.
    """

    def interval(differing: int) -> tuple[float, float]:
        return clopper_pearson(images - differing, images, confidence)

    counts = range(images + 1)
    passing = bisect.bisect_left(counts, x=True, key=lambda k: interval(k)[0] < limit) - 1
    failing = bisect.bisect_left(counts, x=True, key=lambda k: interval(k)[1] < limit)
    return passing if passing >= 0 else None, failing if failing <= images else None


def _least(settled: Callable[[int], bool]) -> int | None:
    """Return the least n for which a question is settled, by doubling and halving."""
    high = 1
    while not settled(high):
        high *= 2
        if high > MOST_IMAGES:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        if settled(middle):
            high = middle
        else:
            low = middle
    return high
