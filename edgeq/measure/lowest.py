"""The lowest of many values, and how many of them may lie below a limit by chance.

The lowest value of a set falls with the size of the set: the worst cosine of a good variant was
0.926 on 500 photographs and 0.838 on 1,300. With one limit for all sizes, larger sets would fail
more often. So the lowest values that rare accidents explain are skipped, and the next one is
compared with the limit.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from edgeq.measure.statistics import clopper_pearson

RARE = 0.00048
"""Share of a good variant's images that may lie below the limit: the greatest share that two of 500
images disprove. The heaviest tail measured for a good variant (lowest cosine 0.926 of 500 and 0.838
of 1,300) has 0.00045 below the default limit of 0.75."""

FEW = 0.01
"""Share of images below the limit that a set must rule out if any of its images lie there."""


def most_by_chance(worth: float, confidence: float) -> int:
    """Return how many independent images may lie below a limit if at most ``RARE`` of all do.

    One more would prove a greater share, because the low end of Clopper and Pearson's interval
    would exceed it. At 95 % that is none of up to 52, 1 of up to 504, 2 of up to 1,289.

    Args:
        worth: Number of independent images, at least 1.
        confidence: Confidence level, in (0, 1).
    """
    count = 0
    while count + 1 <= worth and clopper_pearson(count + 1, worth, confidence)[0] <= RARE:
        count += 1
    return count


def lowest(
    values: npt.NDArray[np.float64], confidence: float, worth: float | None = None
) -> tuple[float, ...]:
    """Return the lowest values in ascending order; the last one is compared with the limit.

    Args:
        values: The value of each image, shape (n,), n at least 1.
        confidence: Confidence level, in (0, 1).
        worth: How many independent images they count as; n if None.
    """
    n = values.size
    independent = float(n) if worth is None else worth
    spared = math.floor(most_by_chance(independent, confidence) * n / independent)
    return tuple(float(value) for value in np.sort(values)[: spared + 1])


def rules_out_more(below: int, images: int, worth: float, confidence: float) -> bool:
    """Return whether none lie below a limit, or the set proves that at most ``FEW`` of all do.

    Args:
        below: Number of images below the limit.
        images: Number of images.
        worth: Number of independent images they count as.
        confidence: Confidence level, in (0, 1).
    """
    if not below:
        return True
    return clopper_pearson(min(below * worth / images, worth), worth, confidence)[1] <= FEW
