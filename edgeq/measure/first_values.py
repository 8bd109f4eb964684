"""Whether the same values reach the first layers of two files that are fed with different ranges.

One file may hold the normalization that is applied to the other one's input outside of it: what
is declared for them then differs of necessity, and their first layers get the same.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgeq.images.preprocess import to_input
from edgeq.spec.structs import Preprocessing
from edgeq.tflite.entry import CHANNELS, entry
from edgeq.tflite.model_file import ModelFile

STEPS = 0.25
"""Most that black and white may lie apart in the two, in steps of 255 from one to the other: the
means 127 and 127.5 are not the same."""

_ENDS = np.repeat(np.array([[0], [255]], np.uint8), CHANNELS, axis=1)


def first_values(model: ModelFile, preprocessing: Preprocessing) -> npt.NDArray[np.float64]:
    """Return what the first layer gets of black and of white, shape ``(2, 3)``, in RGB order.

    Raises:
        ModelError: The file can't be read.
    """
    values = entry(model)(to_input(_ENDS, preprocessing).astype(np.float64))
    return values[:, ::-1] if preprocessing.channels == "bgr" else values


def same_first_values(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> bool:
    """Return whether two first layers get the same, to a quarter of a pixel's step."""
    step = np.abs(other[1] - other[0]) / 255
    return bool((np.abs(one - other) <= STEPS * step).all())
