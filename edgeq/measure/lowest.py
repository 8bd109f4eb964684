"""The lowest of many values, and how many of them chance alone may put below a limit.

The lowest of a set falls with its size: the worst cosine of a good variant was 0.926 on 500
photographs and 0.838 on 1,300. Held to one limit, a larger set would fail more often. So the limit
is held to the lowest value that more than rare accidents must have put where it is.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from edgeq.measure.statistics import clopper_pearson

RARE = 0.00048
"""Share of images that may lie below the limit in a good variant: the greatest for which two of 500
prove more. The heaviest tail that was measured of a good variant, 0.926 as the lowest of 500
cosines and 0.838 of 1,300, has 0.00045 below the default limit of 0.75."""

FEW = 0.01
"""Share of images below the limit that a set must rule out if some of its images lie there."""


def most_by_chance(worth: float, confidence: float) -> int:
    """Return how many independent images may lie below a limit with no more than ``RARE`` doing so.

    More of them prove that a greater share does: the low end of Clopper and Pearson's interval is
    above it. At 95 % that is none of up to 52, 1 of up to 504, 2 of up to 1,289.

    Args:
        worth: How many independent images there are, at least 1.
        confidence: In (0, 1).
    """
    count = 0
    while count + 1 <= worth and clopper_pearson(count + 1, worth, confidence)[0] <= RARE:
        count += 1
    return count


def lowest(
    values: npt.NDArray[np.float64], confidence: float, worth: float | None = None
) -> tuple[float, ...]:
    """Return the lowest values in ascending order: the last one is held to the limit.

    Args:
        values: Of each image, shape (n,), n at least 1.
        confidence: In (0, 1).
        worth: How many independent images they count as; n if None.
    """
    n = values.size
    independent = float(n) if worth is None else worth
    spared = math.floor(most_by_chance(independent, confidence) * n / independent)
    return tuple(float(value) for value in np.sort(values)[: spared + 1])


def rules_out_more(below: int, images: int, worth: float, confidence: float) -> bool:
    """Return whether images show that no more than ``FEW`` lie below a limit, if any of them do.

    Args:
        below: How many do.
        images: Number of images.
        worth: How many independent ones they count as.
        confidence: In (0, 1).
    """
    if not below:
        return True
    return clopper_pearson(min(below * worth / images, worth), worth, confidence)[1] <= FEW
