"""Verdicts on a detector's boxes."""

from __future__ import annotations

from msgspec.structs import replace

from edgeq import words
from edgeq.judge import sampled
from edgeq.judge.doubt import Doubt, nothing_to_lose
from edgeq.judge.missing import missing
from edgeq.judge.sampled import SampledValue, judged
from edgeq.judge.verdict import Judgement, Sense, failed
from edgeq.measure.average_precision import MeanPrecision
from edgeq.measure.box_agreement import BoxAgreement, MeanOverImages, PairedClasses
from edgeq.words import Kind, plural

USABLE_MAP50 = 0.05
"""mAP50 below which a baseline with the right labels, preprocessing and decoder does not lie. The
smallest detectors of the field reach 0.15."""

MIN_ON_LABELLED, RIGHT_CLASSES = 20, 0.25
"""Boxes on labelled ones from which their classes tell something, and the share of the same class
below which the classes can't be those of the labels: 0.87 of FastestDet's are the same, 0.97 of
YOLOv5n's."""

_GAFFKE = "Gaffke's bounds"
_RESAMPLED = "resampled images"
_LOOK = "Look at the images whose boxes differ, and check the variant's preprocessing and ranges"


def box_recall(boxes: BoxAgreement, limit: float) -> Judgement:
    """Judge the mean share of the baseline's boxes that the variant gives too."""
    if boxes.recall is None:
        return _no_boxes(boxes)
    of = f"gives {boxes.shared_boxes:,} of the baseline's {_at_score(boxes, boxes.baseline_boxes)}"
    return _mean(boxes, boxes.recall, limit, f"{of}; per image")


def box_precision(boxes: BoxAgreement, limit: float) -> Judgement:
    """Judge the mean share of the variant's boxes that the baseline gives too.

    A variant without any box fails if its baseline has some.
    """
    if boxes.precision is None:
        if not boxes.baseline_boxes:
            return _no_boxes(boxes)
        own = plural(boxes.baseline_boxes, "box", "boxes")
        reason = f"gives no box at a score of {boxes.score:g} or more, the baseline {own}"
        return replace(failed(reason, _LOOK, _facts(boxes)), limit=limit)
    of = (
        f"the baseline has {boxes.shared_boxes:,} of the variant's "
        f"{_at_score(boxes, boxes.variant_boxes)}"
    )
    return _mean(boxes, boxes.precision, limit, f"{of}; per image")


def score_shift(boxes: BoxAgreement, limit: float) -> Judgement:
    """Judge how far the scores of shared objects lie from the baseline's."""
    if boxes.shift is None:
        if not boxes.baseline_boxes:
            return _no_boxes(boxes)
        reason = "shares no object with the baseline, so that no score can be compared"
        return replace(failed(reason, _LOOK, _facts(boxes)), limit=limit)
    direction = "higher" if (boxes.signed_shift or 0) > 0 else "lower"
    mean = words.distance("number", abs(boxes.signed_shift or 0.0))
    of = f"scores of shared objects are {mean} {direction} on average; mean distance"
    return _mean(boxes, boxes.shift, limit, of, sense="max", kind="number")


def map_drop(precision: MeanPrecision, limit: float, doubt: Doubt | None = None) -> Judgement:
    """Judge the baseline's mAP50-95 minus the variant's, on the same images."""
    if doubt is not None and doubt.wrong:
        facts = _precision_facts(precision)
        return nothing_to_lose(doubt, precision.drop, precision.drop_interval, limit, facts)
    both = words.change("percent", precision.baseline_map, precision.variant_map)
    half = words.change("percent", precision.baseline_map50, precision.variant_map50)
    return judged(
        SampledValue.drop("points", precision.drop, precision.drop_interval, limit, precision),
        f"mAP50-95 {both}, mAP50 {half}, on {_sample(precision)}",
        _precision_facts(precision),
        if_failing=_LOOK,
    )


def min_map(precision: MeanPrecision, limit: float) -> Judgement:
    """Judge the variant's own mAP50-95."""
    baseline = words.value("percent", precision.baseline_map)
    return judged(
        SampledValue.share(
            "mAP", precision.variant_map, precision.variant_interval, limit, precision
        ),
        f"mAP50-95 on {_sample(precision)} (baseline {baseline})",
        _precision_facts(precision),
        if_failing=_LOOK,
    )


def doubt_of_boxes(
    boxes: BoxAgreement,
    precision: MeanPrecision | None,
    labelled: PairedClasses | None = None,
) -> Doubt | None:
    """Return why a baseline's boxes prove nothing; None if it detects something.

    If its boxes lie on labelled ones but hardly ever have their class, the order of the classes is
    wrong, or the labels are.
    """
    if not boxes.baseline_boxes:
        return Doubt(
            f"the baseline gives no box at a score of {boxes.score:g} or more on "
            f"{plural(boxes.images, 'image')}",
            "Check the baseline's preprocessing and decoder, and set `detection.operating_score` "
            "to the score that the application uses",
        )
    if labelled is not None and len(labelled.first) >= MIN_ON_LABELLED:
        right = int((labelled.first == labelled.second).sum())
        if right < RIGHT_CLASSES * len(labelled.first):
            return Doubt(
                f"{len(labelled.first):,} of the baseline's boxes lie on labelled ones, but only "
                f"{right:,} have their class: the class order or the labels are wrong",
                "Check the order of the classes and the labels (an offset by one, the right file)",
                wrong=True,
            )
    if precision is not None and precision.baseline_map50 < USABLE_MAP50:
        value = words.value("percent", precision.baseline_map50)
        return Doubt(
            f"the baseline's mAP50 is {value}: wrong labels, classes, preprocessing or decoder",
            "Check that the labels belong to these images and to the model's classes, and the "
            "baseline's preprocessing and decoder",
        )
    return None


def _mean(  # noqa: PLR0917 - what is known of one mean
    boxes: BoxAgreement,
    mean: MeanOverImages,
    limit: float,
    of: str,
    sense: Sense = "min",
    kind: Kind = "percent",
) -> Judgement:
    return judged(
        SampledValue(
            "mean", kind, sense, mean.value, mean.interval, limit, mean.images, boxes.clusters
        ),
        f"{of} on {plural(mean.images, 'image')}",
        {**_facts(boxes), "interval_method": _GAFFKE},
        if_failing=_LOOK,
    )


def _no_boxes(boxes: BoxAgreement) -> Judgement:
    return missing(
        f"the baseline gives no box at a score of {boxes.score:g} or more, so there is nothing to "
        "compare",
        next_step="Evaluate images with objects of the model's classes, check the preprocessing, "
        "and set `detection.operating_score`",
    )


def _at_score(boxes: BoxAgreement, count: int) -> str:
    return f"{plural(count, 'box', 'boxes')} with a score of {boxes.score:g} or more"


def _sample(precision: MeanPrecision) -> str:
    of = sampled.sample(precision.images, precision.clusters)
    return f"{of} with {plural(precision.boxes, 'labelled box', 'labelled boxes')}"


def _facts(boxes: BoxAgreement) -> dict[str, object]:
    return {
        "images": boxes.images,
        "operating_score": boxes.score,
        "baseline_boxes": boxes.baseline_boxes,
        "variant_boxes": boxes.variant_boxes,
        "shared_boxes": boxes.shared_boxes,
        "signed_shift": boxes.signed_shift,
        "confidence": boxes.confidence,
    }


def _precision_facts(precision: MeanPrecision) -> dict[str, object]:
    return {
        "images": precision.images,
        "boxes": precision.boxes,
        "classes": len(precision.classes),
        "baseline_map": precision.baseline_map,
        "variant_map": precision.variant_map,
        "baseline_map50": precision.baseline_map50,
        "variant_map50": precision.variant_map50,
        "confidence": precision.confidence,
        "interval_method": f"{precision.resamples:,} {_RESAMPLED}",
    }
