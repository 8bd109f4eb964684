"""Clusters of images that are not independent, such as several crops of one photograph."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq.measure.statistics import Interval, clopper_pearson, paired_difference


class Clusters(msgspec.Struct, frozen=True, kw_only=True):
    """How many independent images a clustered set counts as.

    Attributes:
        images: Number of images n.
        photographs: Number of clusters.
        effective: ``√(n³ / Σ nᵢ³)`` for clusters of nᵢ images, which is the number of clusters if
            all have the same size.
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
    """Return how much a clustered set counts for; None if every image is a cluster of its own.

    The correlation within a cluster is taken as 1, as if all crops of a photograph gave the same
    result. The true correlation is lower but would have to be estimated from the few images that
    differ, so 1 is the safe assumption. Intervals are the exact ones at the effective number of
    images, as Korn and Graubard propose (Survey Methodology 24 (1998), 193-201).

    Kish's effective number ``n² / Σ nᵢ²`` (Survey Sampling, 1965, section 5.4) is the number of
    equal clusters whose mean has the same variance. One large cluster among single images also
    skews the mean, and an interval at Kish's number then misses up to four times as often as its
    confidence allows. This number is that of equal clusters whose mean has the same third
    cumulant, ``Σ nᵢ³ / n³``, and is never greater than Kish's.
    """
    sizes = Counter(groups)
    if len(sizes) == len(groups):
        return None
    n = len(groups)
    cubes = sum(size**3 for size in sizes.values())
    return Clusters(images=n, photographs=len(sizes), effective=math.sqrt(n**3 / cubes))


def numbered(groups: Sequence[Hashable]) -> npt.NDArray[np.int64]:
    """Return the number of each image's cluster, shape ``(n,)``, in the order of appearance."""
    places: dict[Hashable, int] = {}
    return np.array([places.setdefault(group, len(places)) for group in groups], np.int64)


def effective(n: int, clusters: Clusters | None) -> float:
    """Return the number of independent images that n images count as."""
    return n if clusters is None else clusters.effective


def independent(n: int, clusters: Clusters | None) -> int:
    """Return the number of whole independent images that n images count as, at least 1."""
    return max(int(effective(n, clusters)), 1)


class Sampled:
    """What was measured on ``images`` of which some may belong together, in ``clusters``."""

    __slots__ = ()
    images: int
    clusters: Clusters | None

    @property
    def worth(self) -> int:
        """The number of independent images the set counts as."""
        return independent(self.images, self.clusters)


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
    """Return the same share of fewer images, capped at all of them against rounding errors."""
    return worth if count == n else min(count * worth / n, worth)
