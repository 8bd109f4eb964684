"""Ranges of activations, computed from the extents of each calibration image.

The extents come from ``litert_child``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgeq.io.arrays import read_arrays

# Greatest value in a range, as in LiteRT's own calibration: graphs may pad with infinities.
LARGEST = 3e38

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Statistics:
    """The smallest and largest value of every tensor on every image.

    Attributes:
        names: Names of the ``t`` tensors.
        extents: Float32, shape ``(n, t, 2)``: image, tensor, smallest and largest value.
        borders: Names of the tensors that are the model's inputs, its outputs, and its logits.
    """

    names: tuple[str, ...]
    extents: Array
    borders: tuple[str, ...]

    def save(self, path: Path) -> None:
        """Write a ``.npz`` file without pickled objects."""
        with path.open("wb") as file:
            np.savez(
                file,
                names=np.array(self.names, np.str_),
                extents=self.extents,
                borders=np.array(self.borders, np.str_),
            )

    @classmethod
    def load(cls, path: Path) -> Statistics:
        """Read what ``save`` wrote."""
        file = read_arrays(path)
        names = tuple(str(name) for name in file["names"])
        borders = tuple(str(name) for name in file["borders"])
        return cls(names, file["extents"], borders)


def extent(values: npt.NDArray[np.floating], *, name: str) -> tuple[float, float]:
    """Return the smallest and largest value of a tensor, without infinities.

    Raises:
        ValueError: The tensor is empty, contains NaN, or contains only infinities.
    """
    if not values.size:
        raise ValueError(f"the tensor {name!r} is empty")
    low, high = float(values.min()), float(values.max())
    if low > -LARGEST and high < LARGEST:
        return low, high
    if np.isnan(low) or np.isnan(high):
        raise ValueError(f"the float model computes NaN in the tensor {name!r}")
    finite = values[np.abs(values) < LARGEST]
    if not finite.size:
        raise ValueError(f"the float model computes only infinities in {name!r}")
    return float(finite.min()), float(finite.max())


def ranges(statistics: Statistics, percentile: float) -> Array:
    """Return one range for each tensor.

    The lower end is the ``100 - percentile`` percentile of the images' smallest values, the upper
    end the ``percentile`` percentile of their largest values. With 100, they are the smallest and
    largest value of all, as always for the model's inputs, outputs and logits. The result does not
    depend on the order of the images.

    Returns:
        Ranges, float32, shape ``(t, 2)``.

    Raises:
        ValueError: The percentile is out of range, or there is no image.
    """
    if not 50 < percentile <= 100:  # the middle and the whole
        raise ValueError(f"a percentile of {percentile} is not in (50, 100]")
    extents = statistics.extents.astype(np.float64)
    if not len(extents):
        raise ValueError("there is no calibration image")
    low, high = extents[:, :, 0], extents[:, :, 1]
    result = np.stack(
        [np.percentile(low, 100 - percentile, axis=0), np.percentile(high, percentile, axis=0)],
        axis=-1,
    )
    whole = np.array([name in statistics.borders for name in statistics.names], np.bool_)
    result[whole] = np.stack([low.min(axis=0), high.max(axis=0)], axis=-1)[whole]
    return result.astype(np.float32)
