"""Converts pixels to a model's input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeq.config.structs import Preprocessing
from edgeq.tflite.image_input import GREY, image_input

_LUMA_BITS = 16
_LUMA = np.array([[19595], [38470], [7471]], np.uint32)
_HALF = np.uint32(1 << _LUMA_BITS - 1)


def to_input(pixels: npt.NDArray[Any], preprocessing: Preprocessing) -> npt.NDArray[np.float32]:
    """Return ``(pixel - mean) / std`` per channel, in the channel order the model expects.

    Args:
        pixels: RGB, shape ``(..., h, w, 3)``, 0 to 255; already resized. Rows of arrays, which are
            float32, are the input already.
        preprocessing: The model's preprocessing; mean and std are in RGB order.

    Returns:
        A new C-contiguous array of the same shape.
    """
    if pixels.dtype == np.float32:
        return np.array(pixels)
    mean = np.array(preprocessing.mean, np.float32)
    std = np.array(preprocessing.std, np.float32)
    values = (pixels.astype(np.float32) - mean) / std
    if preprocessing.channels == "bgr":
        values = np.ascontiguousarray(values[..., ::-1])
    return values


def to_inputs(
    sample: npt.NDArray[Any], preprocessing: Preprocessing, shapes: Sequence[Sequence[int]]
) -> list[npt.NDArray[np.float32]]:
    """Return one array per input of a model, with the batch that the model has.

    The sample has the shape ``(h, w, 3)``, or ``(d,)`` for a row of arrays. A batch above 1 gets
    the same image several times.
    """
    if sample.dtype != np.float32:
        return [_to_image(sample, preprocessing, shapes[0])]
    sizes = [int(np.prod(shape, dtype=np.int64)) for shape in shapes]
    parts = np.split(np.array(sample), np.cumsum(sizes)[:-1])
    return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]


def grey(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return the luma of RGB pixels, ``(..., 3)``, by ITU-R BT.601, as Pillow's "L" rounds it.

    Returns:
        Shape ``(..., 1)``.
    """
    return ((pixels.astype(np.uint32) @ _LUMA + _HALF) >> _LUMA_BITS).astype(np.uint8)


def _to_image(
    pixels: npt.NDArray[np.uint8], preprocessing: Preprocessing, shape: Sequence[int]
) -> npt.NDArray[np.float32]:
    image = image_input(shape)
    if image is None:
        raise ValueError(f"an input of shape {list(shape)} takes no image")
    if image.channels == GREY:  # mean and std are those of every channel
        values = to_input(grey(pixels), preprocessing)[..., :1]
    else:
        values = to_input(pixels, preprocessing)
    if image.channels_first:
        values = np.moveaxis(values, -1, 0)
    return np.repeat(values[np.newaxis], max(shape[0], 1), axis=0)
