"""Warming up until a machine's clock is steady, before anything is timed there.

A board's processor begins slowly, at the low clock of its idle state, or fast, until it is hot and
its clock falls. How many inferences that takes nobody knows beforehand.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from edgeq.run.results import Timed

BATCHES = 4
"""Batches whose medians must be alike."""
ALIKE = 0.02
"""Largest relative difference of these medians."""

HOT_CELSIUS = 80.0
"""Temperature from which boards lower their clock: a Raspberry Pi's limit."""

FALLEN_CLOCK = 0.9
"""Clock afterwards, as a share of that before, below which it fell."""


@dataclass(frozen=True)
class Settled:
    """Seconds that a machine took to warm up, and whether its times had become alike by then."""

    seconds: float
    steady: bool


def is_steady(medians: Sequence[float]) -> bool:
    """Return whether the last medians of a time are alike, neither falling nor rising."""
    last = medians[-BATCHES:]
    return len(last) == BATCHES and max(last) <= (1 + ALIKE) * min(last)


def settle(
    batch: Callable[[], Timed],
    *,
    budget_s: float,
    clock: Callable[[], float] = time.monotonic,
) -> Settled:
    """Run batches until their times are alike, or the budget is used up.

    The medians are those of a batch's first model; ``clock`` returns seconds from a monotonic
    clock.
    """
    start, medians = clock(), list[float]()
    while not is_steady(medians) and clock() - start < budget_s:
        medians.append(float(np.median(batch().samples[0])))
    return Settled(clock() - start, is_steady(medians))
