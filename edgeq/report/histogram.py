"""Histograms from the percentiles in a record. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from edgeq.report.axis import Axis, Tick

BINS = 36


@dataclass(frozen=True)
class Bar:
    """One bar, in the picture's units."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Histogram:
    """A chart of one distribution, or of two above and below a base line.

    Attributes:
        bars: Bars of the first distribution, upwards from the base line.
        below: Bars of the second, downwards from the base line; empty if there is none.
        base: Position of the base line.
        height: Height of the picture.
        ticks: Ticks of the axis.
        marks: Positions of highlighted single values.
        description: Text alternative of the picture.
    """

    bars: tuple[Bar, ...]
    below: tuple[Bar, ...]
    base: float
    height: float
    ticks: tuple[Tick, ...]
    marks: tuple[float, ...]
    description: str


def bars(percentiles: Sequence[float], axis: Axis, base: float, height: float) -> tuple[Bar, ...]:
    """Return the bars of a distribution; the highest is ``abs(height)`` high.

    Args:
        percentiles: Percentiles in equal steps, ascending.
        axis: The axis. Values beyond its ends count towards its first and last bar.
        base: Position of the base line.
        height: Height of the highest bar; negative for bars below the base line.
    """
    edges = [axis.start + (axis.end - axis.start) * k / BINS for k in range(BINS + 1)]
    places = sorted(axis.at(value) for value in percentiles)
    shares = [_below(places, edge) for edge in edges]
    shares[0], shares[-1] = 0.0, 1.0
    amounts = [b - a for a, b in pairwise(shares)]
    most = max(amounts)
    rectangles = []
    for place, amount in enumerate(amounts):
        if amount > 0:
            tall = max(1.0, abs(height) * amount / most)
            top = base - tall if height > 0 else base
            width = edges[place + 1] - edges[place]
            rectangles.append(
                Bar(round(edges[place], 1), round(top, 1), round(width - 0.6, 1), round(tall, 1))
            )
    return tuple(rectangles)


def _below(places: Sequence[float], edge: float) -> float:
    """Return the share of a distribution at or below a position."""
    last = len(places) - 1
    at = bisect_right(places, edge)
    if at == 0:
        return 0.0
    if at > last:
        return 1.0
    gap = places[at] - places[at - 1]
    return (at - 1 + ((edge - places[at - 1]) / gap if gap else 1.0)) / last
