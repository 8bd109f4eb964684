"""Mean average precision of a detector and its baseline, and the interval of the drop.

Boxes are matched with labels by pycocotools, image by image and once. Average precision is then
computed from these matches with a weight for each image, so that resampling the images costs
cumulative sums only.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq.errors import MissingExtraError
from edgeq.measure.clusters import Clusters, Sampled, effective, find_clusters, numbered
from edgeq.measure.statistics import Interval, with_unseen
from edgeq.samples.box_labels import BoxLabels
from edgeq.tasks.detection.boxes import Boxes

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]

EXTRA = "detection"
PACKAGE = "pycocotools"
THRESHOLDS = np.linspace(0.5, 0.95, 10)
"""The IoU thresholds of COCO's mAP50-95."""

RESAMPLES = 1000
MAX_PER_CLASS = 100
"""Boxes per image and class that count, as in COCO's evaluation."""

_RECALLS = 101
_SEED = 0
_ROWS = 100
"""Resamples at once, which bounds memory."""


@dataclass(frozen=True, eq=False)
class ClassMatches:
    """The boxes of one class in all images, matched with the labels.

    Attributes:
        images: Image of each box, in order of falling score, shape ``(d,)``.
        right: Whether a box matches a labelled one, by threshold, shape ``(10, d)``.
        ignored: Whether a box counts neither way, as it lies in a crowd, shape ``(10, d)``.
        truth: Number of labelled boxes in each image, shape ``(n,)``.
    """

    class_index: int
    images: Integers
    right: Booleans
    ignored: Booleans
    truth: Integers


class ClassPrecision(msgspec.Struct, frozen=True, kw_only=True):
    """Average precision for one class.

    Attributes:
        class_index: The class.
        boxes: Number of labelled boxes.
        baseline, variant: AP50-95 of each model.
    """

    class_index: int
    boxes: int
    baseline: float
    variant: float


class MeanPrecision(Sampled, msgspec.Struct, frozen=True, kw_only=True):
    """Mean average precision of both models on labelled images, as COCO defines it.

    Attributes:
        images: Number of images.
        boxes: Number of labelled boxes, without crowds.
        confidence: Confidence level of the intervals.
        baseline_map, variant_map: mAP50-95, the mean over classes and over IoUs from .5 to .95.
        baseline_map50, variant_map50: mAP at an IoU of .5.
        drop: ``baseline_map - variant_map``; below 0 the variant is the better one.
        drop_interval: Interval of ``drop``, by resampling images.
        variant_interval: Interval of ``variant_map``, by resampling images.
        baseline_interval: Interval of ``baseline_map``, by resampling images.
        resamples: Number of resamples.
        clusters: Which images belong together; None if all are independent.
        classes: Every class that is labelled.
    """

    images: int
    boxes: int
    confidence: float
    baseline_map: float
    variant_map: float
    baseline_map50: float
    variant_map50: float
    drop: float
    drop_interval: Interval
    variant_interval: Interval
    baseline_interval: Interval
    resamples: int = RESAMPLES
    clusters: Clusters | None = None
    classes: tuple[ClassPrecision, ...] = ()


def is_available() -> bool:
    """Return whether pycocotools is installed."""
    return importlib.util.find_spec(PACKAGE) is not None


def require_package() -> None:
    """Check that pycocotools is installed.

    Raises:
        MissingExtraError: It is not.
    """
    if not is_available():
        raise MissingExtraError(PACKAGE, extra=EXTRA, needed_for="mean average precision")


@dataclass(frozen=True, eq=False)
class LabelledPrecision:
    """Average precision of one model on labelled images.

    Attributes:
        whole: Average precision by class and threshold, shape ``(classes, 10)``.
        resampled: mAP50-95 of each resample of the images, shape ``(b,)``.
    """

    classes: tuple[ClassMatches, ...]
    whole: Floats
    resampled: Floats


def labelled_precision(
    detections: Iterable[Boxes], labels: BoxLabels, groups: Sequence[Hashable]
) -> LabelledPrecision:
    """Return the average precision of a detector on labelled images.

    Raises:
        MissingExtraError: pycocotools is not installed.
    """
    require_package()
    count = len(groups)
    classes = match_labels(detections, labels, count)
    return LabelledPrecision(
        classes,
        precisions(classes, np.ones((1, count)))[0],
        mean(precisions(classes, resampled(groups, RESAMPLES))),
    )


def mean_precision(
    baseline: LabelledPrecision,
    variant: LabelledPrecision,
    groups: Sequence[Hashable],
    *,
    confidence: float = 0.95,
) -> MeanPrecision:
    """Compare the mean average precision of two detectors on the same labelled images."""
    clusters = find_clusters(groups)
    worth = effective(len(groups), clusters)
    before, after = (float(mean(side.whole[None])[0]) for side in (baseline, variant))
    before50, after50 = (float(mean(side.whole[None, :, :1])[0]) for side in (baseline, variant))

    def interval(samples: Floats, value: float) -> Interval:
        return resampled_interval(samples, value, confidence, worth, biased=True)

    drops = baseline.resampled - variant.resampled

    return MeanPrecision(
        images=len(groups),
        boxes=sum(int(matches.truth.sum()) for matches in baseline.classes),
        confidence=confidence,
        baseline_map=before,
        variant_map=after,
        baseline_map50=before50,
        variant_map50=after50,
        drop=before - after,
        drop_interval=with_unseen(
            interval(drops, before - after),
            drops,
            alike=0.0,
            extent=max(before, after),
            confidence=confidence,
            worth=worth,
        ),
        variant_interval=interval(variant.resampled, after),
        baseline_interval=interval(baseline.resampled, before),
        clusters=clusters,
        classes=tuple(
            ClassPrecision(
                class_index=matches.class_index,
                boxes=int(matches.truth.sum()),
                baseline=float(ours.mean()),
                variant=float(theirs.mean()),
            )
            for matches, ours, theirs in zip(
                baseline.classes, baseline.whole, variant.whole, strict=True
            )
        ),
    )


def match_labels(
    detections: Iterable[Boxes], labels: BoxLabels, count: int
) -> tuple[ClassMatches, ...]:
    """Match the boxes of all images with the labelled ones, class by class, with pycocotools.

    Returns:
        The matches of every class that is labelled outside crowds, in the order of the classes.
    """
    evaluation = _evaluation(detections, labels)
    names = np.unique(labels.classes[~labels.crowds])
    return tuple(_of_class(evaluation, int(name), count) for name in names)


def precisions(classes: Sequence[ClassMatches], weights: Floats) -> Floats:
    """Return average precision by class and threshold for weighted images.

    The average over 101 recalls of the greatest precision at that or a higher recall, as
    ``COCOeval.accumulate`` computes it. An image with the weight 2 counts twice.

    Args:
        classes: The matches of each class.
        weights: Weight of each image, one row per result, shape ``(b, n)``.

    Returns:
        Shape ``(b, classes, 10)``; NaN for a class without labelled boxes among the images.
    """
    result = np.full((len(weights), len(classes), len(THRESHOLDS)), np.nan)
    for start in range(0, len(weights), _ROWS):
        part = weights[start : start + _ROWS]
        for at, matches in enumerate(classes):
            result[start : start + _ROWS, at] = _weighted(matches, part)
    return result


def mean(precision: Floats) -> Floats:
    """Return the mean over classes and thresholds, ``(b,)``, without classes that have no label."""
    by_class = precision.mean(axis=2)
    known = ~np.isnan(by_class)
    sums = np.where(known, by_class, 0.0).sum(axis=1)
    means: Floats = sums / np.maximum(known.sum(axis=1), 1)
    return means


def resampled(groups: Sequence[Hashable], resamples: int) -> Floats:
    """Return how often each image is drawn, with replacement and by photograph, ``(b, n)``."""
    of = numbered(groups)
    count = int(of.max()) + 1
    draws = np.random.default_rng(_SEED).multinomial(count, np.full(count, 1 / count), resamples)
    weights: Floats = draws[:, of].astype(np.float64)
    return weights


def resampled_interval(
    samples: Floats, value: float, confidence: float, worth: float, *, biased: bool = False
) -> Interval:
    """Return the interval of a value from its resamples: Student's, with their deviation.

    Percentiles are not used, because mAP is biased in small sets, and more so in resamples, which
    repeat images. With their root mean square distance from the value, which has this bias in it
    beside the deviation, the interval of a drop contains the drop of the population nearly as often
    as it should; ``benchmarks/detection.md`` has its coverage. Resamples vary too little by the
    factor ``√(n / (n - 1))`` (Hesterberg, American Statistician 69 (2015), 371-386, section 4.1).

    Args:
        samples: The value in each resample.
        value: The value of the images themselves.
        confidence: Confidence level, in (0, 1).
        worth: Number of independent images.
        biased: Whether the bias of the resamples counts as well.
    """
    from scipy.special import stdtrit

    n = max(worth, 2.0)
    quantile = float(stdtrit(n - 1, 0.5 + confidence / 2.0))
    bias = float(samples.mean()) - value if biased else 0.0
    half = quantile * (float(samples.var()) * n / (n - 1) + bias**2) ** 0.5
    return value - half, value + half


def _evaluation(detections: Iterable[Boxes], labels: BoxLabels) -> Any:
    """Return pycocotools' evaluation with labels and boxes filled in, without its own reading."""
    from pycocotools.cocoeval import COCOeval

    evaluation = COCOeval(iouType="bbox")
    evaluation.params.iouThrs = THRESHOLDS
    evaluation.params.maxDets = [MAX_PER_CLASS]
    known = set(labels.classes[~labels.crowds].tolist())
    for at in range(len(labels.classes)):
        key = int(labels.images[at]), int(labels.classes[at])
        crowd = int(labels.crowds[at])
        box = _entry(labels.corners[at], at + 1)
        evaluation._gts[key].append({**box, "iscrowd": crowd, "ignore": crowd})  # noqa: SLF001
    number = 0
    for image, boxes in enumerate(detections):
        for corners, score, name in zip(
            boxes.corners, boxes.scores.tolist(), boxes.classes.tolist(), strict=True
        ):
            number += 1
            if name in known:
                evaluation._dts[image, name].append({**_entry(corners, number), "score": score})  # noqa: SLF001
    return evaluation


def _entry(corners: npt.NDArray[np.float32], number: int) -> dict[str, object]:
    """Return a box as pycocotools has it; the unit does not matter, since IoU is a ratio."""
    left, top, right, bottom = corners.astype(np.float64).tolist()
    width, height = max(right - left, 0.0), max(bottom - top, 0.0)
    return {"id": number, "bbox": [left, top, width, height], "area": width * height}


def _of_class(evaluation: Any, name: int, count: int) -> ClassMatches:
    images, scores, right, ignored = (list[Any]() for _ in range(4))
    truth = np.zeros(count, np.int64)
    for image in range(count):
        labelled = evaluation._gts.get((image, name), [])  # noqa: SLF001
        truth[image] = sum(not box["ignore"] for box in labelled)
        if not labelled and (image, name) not in evaluation._dts:  # noqa: SLF001
            continue
        evaluation.ious[image, name] = evaluation.computeIoU(image, name)
        result = evaluation.evaluateImg(image, name, [0, 1e10], MAX_PER_CLASS)
        if result is None:
            continue
        given = len(result["dtScores"])
        images += [image] * given
        scores += result["dtScores"]
        right.append(result["dtMatches"].reshape(len(THRESHOLDS), given) > 0)
        ignored.append(result["dtIgnore"].reshape(len(THRESHOLDS), given).astype(bool))
    order = np.argsort(-np.array(scores, np.float64), kind="stable")
    nothing = np.zeros((len(THRESHOLDS), 0), np.bool_)
    skipped = np.concatenate([nothing, *ignored], axis=1)[:, order]
    return ClassMatches(
        class_index=name,
        images=np.array(images, np.int64)[order],
        right=np.concatenate([nothing, *right], axis=1)[:, order] & ~skipped,
        ignored=skipped,
        truth=truth,
    )


def _weighted(matches: ClassMatches, weights: Floats) -> Floats:
    """Return average precision of one class by threshold, shape ``(b, 10)``."""
    result = np.zeros((len(weights), len(THRESHOLDS)))
    truth = weights @ matches.truth
    of_boxes = weights[:, matches.images]
    every = np.cumsum(of_boxes, axis=1)
    for at in range(len(THRESHOLDS)):
        places = np.flatnonzero(matches.right[at])
        if not len(places):
            continue
        counted = every[:, places]
        if matches.ignored[at].any():
            counted = counted - np.cumsum(of_boxes * matches.ignored[at], axis=1)[:, places]
        right = np.cumsum(of_boxes[:, places], axis=1)
        precision = np.divide(right, counted, out=np.zeros_like(right), where=counted > 0)
        precision = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        recall = right / np.maximum(truth, 1)[:, None]
        # Number of the recalls 0, .01, ..., 1 that are reached; 0 is, as soon as a box is right.
        reached = np.where(right > 0, np.floor(recall * (_RECALLS - 1) + 1e-9) + 1, 0)
        steps = np.diff(reached, axis=1, prepend=0)
        result[:, at] = (steps * precision).sum(axis=1) / _RECALLS
    result[truth == 0] = np.nan
    return result
