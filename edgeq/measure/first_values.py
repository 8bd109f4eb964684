"""Whether the same values reach the first layers of two files that are fed with different ranges.

One file may hold the normalization that is applied to the other one's input outside of it: what
is declared for them then differs of necessity, and their first layers get the same.
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
"""Most that black and white may lie apart in the two, in steps of 255 from one to the other: the
means 127 and 127.5 are not the same."""
ROUNDED_STEPS = 1.0
"""The same if a constant is stored in steps of int8, which rounds it by up to 0.4 %."""

_ENDS = np.repeat(np.array([[0], [255]], np.uint8), CHANNELS, axis=1)


@dataclass(frozen=True)
class FirstValues:
    """What the first layer of a file gets.

    Attributes:
        ends: Of black and of white, shape ``(2, 3)``, in RGB order.
        rounded: Whether they are rounded to steps that the file holds its constants in.
        inside: Whether the file itself scales or shifts what it is fed with.
    """

    ends: npt.NDArray[np.float64]
    rounded: bool = False
    inside: bool = False

    @property
    def range(self) -> tuple[float, float]:
        """The lowest and the highest of them."""
        return float(self.ends.min()), float(self.ends.max())


def first_values(model: ModelFile, preprocessing: Preprocessing) -> FirstValues:
    """Return what the first layer of a file gets if it is fed in some way.

    Raises:
        ModelError: The file can't be read.
    """
    affine, fed = entry(model), to_input(_ENDS, preprocessing).astype(np.float64)
    ends = affine(fed)
    in_rgb = ends[:, ::-1] if preprocessing.channels == "bgr" else ends
    return FirstValues(in_rgb, affine.rounded, inside=bool((ends != fed).any()))


def same_first_values(first: FirstValues, other: FirstValues) -> bool:
    """Return whether two first layers get the same, as far as their constants' steps tell."""
    step = np.abs(other.ends[1] - other.ends[0]) / 255
    steps = ROUNDED_STEPS if first.rounded or other.rounded else STEPS
    return bool((np.abs(first.ends - other.ends) <= steps * step).all())
