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
        inside = [value for value in values if self.low - slack <= value <= self.high + slack]
        return tuple(Tick(self.at(value), show(value)) for value in inside)


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
    """Return the numbers 1, 2, 5, 10, 20 ... from ``low`` to ``high``, at most ``MOST_TICKS``.

    If there are more, they are powers of ten alone; if these are too many, every second, third ...
    Two are always left: more than six of the series span two powers.

    Args:
        low: Above 0.
        high: At least nine times ``low``, which leaves room for two.
    """
    powers = powers_of_ten(low, high)
    for steps in ((1, 2, 5), (1,)):
        numbers = [round(power * step, 12) for power in powers for step in steps]
        inside = [number for number in numbers if low * (1 - 1e-9) <= number <= high * (1 + 1e-9)]
        if len(inside) <= MOST_TICKS:
            break
    return tuple(inside[:: -(-len(inside) // MOST_TICKS)])
