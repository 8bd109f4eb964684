"""Whether the first layers of two files get the same values although their inputs differ in range.

One file may contain the normalization that the other needs outside. Their declared preprocessing
then must differ, while their first layers get the same values.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeq.config.structs import Preprocessing
from edgeq.samples.preprocess import to_input
from edgeq.tflite.entry import CHANNELS, entry
from edgeq.tflite.model_file import ModelFile

STEPS = 0.25
"""Greatest difference allowed for black and for white, in steps of 1/255 of the range between them.
It tells the means 127 and 127.5 apart."""
ROUNDED_STEPS = 1.0
"""The same if a constant is stored as int8, which rounds it by up to 0.4 %."""

_ENDS = np.repeat(np.array([[0], [255]], np.uint8), CHANNELS, axis=1)


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
    step = np.abs(other.ends[1] - other.ends[0]) / 255
    steps = ROUNDED_STEPS if first.rounded or other.rounded else STEPS
    return bool((np.abs(first.ends - other.ends) <= steps * step).all())
