"""How far what a variant stores lies from what its baseline stores, in steps. Pure.

A number that is rounded to a step ``s`` is off by up to ``s / 2``, and by ``s / sqrt(12)`` on the
root mean square (Widrow and Kollar, Quantization Noise, 2008, chapter 5). So the root mean square
distance of a channel, in units of ``s / sqrt(12)``, is near 1 if the channel was quantized from the
baseline's, never above ``sqrt(3)``, and higher if anything else happened to it. The step is that of
a sensible quantizer: the channel's greatest weight divided by the greatest number of the type. A
file's own step counts only up to twice that, so that no scale excuses its own error.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Reals = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

ROUNDING = float(np.sqrt(12))
COARSEST = 1.5
"""A file's own step counts up to so many times a sensible one: narrow ranges, powers of two."""
LEAST_CHANNEL = 1e-3
"""Channels whose greatest weight is below this share of the layer's count as being that great."""
LEAST_RANGE = 5e-7
"""TensorFlow's converter gives no channel a smaller range (``kSmallestHalfRange`` in its
quantization utilities): layers that a factor of 1e-6 was folded into keep fewer steps."""
FLOAT32_STEP = 1e-5
"""Converters fold and reorder float32 sums: up to 1e-6 of a channel's greatest weight was seen."""
FLOAT32_DIGITS = 2.0**-22
"""Relative error that a float32 number may have when it is stored as a wider integer."""
NO_FACTOR = 0.005
"""Numbers that are the baseline's times 0.995 to 1.005 are better described as near them."""
BITS = {"int8": 8, "uint8": 8, "int16": 16, "int4": 4, "int2": 2}
_LAST_BUT_ONE = 65472.0
"""Of float16: what follows the last is infinite, and so would be its step."""
_TINY = 1e-30


@dataclass(frozen=True)
class Distance:
    """How far a stored tensor lies from the baseline's.

    Attributes:
        channels: Shape ``(c,)``: the distance of each channel, 1 for plain rounding.
        whole: The root mean square of all of it, in the same unit.
        coarseness: Shape ``(c,)``: the file's step divided by a sensible one; 1 for floats.
        relative: Norm of the difference divided by the norm of the baseline's.
    """

    channels: Doubles
    whole: float
    coarseness: Doubles
    relative: float

    @property
    def greatest(self) -> float:
        """The distance of the channel that lies farthest away."""
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
        baseline: Real numbers, shape ``(c, ...)``, channels first.
        variant: Real numbers of the same shape, dequantized.
        dtype: The type that they are stored in.
        scales: Of the variant, one or one per channel; empty for floats.
        zero_points: As many.
        tensorwise: Whether one step for all channels is sensible.
        least_steps: Shape ``(c,)``: steps that are sensible for another reason, if they are greater
            than those of the weights; None if there are none.
        baseline_steps: Shape ``(c,)`` or ``(1,)``: the steps that the baseline's own numbers were
            rounded to, None if they are floats. Errors of two roundings add up in squares.
            Floats that were rounded to float16 are known by that.
    """
    ours, theirs = (values.reshape(len(values), -1) for values in (baseline, variant))
    apart = theirs - ours
    if dtype == "float16":
        unit = float16_steps(ours)
        coarseness = np.ones(len(ours))
    elif dtype in BITS and scales.size:
        sensible = sensible_steps(
            ours, BITS[dtype], tensorwise=tensorwise, asymmetric=bool(zero_points.any())
        )
        if least_steps is not None and least_steps.size == sensible.size:
            sensible = np.maximum(sensible, least_steps)
        own = np.broadcast_to(scales.astype(np.float64), len(ours))
        least = LEAST_RANGE / max(2 ** (BITS[dtype] - 1) - 1, 1)
        sensible = np.where(
            np.isclose(own, least, rtol=1e-3, atol=0), np.maximum(sensible, own), sensible
        )
        coarseness = own / np.maximum(sensible, _TINY)
        unit = np.clip(own, sensible, COARSEST * sensible)[:, np.newaxis].astype(np.float32)
    else:
        greatest = _floored(np.abs(ours).max(axis=1))
        unit = (FLOAT32_STEP * ROUNDING * greatest)[:, np.newaxis].astype(np.float32)
        coarseness = np.ones(len(ours))
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


def float16_steps(values: Reals) -> Reals:
    """Return the distance between a float16 and the next one at each value."""
    within = np.minimum(np.abs(values), np.float32(_LAST_BUT_ONE))
    return np.asarray(np.spacing(within.astype(np.float16)), np.float32)


def are_float16(values: npt.NDArray[np.floating]) -> bool:
    """Return whether all values are numbers that float16 holds, and some are not 0.

    Then they were most likely rounded to it, and what a variant was made from may lie half a step
    of float16 away: vendors publish float16 files beside int8 files that were made from float32.
    """
    few = values.ravel()[:64]  # of float32 weights hardly one of these would do
    with np.errstate(over="ignore"):
        exact = all(bool((array == array.astype(np.float16)).all()) for array in (few, values))
    return exact and bool(values.any())


def sensible_steps(
    channels: Reals, bits: int, *, tensorwise: bool = False, asymmetric: bool = False
) -> Doubles:
    """Return the step that a sensible quantizer gives each channel.

    Args:
        channels: Real numbers, shape ``(c, n)``.
        bits: Of the type.
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
    """Return how many of their own steps stored biases lie from the baseline's.

    Args:
        baseline: Real numbers, shape ``(c,)``.
        variant: The same, dequantized.
        steps: Of the variant, shape ``(c,)``.
        rounding: By how much the baseline's own were rounded at most, shape ``(c,)`` or 0.
    """
    left = np.abs(variant - baseline) - FLOAT32_DIGITS * np.abs(baseline) - rounding
    return np.asarray(np.maximum(left, 0.0) / np.maximum(np.abs(steps), _TINY))


def finite(values: npt.NDArray[np.floating]) -> Doubles:
    """Return values to compute with further: nothing for what is not a number, no infinities."""
    end = float(np.finfo(np.float32).max)
    return np.nan_to_num(values.astype(np.float64), posinf=end, neginf=-end)


def _floored(greatest: npt.NDArray[np.floating]) -> Doubles:
    values = greatest.astype(np.float64)
    least = max(LEAST_CHANNEL * float(values.max(initial=0.0)), _TINY)
    return np.asarray(np.maximum(values, least))


def _relative(ours: npt.NDArray[np.floating], apart: npt.NDArray[np.floating]) -> float:
    norms = [float(np.sqrt(np.square(array, dtype=np.float64).sum())) for array in (apart, ours)]
    return norms[0] / norms[1] if norms[1] > _TINY else float(norms[0] > _TINY)
