"""Boxes of one image: their overlap, and the suppression of those that show the same object."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]

MAX_BOXES = 300
"""Maximum number of boxes of an image, the most certain ones; Ultralytics keeps as many."""

MAX_CANDIDATES = 2000
"""Maximum number of boxes of an image that enter suppression, the most certain ones."""


@dataclass(frozen=True, eq=False)
class Boxes:
    """Boxes of one image.

    Attributes:
        corners: Left, top, right and bottom edge, shape ``(n, 4)``; relative to the image, so that
            0 is its left or top and 1 its right or bottom edge.
        scores: Score of each, 0 to 1, shape ``(n,)``.
        classes: Class index of each, shape ``(n,)``.
    """

    corners: Floats
    scores: Floats
    classes: Integers

    def __len__(self) -> int:
        return len(self.scores)

    def take(self, places: npt.NDArray[np.intp] | Booleans) -> Boxes:
        """Return some of the boxes, by index or by a mask."""
        return Boxes(self.corners[places], self.scores[places], self.classes[places])

    def above(self, score: float) -> Boxes:
        """Return the boxes whose score is at least the given one."""
        return self.take(self.scores >= score)


def from_centres(centres: Floats) -> Floats:
    """Return centre x, centre y, width and height, ``(n, 4)``, as corners ``(n, 4)``."""
    half = centres[:, 2:] / 2
    return np.concatenate([centres[:, :2] - half, centres[:, :2] + half], axis=1)


def iou(first: Floats, second: Floats) -> Floats:
    """Return the area that boxes share, divided by the area that they cover together.

    Args:
        first: Corners, shape ``(n, 4)``.
        second: Corners, shape ``(m, 4)``.

    Returns:
        Shape ``(n, m)``, 0 to 1; 0 for boxes without an area.
    """
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=2)
    covered = _areas(first)[:, None] + _areas(second)[None, :] - shared
    ratios: Floats = np.divide(shared, covered, out=np.zeros_like(shared), where=covered > 0)
    return ratios


def suppress(boxes: Boxes, overlap: float, most: int = MAX_BOXES) -> Boxes:
    """Return the boxes without those that overlap a more certain box of their class.

    Greedy suppression, class by class: the most certain box stays, and every box of the same class
    whose IoU with it exceeds the limit goes; then the next, and so on.

    Returns:
        The boxes in order of falling score.
    """
    left = np.argsort(-boxes.scores, kind="stable")[:MAX_CANDIDATES]
    stays = list[int]()
    while len(left) and len(stays) < most:
        best, left = left[0], left[1:]
        stays.append(int(best))
        close = iou(boxes.corners[best][None], boxes.corners[left])[0] > overlap
        left = left[~(close & (boxes.classes[left] == boxes.classes[best]))]
    return boxes.take(np.array(stays, np.intp))


def _areas(corners: Floats) -> Floats:
    areas: Floats = np.prod(np.clip(corners[:, 2:] - corners[:, :2], 0, None), axis=1)
    return areas
