"""Agreement of a detector with its baseline, box by box, without labels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq.measure.clusters import Clusters, effective
from edgeq.measure.statistics import Interval, bounded_mean, unbounded_mean
from edgeq.tasks.detection.boxes import Boxes, iou

MATCHING_IOU = 0.5
"""IoU from which two boxes of a class are the same object, as in PASCAL VOC and mAP50."""

WORST = 6
"""Images that are described: those whose boxes differ most."""

_MAX_SHOWN = 20
"""Boxes of an image that are described, the most certain ones."""


class DrawnBox(msgspec.Struct, frozen=True, kw_only=True):
    """A box of a described image.

    Attributes:
        corners: Left, top, right and bottom edge, relative to the photograph.
        score: Score of the box.
        class_index: Class of the box.
        shared: Whether the other model gives it too.
    """

    corners: tuple[float, float, float, float]
    score: float
    class_index: int
    shared: bool


class UnlikeImage(msgspec.Struct, frozen=True, kw_only=True):
    """An image on which variant and baseline give different boxes.

    Attributes:
        image: Index in the evaluation set.
        baseline, variant: Boxes at the operating score, the most certain ones.
    """

    image: int
    baseline: tuple[DrawnBox, ...]
    variant: tuple[DrawnBox, ...]


class MeanOverImages(msgspec.Struct, frozen=True, kw_only=True):
    """A mean over images.

    Attributes:
        value: The mean, 0 to 1.
        interval: Confidence interval of the mean, from all ways to weigh the images (Gaffke's
            bounds); None if a single image can't tell.
        images: Number of images that it is a mean of.
    """

    value: float
    interval: Interval | None
    images: int


class BoxAgreement(msgspec.Struct, frozen=True, kw_only=True):
    """A detector's boxes compared with its baseline's at the operating score.

    Two boxes are the same if they have the same class and an IoU of at least ``MATCHING_IOU``. Each
    is paired at most once, the baseline's most certain boxes first.

    Attributes:
        images: Number of images.
        confidence: Confidence level of the intervals.
        score: The operating score.
        baseline_boxes: Number of boxes of the baseline at that score.
        variant_boxes: Number of boxes of the variant at that score.
        shared_boxes: Number of boxes that both give.
        recall: Mean share of the baseline's boxes that the variant gives too, over the images with
            a box of the baseline; None if there is none.
        precision: Mean share of the variant's boxes that the baseline gives too, over the images
            with a box of the variant; None if there is none.
        shift: Mean distance between the scores of the baseline's boxes and of the variant's boxes
            for the same objects, whatever their score; None if no object is shared.
        signed_shift: Mean of the variant's score minus the baseline's; None as for ``shift``.
        clusters: Which images belong together; None if all are independent.
        unlike: The images whose boxes differ most.
    """

    images: int
    confidence: float
    score: float
    baseline_boxes: int
    variant_boxes: int
    shared_boxes: int
    recall: MeanOverImages | None
    precision: MeanOverImages | None
    shift: MeanOverImages | None
    signed_shift: float | None
    clusters: Clusters | None = None
    unlike: tuple[UnlikeImage, ...] = ()


def box_agreement(
    baseline: Iterable[Boxes],
    variant: Iterable[Boxes],
    score: float,
    *,
    confidence: float = 0.95,
    clusters: Clusters | None = None,
) -> BoxAgreement:
    """Compare a detector's boxes with its baseline's on the same images."""
    compared = [
        _compared(image, ours.above(score), theirs, score)
        for image, (ours, theirs) in enumerate(zip(baseline, variant, strict=True))
    ]
    images = len(compared)
    signed = [pair.signed_shift for pair in compared if pair.signed_shift is not None]
    unlike = sorted(compared, key=lambda pair: -pair.weight)
    share = effective(images, clusters) / images if images else 1.0

    def mean(values: list[float], *, bounded: bool = True) -> MeanOverImages | None:
        if not values:
            return None
        numbers, worth = np.array(values), max(share * len(values), 1.0)
        ends = (bounded_mean if bounded else unbounded_mean)(numbers, confidence, worth=worth)
        return MeanOverImages(value=float(numbers.mean()), interval=ends, images=len(values))

    return BoxAgreement(
        images=images,
        confidence=confidence,
        score=score,
        baseline_boxes=sum(pair.baseline for pair in compared),
        variant_boxes=sum(pair.variant for pair in compared),
        shared_boxes=sum(pair.shared for pair in compared),
        recall=mean([pair.shared / pair.baseline for pair in compared if pair.baseline]),
        precision=mean([pair.shared / pair.variant for pair in compared if pair.variant]),
        shift=mean([pair.shift for pair in compared if pair.shift is not None], bounded=False),
        signed_shift=float(np.mean(signed)) if signed else None,
        clusters=clusters,
        unlike=tuple(pair.unlike for pair in unlike[:WORST] if pair.unlike is not None),
    )


@dataclass(frozen=True)
class _Compared:
    """The boxes of two models on one image, at the operating score and above.

    Attributes:
        baseline: Number of the baseline's boxes.
        variant: Number of the variant's boxes.
        shared: Number of boxes that both have.
        shift: Mean distance between the scores of the baseline's boxes and of those that the
            variant has in their place at any score; None if it has none of them.
        signed_shift: The same with its sign, positive if the variant's scores are higher.
        unlike: What differs; None if all boxes are shared.
    """

    baseline: int
    variant: int
    shared: int
    shift: float | None = None
    signed_shift: float | None = None
    unlike: UnlikeImage | None = None

    @property
    def weight(self) -> float:
        """How unlike the boxes are: the share that differs, and a little for their number."""
        every = self.baseline + self.variant
        differing = every - 2 * self.shared
        return differing / every + differing / 100 if differing else 0.0


def _compared(image: int, before: Boxes, every: Boxes, score: float) -> _Compared:
    """Compare the boxes of one image.

    ``before`` has the baseline's boxes from the operating score on, ``every`` the variant's of any
    score.
    """
    after = every.above(score)
    pairs = matched(before, after)
    shared = int((pairs >= 0).sum())
    at_any_score = matched(before, every)
    has_partner = at_any_score >= 0
    shift = signed_shift = None
    if has_partner.any():
        moved = every.scores[at_any_score[has_partner]] - before.scores[has_partner]
        shift, signed_shift = float(np.abs(moved.astype(np.float64)).mean()), float(moved.mean())
    differs = len(before) + len(after) > 2 * shared
    unlike = _described(image, before, after, pairs) if differs else None
    return _Compared(len(before), len(after), shared, shift, signed_shift, unlike)


def matched(first: Boxes, second: Boxes) -> npt.NDArray[np.int64]:
    """Return the index of the second model's box for each of the first's, -1 without one.

    The first model's most certain boxes choose first, each the box of its class with the greatest
    IoU that no other has chosen, if that is at least ``MATCHING_IOU``.
    """
    pairs = np.full(len(first), -1, np.int64)
    if not len(second):
        return pairs
    close = iou(first.corners, second.corners)
    close[first.classes[:, None] != second.classes[None, :]] = 0
    for at in np.argsort(-first.scores, kind="stable"):
        best = int(close[at].argmax())
        if close[at, best] >= MATCHING_IOU:
            pairs[at] = best
            close[:, best] = 0
    return pairs


class PairedClasses(NamedTuple):
    """Classes of boxes that lie on each other.

    Attributes:
        images: The image of each pair, shape ``(n,)``.
        first: Class of the first model's box, or of the labelled one, shape ``(n,)``.
        second: Class of the other box, shape ``(n,)``.
    """

    images: npt.NDArray[np.int64]
    first: npt.NDArray[np.int64]
    second: npt.NDArray[np.int64]


def paired_classes(first: Iterable[Boxes], second: Iterable[Boxes]) -> PairedClasses:
    """Pair boxes that lie on each other, whatever their classes."""
    parts = [np.zeros((0, 3), np.int64)]
    for image, (ours, theirs) in enumerate(zip(first, second, strict=True)):
        pairs = matched(_of_one_class(ours), _of_one_class(theirs))
        shared = pairs >= 0
        classes = ours.classes[shared], theirs.classes[pairs[shared]]
        parts.append(np.stack([np.full(shared.sum(), image), *classes], axis=1).astype(np.int64))
    images, ours_of, theirs_of = np.concatenate(parts).T
    return PairedClasses(images, ours_of, theirs_of)


def box_errors(first: Boxes, second: Boxes, score: float) -> npt.NDArray[np.float64]:
    """Return how far each box of either model at a score is from the other model's, 0 to 1.

    It is 1 without a counterpart of any score, otherwise 1 minus the IoU times the ratio of the
    scores. So a box whose score crosses the operating score counts no more than its change.

    Both are boxes of one image, of any score.
    """
    return np.concatenate([_errors(first, second, score), _errors(second, first, score)])


@dataclass(frozen=True)
class Detected:
    """What a detector gives on several images."""

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
    """Return the mean error of all boxes, infinite if there are none; see ``box_errors``."""
    every = [box_errors(*pair, first.score) for pair in zip(first.boxes, second.boxes, strict=True)]
    errors = np.concatenate(every)
    return float(errors.mean()) if errors.size else float("inf")


def _errors(first: Boxes, second: Boxes, score: float) -> npt.NDArray[np.float64]:
    first = first.above(score)
    pairs = matched(first, second)
    errors = np.ones(len(first))
    shared = pairs >= 0
    if shared.any():
        others = second.take(pairs[shared])
        ours = first.take(shared)
        overlap = np.diag(iou(ours.corners, others.corners))
        ratio = np.minimum(ours.scores, others.scores) / np.maximum(ours.scores, others.scores)
        errors[shared] = 1 - overlap * ratio
    return errors


def _of_one_class(boxes: Boxes) -> Boxes:
    return Boxes(boxes.corners, boxes.scores, np.zeros_like(boxes.classes))


def _described(
    image: int, before: Boxes, after: Boxes, pairs: npt.NDArray[np.int64]
) -> UnlikeImage:
    given = np.isin(np.arange(len(after)), pairs)
    return UnlikeImage(
        image=image, baseline=_drawn(before, pairs >= 0), variant=_drawn(after, given)
    )


def _drawn(boxes: Boxes, shared: Sequence[bool] | npt.NDArray[np.bool_]) -> tuple[DrawnBox, ...]:
    """Return boxes as they are drawn, those that the other model lacks first."""
    order = np.lexsort((-boxes.scores, np.asarray(shared)))[:_MAX_SHOWN]
    return tuple(
        DrawnBox(
            corners=_rounded(boxes.corners[at].tolist()),
            score=round(float(boxes.scores[at]), 3),
            class_index=int(boxes.classes[at]),
            shared=bool(shared[at]),
        )
        for at in order
    )


def _rounded(corners: Sequence[float]) -> tuple[float, float, float, float]:
    left, top, right, bottom = (round(min(max(edge, 0.0), 1.0), 3) for edge in corners)
    return left, top, right, bottom
