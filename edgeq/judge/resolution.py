"""What a set of images or a number of rounds can resolve, as one sentence for the evidence.

Every statistical verdict carries it as ``evidence["resolution"]``.
"""

from __future__ import annotations

from edgeq import words
from edgeq.measure.clusters import Clusters, independent
from edgeq.measure.planning import POWER, drop_to_see
from edgeq.measure.statistics import Interval, best_provable_rate, differing_at_limit
from edgeq.words import plural, share

_OFTEN = f"at least {words.percentage(POWER)} of such sets would"


def sample(images: int, clusters: Clusters | None) -> str:
    """Return how many images there are, for example ``"500 crops of 100 photographs"``."""
    return plural(images, "image") if clusters is None else clusters.text


def worth(clusters: Clusters | None, text: str) -> str:
    """Return what a set resolves, preceded by how many images its clusters count as."""
    if clusters is None:
        return text
    count = independent(clusters.images, clusters)
    return f"{clusters.text} count as {plural(count, 'image')}: {text}"


def of_rate(images: int, limit: float, confidence: float, *, others: str = "differ") -> str:
    """Return what images can prove about a rate: the highest rate, and the decisive counts.

    Args:
        images: Number of images.
        limit: Lowest rate allowed, in [0, 1].
        confidence: Confidence level of the two-sided Clopper-Pearson interval.
        others: Verb phrase for the images that do not count.
    """
    passing, failing = differing_at_limit(images, limit, confidence)
    best = f"{_these(images)} can prove {share(best_provable_rate(images, confidence))} at best"
    yes = "no PASS is possible" if passing is None else f"PASS with up to {passing:,} that {others}"
    no = "no FAIL is possible" if failing is None else f"FAIL from {failing:,}"
    return f"{best}: {yes}, {no}"


def of_drop(images: int, flips: float, limit: float, confidence: float) -> str:
    """Return which accuracy drops images can show.

    Args:
        images: Number of labelled images.
        flips: Share of them that became right or wrong.
        limit: Highest drop allowed.
        confidence: Confidence level of the two-sided interval.
    """
    least = drop_to_see(images, flips, confidence=confidence)
    if least is None:
        return f"{_these(images)} can't show any drop"
    shown = f"{_these(images)} can show a drop of {words.distance('points', least)} ({_OFTEN})"
    if limit <= 0.0:
        return shown
    beyond = drop_to_see(images, flips, allowed=limit, confidence=confidence)
    allowed = f"where {words.distance('points', limit)} may be lost"
    if beyond is None:
        return f"{shown}; {allowed} none is large enough for a FAIL"
    return f"{shown}; {allowed}, one of {words.distance('points', beyond)} is a FAIL as often"


def of_interval(count: int, noun: str, kind: words.Kind, interval: Interval | None) -> str:
    """Return what samples can resolve, given the width of their interval.

    Args:
        count: Number of images or rounds.
        noun: ``"image"`` or ``"round"``.
        kind: How the values are written.
        interval: Interval of the mean or ratio; None if there are too few samples for one.
    """
    who = _these(count, noun)
    if interval is None:
        return f"{who} can't tell any difference"
    half = words.distance(kind, (interval[1] - interval[0]) / 2)
    return f"{who} tell values apart that differ by {half} or more"


def _these(count: int, noun: str = "image") -> str:
    return f"{'this' if count == 1 else 'these'} {plural(count, noun)}"
