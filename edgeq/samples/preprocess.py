"""Converts pixels to a model's input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeq.config.structs import Preprocessing


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
    """Return one array per input of a model, each with a batch of 1.

    Args:
        sample: Pixels, shape ``(h, w, 3)``, or a row of arrays, shape ``(d,)``.
        preprocessing: The model's preprocessing.
        shapes: Shapes of the model's inputs.
    """
    values = to_input(sample[np.newaxis], preprocessing)
    if sample.dtype != np.float32:
        return [values]
    sizes = [int(np.prod(shape, dtype=np.int64)) for shape in shapes]
    parts = np.split(values[0], np.cumsum(sizes)[:-1])
    return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]
