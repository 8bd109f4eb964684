"""Converts pixels to a model's input."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgeq.config.structs import Preprocessing


def to_input(
    pixels: npt.NDArray[np.uint8], preprocessing: Preprocessing
) -> npt.NDArray[np.float32]:
    """Return ``(pixel - mean) / std`` per channel, in the channel order the model expects.

    Args:
        pixels: RGB, shape ``(..., h, w, 3)``, 0 to 255; already resized.
        preprocessing: The model's preprocessing; mean and std are in RGB order.

    Returns:
        A new C-contiguous array of the same shape.
    """
    mean = np.array(preprocessing.mean, np.float32)
    std = np.array(preprocessing.std, np.float32)
    values = (pixels.astype(np.float32) - mean) / std
    if preprocessing.channels == "bgr":
        values = np.ascontiguousarray(values[..., ::-1])
    return values
