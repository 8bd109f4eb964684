"""Columns of an output that no longer carry information about the image.

The objectness of a detector accounts for less than a hundredth of the variance of its output, yet
without it nothing is detected. The error of the whole output misses that loss; comparing each
column with the baseline's finds it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

MIN_CORRELATION = 0.25
"""Correlation with the baseline's column below which a column is lost. Good int8 variants of two
detectors keep 0.59 in their worst column, float ones 0.94; columns of other images or classes have
0."""

MIN_SLOPE = 0.6
"""A column whose slope against the baseline's is below this, or above its inverse, no longer suits
the baseline's thresholds. Quantization noise lowers the correlation rather than the slope: good
int8 variants of a detector keep 0.86 in columns that many images move."""

MANY_IMAGES = 16.0
"""Effective number of images behind a column's variation before its slope and shift count. In a
good int8 detector, rare classes keep a slope of only 0.2."""

MIN_IMAGES = 4.0
"""Effective number of images behind a column's variation, so that one rare object can't decide."""

MIN_FOR_ONE_VALUE = 8.0
"""The same for a column of a single value, where few pairs correlate or not by chance."""

SAMPLE = 1000
"""Images used to find out how many of them a column's variation comes from."""


class Columns:
    """Running sums for the columns along one axis of an output.

    Args:
        size: Number of columns.
        images: Number of images.
        least: Effective number of images that a column's variation must come from.
    """

    def __init__(self, size: int, images: int, least: float = MIN_IMAGES) -> None:
        self.size, self.images, self.least = size, images, least
        self._crosses, self._ours, self._theirs, self._spread = np.zeros((4, size))
        self._shifts, self._values = np.zeros((2, size))
        self._by_image: Doubles = np.zeros((min(images, SAMPLE), size))

    def add(self, which: Integers, baseline: Doubles, variant: Doubles, shifts: Doubles) -> None:
        """Add some values of all images.

        Args:
            which: Column of each value, shape ``(b,)``.
            baseline: The baseline's values minus their means over the images, shape ``(n, b)``.
            variant: The variant's values minus their means, shape ``(n, b)``.
            shifts: Amounts by which the variant's means exceed the baseline's, shape ``(b,)``.
        """
        np.add.at(self._shifts, which, shifts)
        np.add.at(self._values, which, 1.0)
        np.add.at(self._crosses, which, (baseline * variant).sum(axis=0))
        np.add.at(self._theirs, which, (variant**2).sum(axis=0))
        squares = baseline**2
        np.add.at(self._ours, which, squares.sum(axis=0))
        np.maximum.at(self._spread, which, np.ptp(baseline, axis=0))
        order = np.argsort(which, kind="stable")
        columns, starts = np.unique(which[order], return_index=True)
        some = squares[: len(self._by_image), order]
        self._by_image[:, columns] += np.add.reduceat(some, starts, axis=1)

    def lost(self, least: float) -> tuple[int, ...]:
        """Return the columns that no longer follow the baseline's.

        A column is lost if it does not correlate, has a far smaller or greater slope, or is shifted
        by more than it varies.

        Args:
            least: Range below which a column is ignored, and shift below which it counts as none.
        """
        sizes = np.sqrt(self._ours * self._theirs)
        correlation = np.zeros(self.size)
        np.divide(self._crosses, sizes, out=correlation, where=sizes > 0)
        images = self._effective_images()
        shown = (self._spread >= least) & (images >= self.least)
        slope = np.ones(self.size)
        np.divide(self._crosses, self._ours, out=slope, where=self._ours > 0)
        values = np.maximum(self._values, 1.0)
        shift = np.abs(self._shifts) / values
        moves = np.sqrt(self._ours / (values * max(self.images, 1)))
        scaled = (slope < MIN_SLOPE) | (slope > 1 / MIN_SLOPE)
        moved = (scaled | (shift > np.maximum(moves, least))) & (images >= MANY_IMAGES)
        lost = shown & (moved | (correlation < MIN_CORRELATION))
        return tuple(int(column) for column in np.flatnonzero(lost))

    def _effective_images(self) -> Doubles:
        squares = (self._by_image**2).sum(axis=0)
        error = np.zeros(self.size)
        np.divide(self._by_image.sum(axis=0) ** 2, squares, out=error, where=squares > 0)
        return error
