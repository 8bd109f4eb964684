"""Differences between a model's outputs on a target and those on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgeq.run.protocol import AnyArray


@dataclass(frozen=True)
class Sameness:
    """How outputs compare with the same model's outputs on other kernels.

    Attributes:
        values: Number of values compared.
        differing: Number of values that differ in any bit; NaN equals NaN.
        largest: Largest difference in the outputs' units, 0 if none differs, NaN if a value is NaN
            on only one side.
    """

    values: int
    differing: int
    largest: float

    def __str__(self) -> str:
        if not self.differing:
            return f"the same as here, bit by bit ({self.values:,} values)"
        return (
            f"{self.differing:,} of {self.values:,} values differ from here, by "
            f"{self.largest:.2g} at most"
        )


def sameness(ours: Sequence[AnyArray], theirs: Sequence[AnyArray]) -> Sameness:
    """Return how arrays differ from others of the same shapes, compared in pairs."""
    values = differing = 0
    largest = 0.0
    for own, other in zip(ours, theirs, strict=True):
        values += own.size
        same = (own == other) | (np.isnan(own) & np.isnan(other))
        differing += int(np.count_nonzero(~same))
        if not same.all():
            apart = np.abs(own[~same].astype(np.float64) - other[~same])
            largest = float(np.maximum(largest, apart.max()))
    return Sameness(values, differing, largest)
