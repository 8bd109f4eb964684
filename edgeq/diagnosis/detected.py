"""Boxes of several images as experiments compare them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeq.measure.box_agreement import box_errors, matched
from edgeq.tasks.detection.boxes import Boxes


@dataclass(frozen=True)
class Detected:
    """What a detector gives on several images.

    Attributes:
        boxes: The boxes of each image.
        score: The operating score.
    """

    boxes: tuple[Boxes, ...]
    score: float

    def part(self, places: npt.NDArray[np.intp]) -> Detected:
        """Return the boxes of some of the images."""
        return Detected(tuple(self.boxes[place] for place in places), self.score)


def shared_boxes(first: Detected, second: Detected) -> float:
    """Return the share of both models' boxes at the operating score that the other gives too."""
    both, shared = 0, 0
    for ours, theirs in zip(first.boxes, second.boxes, strict=True):
        before, after = ours.above(first.score), theirs.above(first.score)
        both += len(before) + len(after)
        shared += 2 * int((matched(before, after) >= 0).sum())
    return shared / both if both else 1.0


def errors_of_boxes(first: Detected, second: Detected) -> npt.NDArray[np.float64]:
    """Return the summed errors of the boxes of each image, shape ``(n,)``; see ``box_errors``."""
    pairs = zip(first.boxes, second.boxes, strict=True)
    return np.array([float(box_errors(*pair, first.score).sum()) for pair in pairs])


def mean_error(first: Detected, second: Detected) -> float:
    """Return the mean error of all boxes, infinite if there are none."""
    every = [box_errors(*pair, first.score) for pair in zip(first.boxes, second.boxes, strict=True)]
    errors = np.concatenate(every)
    return float(errors.mean()) if errors.size else float("inf")
