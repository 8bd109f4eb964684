"""How the values of the photographs fit into the range of a quantized input."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq.config.structs import Preprocessing
from edgeq.measure.scales import SYMMETRIC
from edgeq.samples.stream import Stream
from edgeq.tflite.model_file import ModelFile, Tensor
from edgeq.tflite.wiring import Wiring

FAR = 1 / 8
"""Share of the pixels' span beyond which a value outside the range lies far outside."""

MOST_LOOKED_AT = 200
"""Photographs that are counted, evenly chosen; enough to estimate a share of their values."""

_LEVELS = 256
_REAL = {"int8", "uint8", "int16"}


@dataclass(frozen=True)
class InputScale:
    """How a model's first tensor stores real values.

    Attributes:
        dtype: Integer type of the tensor.
        scale: Real size of one step.
        zero_point: The value that stands for 0.
        name: Name of the input; empty if it is the only one.
        columns: Where its values begin and end in a row of arrays; None if they are the whole row.
    """

    dtype: str
    scale: float
    zero_point: int
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
    for entry, name in zip(model.inputs, model.named_inputs, strict=True):
        columns = start, start + math.prod(model.tensors[entry].shape)
        start = columns[1]
        alone = len(model.inputs) == 1
        for tensor in filter(_is_quantized, _stored(wiring, entry)):
            scale = InputScale(
                dtype=tensor.dtype,
                scale=float(tensor.scales[0]),
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
    ends = np.iinfo(scale.dtype)
    low, high = ((end - scale.zero_point) * scale.scale for end in (ends.min, ends.max))
    mean, std = (
        np.asarray(values, np.float64) for values in (preprocessing.mean, preprocessing.std)
    )
    levels = (np.arange(_LEVELS)[:, None] - mean) / std
    steps = np.rint(levels / scale.scale) + scale.zero_point
    outside = (steps < ends.min) | (steps > ends.max)
    reach = FAR * np.abs(levels[-1] - levels[0])
    far = (levels < low - reach) | (levels > high + reach)
    clipped = np.clip(steps, ends.min, ends.max)
    fed = (float(levels.min()), float(levels.max()))
    step = -(-photographs.shape[0] // MOST_LOOKED_AT)
    counts = np.zeros((_LEVELS, 3), np.int64)
    clipped_images = 0
    if outside.any():
        for image in photographs.every(step):
            own = _counts(image)
            counts += own
            clipped_images += bool((own[outside] > 0).any())
    total = max(int(counts.sum()), 1)
    return InputFit(
        dtype=scale.dtype,
        scale=scale.scale,
        zero_point=scale.zero_point,
        range=(float(low), float(high)),
        fed=fed,
        filled=_filled(fed, (float(low), float(high)), scale),
        steps=min(len(np.unique(clipped[:, channel])) for channel in range(3)),
        images=-(-photographs.shape[0] // step),
        clipped=int(counts[outside].sum()) / total,
        far=int(counts[far].sum()) / total,
        clipped_images=clipped_images,
        spare=_spare(fed, scale),
        calibrated=None if calibrated is None else _spare(calibrated, scale),
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
    ends = np.iinfo(scale.dtype)
    low, high = ((end - scale.zero_point) * scale.scale for end in (ends.min, ends.max))
    step = -(-samples.shape[0] // MOST_LOOKED_AT)
    rows = samples.every(step)[:, slice(*(scale.columns or (None,)))].astype(np.float64)
    steps = np.rint(rows / scale.scale) + scale.zero_point
    outside = (steps < ends.min) | (steps > ends.max)
    fed = (float(rows.min()), float(rows.max()))
    reach = FAR * (fed[1] - fed[0])
    return InputFit(
        dtype=scale.dtype,
        scale=scale.scale,
        zero_point=scale.zero_point,
        range=(float(low), float(high)),
        fed=fed,
        filled=_filled(fed, (float(low), float(high)), scale),
        steps=len(np.unique(np.clip(steps, ends.min, ends.max))),
        images=len(rows),
        clipped=float(outside.mean()),
        far=float(((rows < low - reach) | (rows > high + reach)).mean()),
        clipped_images=int(outside.any(axis=1).sum()),
        calibrated=None if calibrated is None or scale.name else _spare(calibrated, scale),
        arrays=True,
        name=scale.name,
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
    mean, std = (
        np.asarray(values, np.float64) for values in (preprocessing.mean, preprocessing.std)
    )
    ends = (np.stack([least, greatest]).astype(np.float64) - mean) / std
    return float(ends.min()), float(ends.max())


def _filled(fed: tuple[float, float], holds: tuple[float, float], scale: InputScale) -> float:
    """Return the share of a range that calibration on such pixels can account for.

    Quantizers always extend ranges to 0, and make those with zero point 0 symmetric.
    """
    low, high = min(fed[0], 0.0), max(fed[1], 0.0)
    if scale.zero_point == 0:
        low, high = min(low, -high), max(high, -low)
    return max(min(high, holds[1]) - max(low, holds[0]), 0.0) / (holds[1] - holds[0])


def _spare(values: tuple[float, float], scale: InputScale) -> tuple[float, float]:
    """Return how many steps a range extends beyond values and 0, at its lower and upper end.

    Quantizers round the zero point to a step, which moves both ends by at most half a step. A range
    without a zero point extends equally far to both sides.
    """
    ends = np.iinfo(scale.dtype)
    low, high = min(values[0], 0.0), max(values[1], 0.0)
    one_sided = 0.0 in (low, high) and scale.zero_point == 0 and ends.min < 0
    if scale.dtype in SYMMETRIC or one_sided:
        gap = float(ends.max) - max(-low, high) / scale.scale
        return gap, gap
    return (
        low / scale.scale - (ends.min - scale.zero_point),
        (ends.max - scale.zero_point) - high / scale.scale,
    )


def _counts(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """Return how often each level occurs in each channel, shape (256, 3)."""
    rows = [np.bincount(image[..., channel].ravel(), minlength=_LEVELS) for channel in range(3)]
    return np.stack(rows, axis=1)
