"""Images that belong together: several crops of one photograph are one cluster."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence

import msgspec

from edgeq.measure.statistics import Interval, clopper_pearson, paired_difference


class Clusters(msgspec.Struct, frozen=True, kw_only=True):
    """How many images a clustered set is worth.

    Attributes:
        images: Number of images n.
        photographs: Number of clusters.
        effective: ``√(n³ / Σ nᵢ³)`` for clusters of nᵢ images: their number if all are as large.
    """

    images: int
    photographs: int
    effective: float

    @property
    def text(self) -> str:
        """For example ``"500 crops of 100 photographs"``."""
        noun = "photograph" if self.photographs == 1 else "photographs"
        return f"{self.images:,} crops of {self.photographs:,} {noun}"


def find_clusters(groups: Sequence[Hashable]) -> Clusters | None:
    """Return what a set of images is worth, None if every image is a cluster of its own.

    The correlation within a cluster is taken as 1: crops of one photograph then say what one of
    them says. The true correlation is lower and would have to be estimated from the few images that
    differ; this is the safe end. Intervals are the exact ones at the effective number of images, as
    Korn and Graubard propose (Survey Methodology 24 (1998), 193-201).

    Kish's effective number ``n² / Σ nᵢ²`` (Survey Sampling, 1965, section 5.4) is that of equal
    clusters whose mean varies as much. One large cluster among single images makes the mean not
    only vary but lean to one side, and an interval at Kish's number then misses up to four times as
    often as it says. This number is that of equal clusters whose mean has the same third cumulant,
    ``Σ nᵢ³ / n³``, and is never greater than Kish's.

    Args:
        groups: Of each image, what it shares with the others of its cluster.
    """
    sizes = Counter(groups)
    if len(sizes) == len(groups):
        return None
    n = len(groups)
    cubes = sum(size**3 for size in sizes.values())
    return Clusters(images=n, photographs=len(sizes), effective=math.sqrt(n**3 / cubes))


def effective(n: int, clusters: Clusters | None) -> float:
    """Return how many independent images n images count as."""
    return n if clusters is None else clusters.effective


def rate_interval(
    count: int, n: int, confidence: float, clusters: Clusters | None = None
) -> Interval:
    """Return the Clopper-Pearson interval for a rate at the effective number of images."""
    worth = effective(n, clusters)
    return clopper_pearson(_shrunk(count, n, worth), worth, confidence)


def difference_interval(
    lost: int, gained: int, n: int, confidence: float, clusters: Clusters | None = None
) -> Interval:
    """Return the interval for a paired difference at the effective number of images."""
    worth = effective(n, clusters)
    first, second = _shrunk(lost, n, worth), _shrunk(gained, n, worth)
    return paired_difference(min(first, worth - second), second, worth, confidence)


def _shrunk(count: int, n: int, worth: float) -> float:
    """Return the same share of fewer images; rounding must not make it more than all."""
    return worth if count == n else min(count * worth / n, worth)
