"""Whether a worker's memory grows from inference to inference.

A single difference proves nothing: buffers come and go, and some are allocated late. So the
inferences after the first few are cut into quarters, and each quarter counts by its floor: the
least memory held in it. Memory that is freed again leaves no trace in a floor, and a buffer that is
allocated once raises one floor. Memory that leaks at every inference raises all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

SETTLING = 4
"""First inferences of a loaded model, which are not judged because its buffers are allocated then.
"""

MIN_INFERENCES = 12
"""Minimum number of judged inferences: three in each quarter."""

QUARTERS = 4

Samples = npt.NDArray[np.int64]


class Rise(msgspec.Struct, frozen=True, kw_only=True):
    """How far memory rose, in bytes.

    Attributes:
        steps: Rise from each quarter's floor to the next one's.
        inferences: Number of inferences in a quarter.
        apart: Number of inferences from the first floor to the last; the earliest inference counts
            if several in a quarter are as low.
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
        """Bytes per inference, from the first floor to the last."""
        return self.total / self.apart

    @property
    def least(self) -> float:
        """Bytes per inference, in the step with the smallest rise."""
        return min(self.steps) / self.inferences


class Growth(msgspec.Struct, frozen=True, kw_only=True):
    """How far a worker's memory rose while it ran one model.

    Attributes:
        inferences: Total number of inferences.
        allocated: Rises of memory allocated by malloc, one for each time that the model stayed
            loaded for long enough; empty if it is unknown.
        resident: Rises of private resident memory, one for each portion of work that was long
            enough. It is not compared across portions because the allocator keeps the memory of
            answers for reuse.
    """

    inferences: int
    allocated: tuple[Rise, ...] = ()
    resident: tuple[Rise, ...] = ()


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a worker's memory while it ran one model.

    Attributes:
        evaluated: Growth over the evaluation.
        repeated: Growth while the first images were run repeatedly; None if that was not tried
            because the evaluation was conclusive.
    """

    evaluated: Growth
    repeated: Growth | None = None

    @property
    def last(self) -> Growth:
        """The growth that decides whether memory is stable."""
        return self.evaluated if self.repeated is None else self.repeated


def growth(loads: Iterable[Sequence[Samples]]) -> Growth:
    """Return how far memory rose.

    Args:
        loads: Samples of the worker's memory, for each time that the model was loaded and each
            portion of work that it then did, shape ``(m, 3)`` with m at least 1: the number of the
            inference from 1, allocated bytes and resident bytes, -1 if unknown. They are in the
            order of the inferences, of which some may be left out.
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
    """Return how far memory rose; None if it is unknown or there were too few inferences.

    Args:
        numbers: Increasing numbers of the inferences, from 1, shape ``(m,)``.
        control: Bytes after each of them, shape ``(m,)``; -1 if unknown.
    """
    judged = numbers > SETTLING
    numbers, control = numbers[judged], control[judged]
    if len(numbers) < MIN_INFERENCES or control.min() < 0:
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
