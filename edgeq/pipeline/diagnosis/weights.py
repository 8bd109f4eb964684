"""What became of stored weights: the variant's constants beside the baseline's. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Reals = npt.NDArray[np.float32]
Change = Literal[
    "zeroed",
    "negated",
    "scaled",
    "transposed",
    "reordered",
    "rescaled",
    "coarse",
    "foreign",
    "changed",
]

ROUNDING = 0.29
"""Root mean square of a rounding error, in steps: 1 / sqrt(12)."""
TIMES_ROUNDING = 4.0
LEAST_ERROR = 0.1
ALIKE = 0.9
SAME = 0.99
UNLIKE = 0.3
_KERNEL_AXES = 4
_TINY = 1e-12


@dataclass(frozen=True)
class Comparison:
    """One constant of the variant beside the baseline's.

    Attributes:
        error: Norm of the difference by the baseline's norm.
        allowed: The error that rounding explains, with a margin.
        change: What happened to it, None where rounding explains the difference.
        factor: By which the variant's values are the baseline's, for ``"scaled"``.
        moved: Share of the values that are more than a step away from the baseline's.
    """

    error: float
    allowed: float
    change: Change | None
    factor: float = 1.0
    moved: float = 0.0


def compare(baseline: Reals, variant: Reals, *, step: float, channel_axis: int) -> Comparison:
    """Compare a constant of the variant with the baseline's.

    Args:
        baseline: Real numbers.
        variant: Of the same shape, dequantized.
        step: Root mean square of the quantization steps, 0 for floating-point types.
        channel_axis: The dimension of output channels.
    """
    ours, theirs = baseline.astype(np.float64), variant.astype(np.float64)
    size = _norm(ours)
    if size < _TINY:
        small = _norm(theirs) <= step * np.sqrt(ours.size)
        return Comparison(0.0, 0.0, None if small else "changed")
    error = _norm(theirs - ours) / size
    floor = ROUNDING * step * float(np.sqrt(ours.size)) / size
    allowed = max(LEAST_ERROR, TIMES_ROUNDING * floor)
    if error <= allowed:
        return Comparison(error, allowed, None)
    cosine = _cosine(ours, theirs)
    factor = _dot(ours, theirs) / size**2
    change = _change(ours, theirs, cosine, allowed, channel_axis)
    moved = float(np.mean(np.abs(theirs - ours) > step))
    return Comparison(error, allowed, change, factor, moved)


def steps(baseline: Reals, scales: npt.NDArray[np.float32], largest: int) -> float:
    """Return the root mean square step that a sound quantization of the baseline would have.

    A damaged file's own scales may be far too large, which would excuse any error: they count up
    to what one scale for all of the tensor would be.

    Args:
        baseline: Real numbers.
        scales: Of the variant; empty for floating-point types.
        largest: Greatest stored value of the type, for example 127.
    """
    if not scales.size:
        return 0.0
    bound = float(np.abs(baseline).max()) / largest
    return float(np.sqrt(np.mean(np.minimum(np.abs(scales.astype(np.float64)), bound) ** 2)))


def _change(  # noqa: PLR0911 - one answer a line
    ours: npt.NDArray[np.float64],
    theirs: npt.NDArray[np.float64],
    cosine: float,
    allowed: float,
    channel_axis: int,
) -> Change:
    if not theirs.any():
        return "zeroed"
    if cosine < -SAME:
        return "negated"
    if cosine > 1 - allowed**2 / 2:
        return "scaled"
    square = ours.ndim == _KERNEL_AXES and ours.shape[1] == ours.shape[2] > 1
    if square and _error(ours, theirs.transpose(0, 2, 1, 3)) <= allowed:
        return "transposed"
    if _per_channel(ours, theirs, channel_axis) > SAME:
        return "rescaled"
    if cosine > ALIKE:
        return "coarse"
    # The same values in another order have the same distribution to the last step.
    if _error(np.sort(ours, axis=None), np.sort(theirs, axis=None)) <= allowed / 2:
        return "reordered"
    return "foreign" if abs(cosine) < UNLIKE else "changed"


def _error(ours: npt.NDArray[np.float64], theirs: npt.NDArray[np.float64]) -> float:
    return _norm(theirs - ours) / _norm(ours)


def _cosine(ours: npt.NDArray[np.float64], theirs: npt.NDArray[np.float64]) -> float:
    norms = _norm(ours) * _norm(theirs)
    return _dot(ours, theirs) / norms if norms > _TINY else 0.0


def _dot(ours: npt.NDArray[np.float64], theirs: npt.NDArray[np.float64]) -> float:
    """Return the sum of products.

    Without BLAS, whose threads wait for each other on a busy machine for longer than it takes.
    """
    return float(np.einsum("i,i->", ours.ravel(), theirs.ravel()))


def _norm(values: npt.NDArray[np.float64]) -> float:
    return float(np.sqrt(_dot(values, values)))


def _per_channel(
    ours: npt.NDArray[np.float64], theirs: npt.NDArray[np.float64], axis: int
) -> float:
    """Return the median cosine over channels: 1 where single channels are only scaled."""
    if ours.ndim < 2 or not -ours.ndim <= axis < ours.ndim:  # noqa: PLR2004 - a vector has none
        return 0.0
    first = np.moveaxis(ours, axis, 0).reshape(ours.shape[axis], -1)
    second = np.moveaxis(theirs, axis, 0).reshape(ours.shape[axis], -1)
    if first.shape[1] < 2:  # noqa: PLR2004 - a single value has no direction
        return 0.0
    norms = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    cosines = (first * second).sum(axis=1) / np.maximum(norms, _TINY)
    return float(np.median(cosines[norms > _TINY])) if (norms > _TINY).any() else 0.0
