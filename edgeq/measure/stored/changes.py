"""What happened to stored weights that rounding does not explain, as pure functions.

Each explanation is applied to the baseline's weights; it holds if only a rounding error remains.
Weights that none explains are classified by their similarity to the baseline's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]
Change = Literal[
    "zeroed",
    "negated",
    "scaled",
    "rescaled",
    "transposed",
    "reordered",
    "mirrored",
    "clipped",
    "truncated",
    "coarse",
    "near",
    "other",
    "foreign",
]

EXPLAINED = 1.6
"""Multiple of the rounding error that an explanation may leave."""
NEAR_COSINE = 0.9
MOVED = 0.98
FOREIGN = 0.3
TOWARDS_ZERO = (0.35, 0.65)
"""Average number of steps that truncation removes; rounding removes none on average."""
NEGATED = 0.05
MAX_CHANNELS = 64
"""Most channels that are examined; what happened to a layer happened to all of them."""
MIN_CHANNEL = 9
"""Minimum size of a channel whose own extremes tell where its values were clipped."""
COARSELY = 0.6
COARSE = 64
"""Most levels of an 8-bit type that count as coarse: fewer than 7 bits."""
SAME = 0.01
"""Share of the values that may differ between two orders of the same values."""
_TINY = 1e-30


@dataclass(frozen=True)
class Changed:
    """What happened to stored weights.

    Attributes:
        factor: Factor by which the baseline's weights were multiplied, for ``"scaled"``.
        levels: Number of different values that are left, for ``"coarse"``.
    """

    change: Change
    factor: float = 1.0
    levels: int = 0


def what_happened(
    baseline: Doubles, variant: Doubles, steps: Doubles, *, stored: npt.NDArray[np.generic]
) -> Changed:
    """Return what happened to weights that rounding does not explain.

    Args:
        baseline: The baseline's weights, shape ``(c, ...)``, channels first.
        variant: The variant's weights, dequantized, of the same shape.
        steps: Steps of a sensible quantizer, broadcastable to that shape.
        stored: The variant's weights as stored, of the same shape.
    """
    if not variant.any():
        return Changed("zeroed")
    looked_at = np.unique(np.linspace(0, len(baseline) - 1, MAX_CHANNELS).astype(int))
    weights = _Weights(baseline[looked_at], variant[looked_at], steps[looked_at])
    explained = next(
        (explanation for explanation in _explanations(weights) if explanation is not None), None
    )
    if explained is not None:
        return explained
    # Sorting would hide how little values moved; those that moved little were not reordered.
    if _cosine(weights.baseline, weights.variant) < MOVED and _is_reordered(
        baseline, steps, stored
    ):
        return Changed("reordered")
    return _by_likeness(weights, stored[looked_at])


@dataclass(frozen=True)
class _Weights:
    """Some channels of both models; attributes as the arguments of ``what_happened``."""

    baseline: Doubles
    variant: Doubles
    steps: Doubles

    @property
    def factor(self) -> float:
        """The factor that brings the baseline's weights closest to the variant's."""
        square = float(np.vdot(self.baseline, self.baseline))
        return float(np.vdot(self.baseline, self.variant) / max(square, _TINY))

    def are(self, expected: Doubles) -> bool:
        """Return whether the variant's weights are the expected ones, rounded."""
        rounding = float(
            np.sqrt(np.square(np.broadcast_to(self.steps, expected.shape)).mean() / 12)
        )
        left = float(np.sqrt(np.square(self.variant - expected).mean()))
        return left <= EXPLAINED * max(1.0, factor_of(expected, self.baseline)) * rounding


def _explanations(weights: _Weights) -> Iterator[Changed | None]:
    """Yield the change for each explanation, None if it does not hold."""
    ours, factor = weights.baseline, weights.factor
    # Truncation comes first because a factor also explains most of it for normal weights.
    yield _if(_is_truncated(ours, weights.variant, weights.steps), "truncated")
    if weights.are(factor * ours):
        about = abs(factor + 1) < NEGATED
        yield Changed("negated" if about else "scaled", factor=factor)
    # In a depthwise kernel, whose channels come last in the file, height is the third axis.
    height = 2 if ours.ndim == 4 and ours.shape[1] == 1 else 1
    width = height + 1
    if ours.ndim == 4 and ours.shape[height] == ours.shape[width] > 1:
        yield _if(weights.are(ours.swapaxes(height, width)), "transposed")
        yield _if(weights.are(np.flip(ours, (height, width))), "mirrored")
    yield _if(weights.are(_per_channel(ours, weights.variant)), "rescaled")
    yield _if(weights.are(_clipped(ours, weights.variant)), "clipped")


def _if(holds: bool, change: Change) -> Changed | None:
    return Changed(change) if holds else None


def _by_likeness(weights: _Weights, stored: npt.NDArray[np.generic]) -> Changed:
    """Classify weights that no explanation fits by their similarity to the baseline's."""
    cosine = _cosine(weights.baseline, weights.variant)
    levels = int(np.unique(stored).size) if stored.dtype.kind != "f" else stored.size
    if levels <= COARSE < stored.size and cosine > COARSELY:
        return Changed("coarse", levels=levels)
    if cosine > NEAR_COSINE:
        return Changed("near")
    return Changed("foreign" if abs(cosine) < FOREIGN else "other")


def factor_of(expected: Doubles, baseline: Doubles) -> float:
    """Return how much greater values are than the baseline's; their steps grow likewise."""
    greatest = float(np.abs(baseline).max())
    return float(np.abs(expected).max()) / greatest if greatest > _TINY else 1.0


def _per_channel(baseline: Doubles, variant: Doubles) -> Doubles:
    """Return the baseline's weights times the best-fitting factor for each channel."""
    ours, theirs = (values.reshape(len(values), -1) for values in (baseline, variant))
    if ours.shape[1] == 1:
        return baseline  # a single value has no direction
    factors = (ours * theirs).sum(axis=1) / np.maximum(np.square(ours).sum(axis=1), _TINY)
    return np.asarray(baseline * factors.reshape(-1, *([1] * (baseline.ndim - 1))))


def _clipped(baseline: Doubles, variant: Doubles) -> Doubles:
    """Return the baseline's weights clipped to the range of each channel of the variant."""
    rest = tuple(range(1, baseline.ndim))
    if baseline[0].size < MIN_CHANNEL:
        rest = tuple(range(baseline.ndim))  # in small channels most values are extremes
    ends = (of(variant, axis=rest, keepdims=True) for of in (np.min, np.max))
    return np.asarray(np.clip(baseline, *ends))


def _is_truncated(baseline: Doubles, variant: Doubles, steps: Doubles) -> bool:
    """Return whether values were truncated towards 0 instead of rounded."""
    left = np.where(baseline < 0, variant - baseline, baseline - variant) / np.maximum(steps, _TINY)
    low, high = TOWARDS_ZERO
    # Up to a step, and a little.
    return bool(low <= left.mean() <= high and left.min() > -0.1 and left.max() < 1.1)


def _is_reordered(baseline: Doubles, steps: Doubles, stored: npt.NDArray[np.generic]) -> bool:
    """Return whether the same numbers are stored in another order.

    Two samples of one distribution also have nearly the same sorted values. So the comparison is
    of how often each integer occurs, which differs by about 1 / sqrt(n) for two samples of size n.
    """
    if stored.dtype.kind == "f":
        norms = [np.linalg.norm(values.astype(np.float64)) for values in (baseline, stored)]
        if abs(norms[0] - norms[1]) > SAME * norms[0]:  # sorting is slow
            return False
        ours = np.sort(baseline, axis=None)
        theirs = np.sort(stored.astype(np.float64), axis=None)
        return bool(np.abs(theirs - ours).max() <= SAME * np.abs(ours).max())
    expected = np.rint(baseline / np.maximum(steps, _TINY)).astype(np.int64).ravel()
    given = stored.astype(np.int64).ravel()
    least = min(int(expected.min()), int(given.min()))
    size = max(int(expected.max()), int(given.max())) - least + 1
    counts = [np.bincount(integers - least, minlength=size) for integers in (expected, given)]
    return bool(np.abs(counts[0] - counts[1]).sum() <= 2 * SAME * expected.size)


def _cosine(ours: Doubles, theirs: Doubles) -> float:
    norms = float(np.sqrt(np.vdot(ours, ours)) * np.sqrt(np.vdot(theirs, theirs)))
    return float(np.vdot(ours, theirs)) / norms if norms > _TINY else 0.0
