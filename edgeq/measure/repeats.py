"""Whether running the same photographs again gives the same outputs, bit for bit."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

_ROWS = 1024

Outputs = Sequence[npt.NDArray[np.float32]]


class Repeats(msgspec.Struct, frozen=True, kw_only=True):
    """Result of running the same photographs three times in one worker.

    Attributes:
        images: Number of photographs that were repeated: those of one inference.
        after_others: Whether the outputs were the same again after other photographs.
        at_once: Whether they were the same again immediately after that.
        largest: The largest difference in any output; None if one is not finite.
        fresh: Whether an earlier worker gave the same outputs.
    """

    images: int
    after_others: bool
    at_once: bool
    largest: float | None
    fresh: bool = True

    @property
    def same(self) -> bool:
        """Whether all outputs were the same."""
        return self.after_others and self.at_once and self.fresh


def repeats(first: Outputs, later: Outputs, again: Outputs) -> Repeats:
    """Compare the outputs of three runs of the same photographs.

    ``later`` was run after other photographs, ``again`` immediately after that. Outputs have the
    shape ``(n, ...)``.
    """
    largest = float(np.max([_largest(first, others) for others in (later, again)]))
    return Repeats(
        images=len(first[0]),
        after_others=same(first, later),
        at_once=same(first, again),
        largest=largest if np.isfinite(largest) else None,
    )


def same(first: Outputs, second: Outputs) -> bool:
    """Return whether outputs are bitwise equal; NaN then equals NaN, and 0 differs from -0."""
    return all(
        before.shape == other.shape and _same_bits(before, other)
        for before, other in zip(first, second, strict=True)
    )


def _same_bits(first: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> bool:
    pairs = (
        (np.ascontiguousarray(array[at : at + _ROWS]) for array in (first, other))
        for at in range(0, len(first), _ROWS)
    )
    return all(np.array_equal(a.view(np.uint32), b.view(np.uint32)) for a, b in pairs)


def _largest(first: Outputs, second: Outputs) -> float:
    """Return the largest difference in any output; NaN or infinite if one is not finite."""
    apart = [
        np.abs(before.astype(np.float64) - other).max(initial=0.0)
        for before, other in zip(first, second, strict=True)
    ]
    return float(np.max(apart))
