"""Distance in steps between what a variant and its baseline store, as pure functions.

A number that is rounded to a step ``s`` is off by at most ``s / 2``, and by ``s / sqrt(12)`` in
root mean square (Widrow and Kollar, Quantization Noise, 2008, chapter 5). So the root mean square
distance of a channel, in units of ``s / sqrt(12)``, is near 1 and never above ``sqrt(3)`` if the
channel was quantized from the baseline's, and higher if anything else happened to it. The step is
that of a sensible quantizer: the channel's greatest weight divided by the greatest number of the
type. A file's own step counts only up to ``COARSEST`` times that, so that no scale excuses its own
error.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Reals = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

ROUNDING = float(np.sqrt(12))
COARSEST = 1.5
"""Multiple of a sensible step up to which a file's own step counts, to allow for narrow ranges and
powers of two."""
MIN_CHANNEL = 1e-3
"""Least greatest weight of a channel as a share of the layer's; smaller channels count as that."""
MIN_RANGE = 5e-7
"""Smallest range that TensorFlow's converter gives a channel (``kSmallestHalfRange`` in its
quantization utilities). Layers that a factor of 1e-6 was folded into keep fewer steps."""
FLOAT32_STEP = 1e-5
"""Error allowed because converters fold and reorder float32 sums; up to 1e-6 of a channel's
greatest weight was seen."""
FLOAT32_DIGITS = 2.0**-22
"""Relative error that a float32 number may have when it is stored as a wider integer."""
NO_FACTOR = 0.005
"""Deviation of a factor from 1 up to which numbers are described as near the baseline's."""
BITS = {"int8": 8, "uint8": 8, "int16": 16, "int4": 4, "int2": 2}
HALF_A_STEP = 0.51
"""Maximum error in steps of rounding to the nearest step."""
_LAST_BUT_ONE = 65472.0
"""The last float16 but one. After the last comes infinity, so that its step would be infinite."""
_TINY = 1e-30


@dataclass(frozen=True)
class Distance:
    """How far a stored tensor lies from the baseline's.

    Attributes:
        channels: Distance of each channel, shape ``(c,)``; about 1 for plain rounding.
        whole: Root mean square over the whole tensor, in the same unit.
        coarseness: The file's step divided by a sensible one, shape ``(c,)``; 1 for floats.
        relative: Norm of the difference divided by the norm of the baseline's.
    """

    channels: Doubles
    whole: float
    coarseness: Doubles
    relative: float

    @property
    def greatest(self) -> float:
        """Distance of the farthest channel."""
        return float(np.nan_to_num(self.channels, nan=np.inf).max(initial=0.0))


def distance(
    baseline: Reals,
    variant: Reals,
    *,
    dtype: str,
    scales: npt.NDArray[np.float32],
    zero_points: npt.NDArray[np.int64],
    tensorwise: bool = False,
    least_steps: Doubles | None = None,
    baseline_steps: npt.NDArray[np.float32] | None = None,
) -> Distance:
    """Return how far stored weights lie from the baseline's.

    Args:
        baseline: The baseline's weights, shape ``(c, ...)``, channels first.
        variant: The variant's weights, dequantized, of the same shape.
        dtype: Type that the variant stores them in.
        scales: The variant's scales, one for all or one per channel; empty for floats.
        zero_points: The variant's zero points, as many as scales.
        tensorwise: Whether one step for all channels is sensible.
        least_steps: Steps that are sensible for another reason if they exceed those of the weights,
            shape ``(c,)``; None if there are none.
        baseline_steps: Steps that the baseline's own weights were rounded to, shape ``(c,)`` or
            ``(1,)``; None if they are floats. The squares of both roundings' errors add up. Floats
            that were rounded to float16 are recognized.
    """
    ours, theirs = (values.reshape(len(values), -1) for values in (baseline, variant))
    alike = np.isinf(ours) & (ours == theirs)  # what a maximum starts from; infinity has no step
    if alike.any():
        ours, theirs = (np.where(alike, np.float32(0), values) for values in (ours, theirs))
    apart = theirs - ours
    coarseness = np.ones(len(ours))
    if dtype == "float16":
        unit = float16_steps(ours)
    elif dtype in BITS and scales.size:
        sensible = sensible_steps(
            ours, BITS[dtype], tensorwise=tensorwise, asymmetric=bool(zero_points.any())
        )
        if least_steps is not None and least_steps.size == sensible.size:
            sensible = np.maximum(sensible, least_steps)
        own = np.broadcast_to(scales.astype(np.float64), len(ours))
        sensible = np.where(_are_least(own, dtype), np.maximum(sensible, own), sensible)
        coarseness = own / np.maximum(sensible, _TINY)
        unit = np.clip(own, sensible, COARSEST * sensible)[:, np.newaxis].astype(np.float32)
    else:
        greatest = _floored(np.abs(ours).max(axis=1))
        unit = (FLOAT32_STEP * ROUNDING * greatest)[:, np.newaxis].astype(np.float32)
    if baseline_steps is not None:
        unit = np.hypot(unit, baseline_steps.reshape(-1, 1)).astype(np.float32)
    elif dtype != "float16" and are_float16(ours):
        unit = np.hypot(unit, float16_steps(ours)).astype(np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        squares = np.square(apart / np.maximum(unit, np.float32(_TINY)), dtype=np.float32)
        means = squares.mean(axis=1, dtype=np.float64)
    return Distance(
        channels=ROUNDING * np.sqrt(means),
        whole=float(ROUNDING * np.sqrt(means.mean())),
        coarseness=coarseness,
        relative=_relative(ours, apart),
    )


def _are_least(steps: Doubles, dtype: str) -> npt.NDArray[np.bool_]:
    """Return which steps are the least that converters write, of weights or of constants."""
    highest = max(2 ** (BITS[dtype] - 1) - 1, 1)
    least = [MIN_RANGE / highest, MIN_RANGE / (highest + 0.5)]  # weights, constants
    alike = np.isclose(steps[:, np.newaxis], least, rtol=1e-3, atol=0)
    return np.asarray(alike.any(axis=1), np.bool_)


def float16_steps(values: Reals) -> Reals:
    """Return the spacing of float16 numbers at each value."""
    within = np.minimum(np.abs(values), np.float32(_LAST_BUT_ONE))
    return np.asarray(np.spacing(within.astype(np.float16)), np.float32)


def are_float16(values: npt.NDArray[np.floating]) -> bool:
    """Return whether float16 holds all values exactly, and some are not 0.

    If so, they were most likely rounded to float16, and the values that a variant was made from may
    differ by half a float16 step: vendors publish float16 files along with int8 files that were
    made from float32.
    """
    few = values.ravel()[:64]  # a quick check, which hardly any float32 weight passes
    with np.errstate(over="ignore"):
        exact = all(bool((array == array.astype(np.float16)).all()) for array in (few, values))
    return exact and bool(values.any())


def sensible_steps(
    channels: Reals, bits: int, *, tensorwise: bool = False, asymmetric: bool = False
) -> Doubles:
    """Return the step that a sensible quantizer gives each channel.

    Args:
        channels: Real weights, shape ``(c, n)``.
        bits: Bits of the type.
        tensorwise: Whether the step is that of the whole tensor.
        asymmetric: Whether the file has zero points other than 0.
    """
    if asymmetric:
        span = np.maximum(channels.max(axis=1), 0) - np.minimum(channels.min(axis=1), 0)
        if tensorwise:
            span = np.full_like(span, max(channels.max(), 0) - min(channels.min(), 0))
        return np.asarray(_floored(span) / (2**bits - 1))
    greatest = np.abs(channels).max(axis=1)
    if tensorwise:
        greatest = np.full_like(greatest, greatest.max())
    return np.asarray(_floored(greatest) / max(2 ** (bits - 1) - 1, 1))


def bias_distance(
    baseline: Doubles, variant: Doubles, steps: Doubles, rounding: Doubles | float = 0.0
) -> Doubles:
    """Return the distance of stored biases from the baseline's, in the variant's steps.

    Args:
        baseline: The baseline's biases, shape ``(c,)``.
        variant: The variant's biases, dequantized, shape ``(c,)``.
        steps: Steps of the variant, shape ``(c,)``.
        rounding: Greatest rounding error of the baseline's own biases, shape ``(c,)`` or 0.
    """
    left = np.abs(variant - baseline) - FLOAT32_DIGITS * np.abs(baseline) - rounding
    with np.errstate(invalid="ignore"):  # an infinite scale leaves NaN, which is no distance
        return np.asarray(np.maximum(left, 0.0) / np.maximum(np.abs(steps), _TINY))


def finite(values: npt.NDArray[np.floating]) -> Doubles:
    """Return values with NaN replaced by 0 and infinities by the greatest float32."""
    end = float(np.finfo(np.float32).max)
    return np.nan_to_num(values.astype(np.float64), posinf=end, neginf=-end)


def _floored(greatest: npt.NDArray[np.floating]) -> Doubles:
    values = greatest.astype(np.float64)
    least = max(MIN_CHANNEL * float(values.max(initial=0.0)), _TINY)
    return np.asarray(np.maximum(values, least))


def _relative(ours: npt.NDArray[np.floating], apart: npt.NDArray[np.floating]) -> float:
    norms = [float(np.sqrt(np.square(array, dtype=np.float64).sum())) for array in (apart, ours)]
    return norms[0] / norms[1] if norms[1] > _TINY else float(norms[0] > _TINY)
