"""How integers represent real values: a scale, a zero point and the limits of a type."""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]

SYMMETRIC = frozenset({"int16"})
"""Types that quantizers give no zero point, so that half of their range may stay unused."""


class Scale(msgspec.Struct, frozen=True):
    """How a tensor stores real values: ``(stored - zero_point) * step``.

    Attributes:
        dtype: Integer type of the tensor.
        step: Real size of one step, the tensor's scale.
        zero_point: The stored value that stands for 0.
    """

    dtype: str
    step: float
    zero_point: int

    @property
    def ends(self) -> tuple[int, int]:
        """Least and greatest value of the type."""
        limits = np.iinfo(self.dtype)
        return int(limits.min), int(limits.max)

    @property
    def range(self) -> tuple[float, float]:
        """Least and greatest real value that can be held."""
        low, high = ((end - self.zero_point) * self.step for end in self.ends)
        return low, high

    def quantized(self, values: Doubles) -> Doubles:
        """Return real values as they are stored: rounded to a step and clipped to the range."""
        stored = np.clip(np.rint(values / self.step) + self.zero_point, *self.ends)
        return np.asarray((stored - self.zero_point) * self.step, np.float64)


def fitting(least: float, greatest: float, dtype: str) -> Scale:
    """Return the narrowest scale that holds a range of real values and 0.

    It is chosen as quantizers do: 0 falls on a step, and types without a zero point get a symmetric
    range.
    """
    first, last = (int(end) for end in (np.iinfo(dtype).min, np.iinfo(dtype).max))
    if dtype in SYMMETRIC:
        return Scale(dtype, max(abs(least), abs(greatest)) / last or 1.0, 0)
    low, high = min(least, 0.0), max(greatest, 0.0)
    step = (high - low) / (last - first) or 1.0
    return Scale(dtype, step, min(last, max(first, round(first - low / step))))
