"""Axes of charts: round numbers, and where a number lies. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_EPSILON = 1e-12
MOST_TICKS = 6


@dataclass(frozen=True)
class Tick:
    """A line of the grid with its text."""

    at: float
    text: str


@dataclass(frozen=True)
class Axis:
    """A stretch of numbers laid on a stretch of the picture.

    Attributes:
        low, high: The numbers at its ends; for a logarithmic one above 0.
        start, end: Where those lie, in the picture's units.
        log: Whether equal factors, not equal differences, are equally long.
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        """Return where a number lies; beyond an end it lies at that end."""
        low, high, inside = self.low, self.high, min(max(value, self.low), self.high)
        if self.log:
            low, high, inside = math.log10(low), math.log10(high), math.log10(inside)
        share = (inside - low) / (high - low or _EPSILON)
        return round(self.start + (self.end - self.start) * share, 1)

    def ticks(self, values: tuple[float, ...], show: Callable[[float], str]) -> tuple[Tick, ...]:
        """Return a tick for each of the numbers that lie on the axis."""
        slack = (self.high - self.low) * 1e-9
        inside = [one for one in values if self.low - slack <= one <= self.high + slack]
        return tuple(Tick(self.at(one), show(one)) for one in inside)


def round_numbers(low: float, high: float, about: int = 4) -> tuple[float, ...]:
    """Return about so many round numbers from one at or below ``low`` to one above ``high``."""
    rough = max(high - low, 1e-9) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * s for s in _STEPS if power * s >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return tuple(round(step * k, 10) for k in range(first, last + 1))


def powers_of_ten(low: float, high: float) -> tuple[float, ...]:
    """Return the powers of ten from one at or below ``low`` to one at or above ``high``."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    return tuple(10.0**power for power in range(first, max(last, first + 1) + 1))


def series(low: float, high: float) -> tuple[float, ...]:
    """Return 1, 2, 5, 10, 20 ... from the last at or below ``low`` to one at or above ``high``.

    Over a wide stretch they are powers of ten alone, at most ``MOST_TICKS`` of them.

    Args:
        low: Above 0.
        high: Above ``low``.
    """
    power = 10.0 ** math.floor(math.log10(low))
    numbers = [round(power * 10**k * step, 12) for k in range(32) for step in (1, 2, 5)]
    first = max(place for place, one in enumerate(numbers) if one <= low * (1 + 1e-9))
    last = min(place for place, one in enumerate(numbers) if one >= high * (1 - 1e-9))
    if last - first < MOST_TICKS:
        return tuple(numbers[first : last + 1])
    powers = powers_of_ten(low, high)
    return powers[:: -(-len(powers) // MOST_TICKS)]
