"""Whether a fault makes predictions worse than the good variant's."""

from __future__ import annotations

import numpy as np

from edgeq.config.gates import GATES
from edgeq.errors import EdgeqError
from edgeq.faults.fault import PREDICTIONS, Fault, Faulty
from edgeq.faults.good import Good
from edgeq.measure.average_precision import is_available
from edgeq.pipeline.variant import VariantUnderTest

VISIBLE_CHANGE = {
    "disagreement": 0.01,
    "accuracy_drop": 0.01,
    "distance": 0.05,
    "lost_boxes": 0.05,
    "new_boxes": 0.05,
    "score_shift": 0.02,
    "map_drop": 0.02,
    "head_agreement": 0.01,
    "label_overlap": 0.02,
    "f1_drop": 0.02,
    "low_cosine": 0.02,
    "neighbour_recall": 0.05,
    "verification_drop": 0.02,
    "mean_iou": 0.02,
    "iou_drop": 0.02,
    "psnr": 3.0,
    "ssim": 0.01,
    "psnr_drop": 0.3,
    "point_error": 0.01,
    "point_error_rise": 0.01,
    "value_error": 0.05,
    "value_error_rise": 0.05,
}
"""Least changes that make a fault visible, relative to the good variant on the same samples: a
point of agreement or accuracy, or 0.05 of the worst cosine; of a detector 5 points of the boxes
that it shares with its baseline, 0.02 of the scores, or 2 points of mAP; of other tasks what their
figures lose, 0.3 dB of a labelled picture's PSNR."""

VISIBLE_ERROR = 1.5
"""Factor of the error from which a fault is visible in outputs without classes."""

ROUNDING = 1e-9


def visible(fault: Fault, faulty: Faulty, good: Good, variant: VariantUnderTest) -> bool | None:
    """Return whether the predictions of a faulty variant are worse than the good one's.

    The variant is the faulty one, in the run in which it was judged. None is returned if the fault
    does not concern predictions, or if none are measured.
    """
    if faulty.labels is not None:
        return True
    if set(fault.shown_by).isdisjoint(PREDICTIONS) or good.unjudged is not None:
        return None
    try:
        before = _values(good.variant)
    except EdgeqError:
        return None  # nothing to compare with
    try:
        after = _values(variant)
    except EdgeqError:
        return True  # it does not run, or its outputs can't be compared with its baseline's
    return any(
        after.get(name, np.inf)
        >= (VISIBLE_ERROR * value if name == "error" else value + VISIBLE_CHANGE[name]) - ROUNDING
        for name, value in before.items()
    )


def _values(variant: VariantUnderTest) -> dict[str, float]:
    """Return how far a variant is from its baseline; greater values are worse."""
    if variant.detects:
        return _of_boxes(variant)
    if not variant.classifies:
        figures = _of_figures(variant)
        errors = [output.error for output in variant.outputs if output.error is not None]
        return figures or {"error": max(errors, default=0.0)}
    agreement = variant.agreement
    values = {"disagreement": 1 - agreement.top1, "distance": 1 - agreement.cosine.worst}
    images = variant.inputs.images.evaluation
    if images is not None and images.labelled:
        values["accuracy_drop"] = variant.accuracy.drop
    return values | _of_figures(variant) if variant.reading.heads else values


def _of_figures(variant: VariantUnderTest) -> dict[str, float]:
    """Return the figures of a task whose least visible change is known; empty if it has none."""
    if variant.reading.kind is None and not variant.reading.heads:
        return {}
    return {
        figure.name: -figure.value if GATES.get(figure.name).sense == "min" else figure.value
        for figure in variant.figures.figures
        if figure.name in VISIBLE_CHANGE
    }


def _of_boxes(variant: VariantUnderTest) -> dict[str, float]:
    boxes = variant.boxes
    values = {
        "lost_boxes": 1 - (boxes.recall.value if boxes.recall else 0.0),
        "new_boxes": 1 - (boxes.precision.value if boxes.precision else 0.0),
        "score_shift": boxes.shift.value if boxes.shift else 1.0,
    }
    if variant.inputs.images.has_box_labels and is_available():
        values["map_drop"] = variant.precision.drop
    return values
