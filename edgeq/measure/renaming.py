"""Whether a baseline's classes match the labels after renaming, so that their order is wrong."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq.measure.clusters import effective, find_clusters, numbered
from edgeq.measure.statistics import mcnemar_exact

LEVEL = 0.001
GAIN = 0.05

Classes = npt.NDArray[np.int64]


class Renaming(msgspec.Struct, frozen=True, kw_only=True):
    """The effect on a baseline's accuracy of a renaming of classes learnt on other images.

    Attributes:
        images: Number of labelled images n.
        right: Number of images whose label is the class that the baseline predicts.
        renamed: Number of images whose label is the renamed class that the baseline predicts.
        sure: Whether the gain is large and not due to chance.
    """

    images: int
    right: int
    renamed: int
    sure: bool


def renaming(given: Classes, labels: Classes, classes: int, groups: Sequence[Hashable]) -> Renaming:
    """Return what the best one-to-one renaming of the classes gains.

    It is learnt on each half of the images and tested on the other, so that overfitting to the few
    images of a class gains nothing. Images that belong together are in the same half.
    """
    places = numbered(groups)
    order = np.random.default_rng(0).permutation(int(places.max()) + 1)
    half = order[places] % 2 > 0
    renamed = np.empty_like(given)
    for learnt in (half, ~half):
        renamed[~learnt] = _best_names(given[learnt], labels[learnt], classes)[given[~learnt]]
    before, after = given == labels, renamed == labels
    n = given.size
    lost, gained = int((before & ~after).sum()), int((after & ~before).sum())
    p = mcnemar_exact(lost, gained, share=effective(n, find_clusters(groups)) / n)
    return Renaming(
        images=n,
        right=int(before.sum()),
        renamed=int(after.sum()),
        sure=gained - lost >= GAIN * n and p <= LEVEL,
    )


def _best_names(given: Classes, labels: Classes, classes: int) -> Classes:
    """Return the one-to-one renaming that is right most often; ties keep the name."""
    from scipy.optimize import linear_sum_assignment

    counts = np.zeros((classes, classes))
    np.add.at(counts, (given, labels), 1.0)
    counts[np.diag_indices(classes)] += 0.5 / classes
    rows, names = linear_sum_assignment(counts, maximize=True)
    order = np.empty(classes, np.int64)
    order[rows] = names
    return order
