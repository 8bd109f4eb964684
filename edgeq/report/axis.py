"""Axes of charts (round numbers for ticks, positions of numbers), and histograms. Pure."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

_STEPS = (1.0, 2.0, 5.0, 10.0)
_EPSILON = 1e-12
MAX_TICKS = 6
BINS = 36


@dataclass(frozen=True)
class Tick:
    """A grid line, at a position in the picture's units, with its text."""

    at: float
    text: str


@dataclass(frozen=True)
class Axis:
    """A mapping of a range of numbers to a range of the picture.

    Attributes:
        low, high: The numbers at the ends; above 0 on a logarithmic axis.
        start, end: Positions of these numbers, in the picture's units.
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        """Return the position of a number; numbers beyond an end are placed at that end."""
        low, high, inside = self.low, self.high, min(max(value, self.low), self.high)
        if self.log:
            low, high, inside = math.log10(low), math.log10(high), math.log10(inside)
        share = (inside - low) / (high - low or _EPSILON)
        return round(self.start + (self.end - self.start) * share, 1)

    def ticks(self, values: tuple[float, ...], show: Callable[[float], str]) -> tuple[Tick, ...]:
        """Return a tick for each of the numbers within the axis."""
        slack = (self.high - self.low) * 1e-9
        inside = [value for value in values if self.low - slack <= value <= self.high + slack]
        return tuple(Tick(self.at(value), show(value)) for value in inside)


def round_numbers(low: float, high: float, about: int = 4) -> tuple[float, ...]:
    """Return about ``about`` round numbers, from at most ``low`` to at least ``high``."""
    rough = max(high - low, 1e-9) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * s for s in _STEPS if power * s >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return tuple(round(step * k, 10) for k in range(first, last + 1))


def powers_of_ten(low: float, high: float) -> tuple[float, ...]:
    """Return consecutive powers of ten, from at most ``low`` to at least ``high``."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    return tuple(10.0**power for power in range(first, max(last, first + 1) + 1))


def series(low: float, high: float) -> tuple[float, ...]:
    """Return the numbers 1, 2, 5, 10, 20 ... from ``low`` to ``high``, at most ``MAX_TICKS``.

    If there are more, only powers of ten are returned; if there are still too many, only every
    second, third and so on. At least two always remain, since more than six numbers of the series
    span two powers of ten. ``low`` is above 0 and ``high`` at least nine times as much, so that
    there is room for two numbers.
    """
    powers = powers_of_ten(low, high)
    for steps in ((1, 2, 5), (1,)):
        numbers = [round(power * step, 12) for power in powers for step in steps]
        inside = [number for number in numbers if low * (1 - 1e-9) <= number <= high * (1 + 1e-9)]
        if len(inside) <= MAX_TICKS:
            break
    return tuple(inside[:: -(-len(inside) // MAX_TICKS)])


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
        marks: Positions of highlighted single values.
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

    ``percentiles`` ascend in equal steps; values beyond the axis's ends count towards its first and
    last bar. A negative height is for bars below the base line.
    """
    edges = [axis.start + (axis.end - axis.start) * k / BINS for k in range(BINS + 1)]
    places = sorted(axis.at(value) for value in percentiles)
    shares = [_below(places, edge) for edge in edges]
    shares[0], shares[-1] = 0.0, 1.0
    amounts = [b - a for a, b in pairwise(shares)]
    most = max(amounts)
    rectangles = []
    for (left, right), amount in zip(pairwise(edges), amounts, strict=True):
        if amount > 0:
            tall = max(1.0, abs(height) * amount / most)
            top = base - tall if height > 0 else base
            numbers = (round(number, 1) for number in (left, top, right - left - 0.6, tall))
            rectangles.append(Bar(*numbers))
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
