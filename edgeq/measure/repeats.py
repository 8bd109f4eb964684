"""Whether photographs that are asked about again get the same answers, bit by bit."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

_ROWS = 1024

Outputs = Sequence[npt.NDArray[np.float32]]


class Repeats(msgspec.Struct, frozen=True, kw_only=True):
    """What became of photographs that one worker was asked about three times.

    Attributes:
        images: How many were asked about again: those of one inference.
        after_others: Whether they got the first answers again after other photographs.
        at_once: Whether they got the first answers again right after that.
        largest: The largest difference of an output's value, None if one is not finite.
        fresh: Whether an earlier worker gave the same answers.
    """

    images: int
    after_others: bool
    at_once: bool
    largest: float | None
    fresh: bool = True

    @property
    def same(self) -> bool:
        """Whether every answer was the same."""
        return self.after_others and self.at_once and self.fresh


def repeats(first: Outputs, later: Outputs, again: Outputs) -> Repeats:
    """Compare three answers to the same photographs.

    Args:
        first: Per output, shape ``(n, ...)``.
        later: The same, asked for after other photographs.
        again: The same, asked for right after ``later``.
    """
    apart = [_largest(first, others) for others in (later, again)]
    return Repeats(
        images=len(first[0]),
        after_others=same(first, later),
        at_once=same(first, again),
        largest=None
        if None in apart
        else max(distance for distance in apart if distance is not None),
    )


def same(first: Outputs, second: Outputs) -> bool:
    """Return whether outputs are the same bits; NaN is then like NaN, and 0 unlike -0."""
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


def _largest(first: Outputs, second: Outputs) -> float | None:
    apart = [
        float(np.abs(before.astype(np.float64) - other).max(initial=0.0))
        for before, other in zip(first, second, strict=True)
    ]
    return max(apart) if np.isfinite(apart).all() else None
