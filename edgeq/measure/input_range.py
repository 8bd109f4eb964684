"""What a file's input gets: values that fit into its range, and the same first values as another's.

One file may contain the normalization that another needs outside. Their declared preprocessing then
must differ, while their first layers get the same values.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq.config.structs import Preprocessing
from edgeq.measure.scales import SYMMETRIC, Scale
from edgeq.samples.preprocess import to_input
from edgeq.samples.stream import Stream
from edgeq.tflite.entry import CHANNELS, entry
from edgeq.tflite.model_file import ModelFile, Tensor
from edgeq.tflite.wiring import Wiring

FAR = 1 / 8
"""Share of the pixels' span beyond which a value outside the range lies far outside."""

MAX_LOOKED_AT = 200
"""Photographs that are counted, evenly chosen; enough to estimate a share of their values."""

STEPS = 0.25
"""Greatest difference allowed for black and for white, in steps of 1/255 of the range between them.
It tells the means 127 and 127.5 apart."""
ROUNDED_STEPS = 1.0
"""The same if a constant is stored as int8, which rounds it by up to 0.4 %."""

Doubles = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]

_ENDS = np.repeat(np.array([[0], [255]], np.uint8), CHANNELS, axis=1)
_LEVELS = 256
_REAL = {"int8", "uint8", "int16"}


class InputScale(Scale, frozen=True):
    """How a model's first tensor stores real values.

    Attributes:
        name: Name of the input; empty if it is the only one.
        columns: Where its values begin and end in a row of arrays; None if they are the whole row.
    """

    name: str = ""
    columns: tuple[int, int] | None = None


class InputFit(msgspec.Struct, frozen=True, kw_only=True):
    """How the photographs' values fit into the input.

    Attributes:
        dtype: Type of the input, or of what the input is quantized to.
        scale: Real size of one step.
        zero_point: The value that stands for 0.
        range: Least and greatest real value that the input holds.
        fed: Least and greatest real value that a pixel can become.
        filled: Share of the range between the least and the greatest of 0 and the values that a
            pixel can become (and their negatives, if the zero point is 0).
        steps: Number of different values that the 256 levels of a pixel become, in the channel with
            the fewest.
        images: Number of photographs that were examined.
        clipped: Share of their values that the input can't hold.
        far: Share of their values that lie outside by more than ``FAR`` of the pixels' span.
        clipped_images: Number of photographs with a value that the input can't hold.
        spare: Steps by which the range extends beyond 0 and the values that a pixel can become, at
            its lower and upper end; negative if it ends before them.
        calibrated: The same, beyond the values of the calibration images; None if unknown.
        arrays: Whether the samples are arrays: ``fed`` is then what the examined ones hold,
            ``steps`` the number of different steps that their values become, and ``spare`` says
            nothing.
        name: Name of the input; empty if it is the only one. Of several, it clips most.
    """

    dtype: str
    scale: float
    zero_point: int
    range: tuple[float, float]
    fed: tuple[float, float]
    filled: float
    steps: int
    images: int
    clipped: float
    far: float
    clipped_images: int
    spare: tuple[float, float] = (0.0, 0.0)
    calibrated: tuple[float, float] | None = None
    arrays: bool = False
    name: str = ""


def input_scales(model: ModelFile) -> tuple[InputScale, ...]:
    """Return how each input is stored, and what QUANTIZEs make of it before anything else does.

    Inputs that are not quantized are left out.
    """
    wiring, scales, start = Wiring(model), dict[InputScale, None](), 0
    for first, name in zip(model.inputs, model.named_inputs, strict=True):
        columns = start, start + math.prod(model.tensors[first].shape)
        start = columns[1]
        alone = len(model.inputs) == 1
        for tensor in filter(_is_quantized, _stored(wiring, first)):
            scale = InputScale(
                dtype=tensor.dtype,
                step=float(tensor.scales[0]),
                zero_point=tensor.zero_point,
                name="" if alone else name,
                columns=None if alone else columns,
            )
            scales[scale] = None
    return tuple(scales)


def _stored(wiring: Wiring, entry: int) -> Iterator[Tensor]:
    """Yield an input and what changes of its type make of it, one after the other."""
    chain = [entry]
    for index in chain:
        tensor = wiring.model.tensors[index]
        yield tensor
        # A CAST of steps would make real numbers of them without their scale.
        changes = {"QUANTIZE"} if tensor.scales.size else {"CAST", "QUANTIZE"}
        chain += (
            consumer.outputs[0]
            for consumer in wiring.consumers(index)
            if consumer.name in changes and consumer.outputs and consumer.outputs[0] not in chain
        )


def _is_quantized(tensor: Tensor) -> bool:
    return tensor.dtype in _REAL and len(tensor.scales) == 1 and bool(tensor.scales[0] > 0)


def worst(fits: Sequence[InputFit]) -> InputFit | None:
    """Return the fit that clips most, or is off most; None if no input is quantized."""
    return max(fits, key=lambda fit: (fit.far, fit.clipped, max(map(abs, fit.spare))), default=None)


def input_fit(
    scale: InputScale,
    preprocessing: Preprocessing,
    photographs: Stream,
    calibrated: tuple[float, float] | None = None,
) -> InputFit:
    """Return how photographs fit into a quantized input.

    Args:
        scale: Scale of the input.
        preprocessing: The preprocessing, of which mean and std are used.
        photographs: The evaluation set; read only if the input can't hold a level of a pixel.
        calibrated: Smallest and largest value of the calibration images; None if unknown.
    """
    mean, std = _per_channel(preprocessing)
    levels = (np.arange(_LEVELS)[:, None] - mean) / std
    steps, outside, far = _in_steps(levels, scale, np.abs(levels[-1] - levels[0]))
    step = -(-photographs.shape[0] // MAX_LOOKED_AT)
    counts = np.zeros((_LEVELS, 3), np.int64)
    clipped_images = 0
    if outside.any():
        for image in photographs.every(step):
            own = _counts(image)
            counts += own
            clipped_images += bool((own[outside] > 0).any())
    total = max(int(counts.sum()), 1)
    fed = (float(levels.min()), float(levels.max()))
    return _fit(
        scale,
        fed,
        calibrated,
        steps=min(len(np.unique(steps[:, channel])) for channel in range(3)),
        images=-(-photographs.shape[0] // step),
        clipped=int(counts[outside].sum()) / total,
        far=int(counts[far].sum()) / total,
        clipped_images=clipped_images,
        spare=_spare(fed, scale),
    )


def array_fit(
    scale: InputScale, samples: Stream, calibrated: tuple[float, float] | None = None
) -> InputFit:
    """Return how samples that are arrays fit into a quantized input.

    Args:
        scale: Scale of the input.
        samples: The evaluation set.
        calibrated: Smallest and largest value of the calibration samples; None if unknown. They are
            those of all inputs together, and say nothing about one of several.
    """
    step = -(-samples.shape[0] // MAX_LOOKED_AT)
    rows = samples.every(step)[:, slice(*(scale.columns or (None,)))].astype(np.float64)
    fed = (float(rows.min()), float(rows.max()))
    steps, outside, far = _in_steps(rows, scale, fed[1] - fed[0])
    return _fit(
        scale,
        fed,
        None if scale.name else calibrated,
        steps=len(np.unique(steps)),
        images=len(rows),
        clipped=float(outside.mean()),
        far=float(far.mean()),
        clipped_images=int(outside.any(axis=1).sum()),
        arrays=True,
        name=scale.name,
    )


def _in_steps(
    values: Doubles, scale: Scale, span: Doubles | float
) -> tuple[Doubles, Booleans, Booleans]:
    """Return values in steps, clipped, and which lie outside the range, and far outside.

    Args:
        values: Real values, shape ``(n, c)``.
        scale: Scale of the input.
        span: How far the values span, of which ``FAR`` is far; shape ``(c,)`` or a number.
    """
    (first, last), (low, high) = scale.ends, scale.range
    steps = np.rint(values / scale.step) + scale.zero_point
    outside, reach = (steps < first) | (steps > last), FAR * span
    return np.clip(steps, first, last), outside, (values < low - reach) | (values > high + reach)


def _fit(
    scale: Scale, fed: tuple[float, float], calibrated: tuple[float, float] | None, **counted: Any
) -> InputFit:
    """Return a fit with what follows from the scale and the ends of the values."""
    return InputFit(
        dtype=scale.dtype,
        scale=scale.step,
        zero_point=scale.zero_point,
        range=scale.range,
        fed=fed,
        filled=_filled(fed, scale),
        calibrated=None if calibrated is None else _spare(calibrated, scale),
        **counted,
    )


def value_ends(
    least: npt.NDArray[Any], greatest: npt.NDArray[Any], preprocessing: Preprocessing
) -> tuple[float, float]:
    """Return the smallest and the largest value that pixels, or arrays, become.

    Args:
        least: Smallest pixel of each channel, shape ``(3,)``, RGB; of arrays, ``(1,)``.
        greatest: Largest pixel of each channel, shape ``(3,)``; of arrays, ``(1,)``.
        preprocessing: The preprocessing, of which mean and std are used; nothing for arrays.
    """
    if least.dtype == np.float32:
        return float(least.min()), float(greatest.max())
    mean, std = _per_channel(preprocessing)
    ends = (np.stack([least, greatest]).astype(np.float64) - mean) / std
    return float(ends.min()), float(ends.max())


def _per_channel(preprocessing: Preprocessing) -> tuple[Doubles, Doubles]:
    return np.asarray(preprocessing.mean, np.float64), np.asarray(preprocessing.std, np.float64)


def _filled(fed: tuple[float, float], scale: Scale) -> float:
    """Return the share of a range that calibration on such pixels can account for.

    Quantizers always extend ranges to 0, and make those with zero point 0 symmetric.
    """
    low, high = min(fed[0], 0.0), max(fed[1], 0.0)
    if scale.zero_point == 0:
        low, high = min(low, -high), max(high, -low)
    first, last = scale.range
    return max(min(high, last) - max(low, first), 0.0) / (last - first)


def _spare(values: tuple[float, float], scale: Scale) -> tuple[float, float]:
    """Return how many steps a range extends beyond values and 0, at its lower and upper end.

    Quantizers round the zero point to a step, which moves both ends by at most half a step. A range
    without a zero point extends equally far to both sides.
    """
    first, last = scale.ends
    low, high = min(values[0], 0.0), max(values[1], 0.0)
    one_sided = 0.0 in (low, high) and scale.zero_point == 0 and first < 0
    if scale.dtype in SYMMETRIC or one_sided:
        gap = float(last) - max(-low, high) / scale.step
        return gap, gap
    return (
        low / scale.step - (first - scale.zero_point),
        (last - scale.zero_point) - high / scale.step,
    )


def _counts(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """Return how often each level occurs in each channel, shape (256, 3)."""
    rows = [np.bincount(image[..., channel].ravel(), minlength=_LEVELS) for channel in range(3)]
    return np.stack(rows, axis=1)


@dataclass(frozen=True)
class FirstValues:
    """The values that the first layer of a file gets.

    Attributes:
        ends: Values for black and for white, shape ``(2, 3)``, in RGB order.
        rounded: Whether they are rounded because the file stores its constants as integers.
        inside: Whether the file itself scales or shifts its input.
    """

    ends: npt.NDArray[np.float64]
    rounded: bool = False
    inside: bool = False

    @property
    def range(self) -> tuple[float, float]:
        """The lowest and the highest of the values."""
        return float(self.ends.min()), float(self.ends.max())


def first_values(model: ModelFile, preprocessing: Preprocessing) -> FirstValues:
    """Return what the first layer of a file gets with the given preprocessing.

    Raises:
        ModelError: The file can't be read.
    """
    affine, fed = entry(model), to_input(_ENDS, preprocessing).astype(np.float64)
    ends = affine(fed)
    in_rgb = ends[:, ::-1] if preprocessing.channels == "bgr" else ends
    return FirstValues(in_rgb, affine.rounded, inside=bool((ends != fed).any()))


def same_first_values(first: FirstValues, other: FirstValues) -> bool:
    """Return whether two first layers get the same values, within their constants' rounding."""
    steps = ROUNDED_STEPS if first.rounded or other.rounded else STEPS
    return steps_apart(first, other) <= steps


def steps_apart(first: FirstValues, other: FirstValues) -> float:
    """Return how far two first layers' values for black or white lie apart at most.

    Returns:
        The distance in steps of 1/255 of the range between the other's black and white; infinite
            if that range is empty and the values differ.
    """
    distance, step = np.abs(first.ends - other.ends), np.abs(other.ends[1] - other.ends[0]) / 255
    steps = np.divide(distance, step, out=np.full_like(distance, np.inf), where=step > 0)
    return float(np.where(distance == 0, 0.0, steps).max())
