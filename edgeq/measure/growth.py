"""Whether memory grows from inference to inference, from what a worker held on the way.

A single difference proves nothing: buffers come and go, and some are made late. So the inferences
after the first few are cut into quarters, and of each quarter the least that was held counts: its
floor. What is freed again leaves no trace in a floor, and a buffer that is made once raises one
floor. What is kept at every inference raises all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

SETTLING = 4
"""First inferences of a loaded model that are not judged: its buffers are made then."""

LEAST_INFERENCES = 12
"""Judged inferences below which nothing can be told: three in each quarter."""

QUARTERS = 4

Samples = npt.NDArray[np.int64]


class Rise(msgspec.Struct, frozen=True, kw_only=True):
    """How far what was held rose, in bytes.

    Attributes:
        steps: From each quarter's floor to the next one's.
        inferences: In a quarter.
        apart: Inferences from the first floor to the last: the first of several as low counts.
    """

    steps: tuple[int, ...]
    inferences: float
    apart: int

    @property
    def total(self) -> int:
        """Bytes from the first floor to the last."""
        return sum(self.steps)

    @property
    def mean(self) -> float:
        """Bytes an inference, from the first floor to the last."""
        return self.total / self.apart

    @property
    def least(self) -> float:
        """Bytes an inference, in that step in which it rose least."""
        return min(self.steps) / self.inferences


class Growth(msgspec.Struct, frozen=True, kw_only=True):
    """How far a worker's memory rose while it ran one model.

    Attributes:
        inferences: In all.
        allocated: Rises of what malloc had handed out, one for each time that the model was loaded
            for long enough; none if it is unknown.
        resident: Rises of private resident memory, one for each portion of work that was long
            enough: between portions the allocator keeps what answers took, for later.
    """

    inferences: int
    allocated: tuple[Rise, ...] = ()
    resident: tuple[Rise, ...] = ()


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a worker's memory while it ran one model.

    Attributes:
        evaluated: How it rose over the evaluation.
        repeated: How it rose while the first images were run again and again, None if that was not
            tried because the evaluation decides.
    """

    evaluated: Growth
    repeated: Growth | None = None

    @property
    def last(self) -> Growth:
        """What decides if nothing grows."""
        return self.evaluated if self.repeated is None else self.repeated


def growth(loads: Iterable[Sequence[Samples]]) -> Growth:
    """Return how far memory rose.

    Args:
        loads: For each time that the model was loaded, and for each portion of work that it then
            did, what the worker held, shape ``(m, 3)`` with m at least 1: the number of the
            inference from 1, allocated and resident bytes, -1 for unknown. In the order of the
            inferences, of which some may be left out.
    """
    portions = [load for load in loads if load]
    every = [np.concatenate(load) for load in portions]
    apart = [portion for load in portions for portion in load]
    return Growth(
        inferences=sum(int(load[-1, 0]) for load in every),
        allocated=_known(rise(load[:, 0], load[:, 1]) for load in every),
        resident=_known(rise(portion[:, 0], portion[:, 2]) for portion in apart),
    )


def rise(numbers: Samples, control: Samples) -> Rise | None:
    """Return how far memory rose, None if it is unknown or if there was too little.

    Args:
        numbers: Of the inferences, from 1, increasing, shape ``(m,)``.
        control: Bytes after each of them, shape ``(m,)``.
    """
    judged = numbers > SETTLING
    numbers, control = numbers[judged], control[judged]
    if len(numbers) < LEAST_INFERENCES or control.min() < 0:
        return None
    edges = np.linspace(numbers[0], numbers[-1] + 1, QUARTERS + 1)
    quarter = np.searchsorted(edges, numbers, side="right") - 1
    if len(np.unique(quarter)) < QUARTERS:
        return None  # long stretches were left out
    lowest = [
        np.flatnonzero(quarter == at)[np.argmin(control[quarter == at])] for at in range(QUARTERS)
    ]
    return Rise(
        steps=tuple(np.diff(control[lowest]).tolist()),
        inferences=float(edges[1] - edges[0]),
        apart=int(numbers[lowest[-1]] - numbers[lowest[0]]),
    )


def _known(rises: Iterable[Rise | None]) -> tuple[Rise, ...]:
    return tuple(known for known in rises if known is not None)
