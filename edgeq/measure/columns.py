"""Columns of an output that say nothing about the image any more, however little they weigh.

The objectness of a detector carries less than a hundredth of what its output varies by, and without
it nothing is detected. The error of the whole output does not see it; a column beside itself does.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

LEAST_CORRELATION = 0.25
"""A column that goes with the baseline's by less has lost it. Good int8 variants of two detectors
keep 0.59 in their worst column, float ones 0.94; columns of other images or classes have 0."""

LEAST_SLOPE = 0.6
"""A column that moves by less than this share of what the baseline's moves by, or the other way
round, crosses no threshold that suited the baseline. Noise of quantization lowers the correlation
rather than the slope: good int8 variants of a detector keep 0.86 in columns that many images move.
"""

MANY_IMAGES = 16.0
"""Images that a column's variation must come from before its slope and its shift count: the rare
classes of a good int8 detector keep a slope of 0.2."""

LEAST_IMAGES = 4.0
"""What a column varies by must come from so many images, or one rare object decides."""

LEAST_FOR_ONE_VALUE = 8.0
"""The same for a column of a single value: few pairs go together by chance or do not."""

SAMPLE = 1000
"""Images that are looked at to find out how many a column's variation comes from."""


@dataclass
class Columns:
    """What is added up for the columns along one axis of an output.

    Attributes:
        size: Number of columns.
        images: Number of images.
        least: What a column varies by must come from so many of them.
    """

    size: int
    images: int
    least: float = LEAST_IMAGES
    _crosses: Doubles = field(init=False)
    _ours: Doubles = field(init=False)
    _theirs: Doubles = field(init=False)
    _by_image: Doubles = field(init=False)
    _spread: Doubles = field(init=False)
    _shifts: Doubles = field(init=False)
    _values: Doubles = field(init=False)

    def __post_init__(self) -> None:
        self._crosses, self._ours, self._theirs, self._spread = np.zeros((4, self.size))
        self._shifts, self._values = np.zeros((2, self.size))
        self._by_image = np.zeros((min(self.images, SAMPLE), self.size))

    def add(self, which: Integers, baseline: Doubles, variant: Doubles, shifts: Doubles) -> None:
        """Add some values of all images.

        Args:
            which: Column of each value, ``(b,)``.
            baseline: The baseline's, less their means over the images, ``(n, b)``.
            variant: The variant's, likewise.
            shifts: By how much the variant's means exceed the baseline's, ``(b,)``.
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
        """Return the columns that no longer go with the baseline's.

        They do not correlate, move by far less or far more, or are shifted by more than they move.

        Args:
            least: Columns none of whose values varies by as much are left out; a smaller shift
                counts as none.
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
        scaled = (slope < LEAST_SLOPE) | (slope > 1 / LEAST_SLOPE)
        moved = (scaled | (shift > np.maximum(moves, least))) & (images >= MANY_IMAGES)
        lost = shown & (moved | (correlation < LEAST_CORRELATION))
        return tuple(int(column) for column in np.flatnonzero(lost))

    def _effective_images(self) -> Doubles:
        squares = (self._by_image**2).sum(axis=0)
        error = np.zeros(self.size)
        np.divide(self._by_image.sum(axis=0) ** 2, squares, out=error, where=squares > 0)
        return error
