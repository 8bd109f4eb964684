"""Whether a fault makes predictions worse than the good variant's."""

from __future__ import annotations

from edgeq.errors import EdgeqError
from edgeq.faults.fault import PREDICTIONS, Fault, Faulty
from edgeq.faults.good import Good
from edgeq.measure.average_precision import is_available
from edgeq.pipeline.variant import VariantUnderTest

LEAST = {
    "disagreement": 0.01,
    "accuracy_drop": 0.01,
    "distance": 0.05,
    "lost_boxes": 0.05,
    "new_boxes": 0.05,
    "score_shift": 0.02,
    "map_drop": 0.02,
}
"""Least changes that make a fault visible, relative to the good variant on the same samples: a
point of agreement or accuracy, or 0.05 of the worst cosine; of a detector 5 points of the boxes
that it shares with its baseline, 0.02 of the scores, or 2 points of mAP."""

ERROR = 1.5
"""Factor of the error from which a fault is visible in outputs without classes."""

ROUNDED = 1e-9


def visible(fault: Fault, faulty: Faulty, good: Good, variant: VariantUnderTest) -> bool | None:
    """Return whether the predictions of a faulty variant are worse than the good one's.

    Args:
        fault: The fault.
        faulty: What it changes in the good variant.
        good: The good variant.
        variant: The faulty variant, in the run in which it was judged.

    Returns:
        None if the fault does not concern predictions, or if none are measured.
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
        after[name] >= (ERROR * value if name == "error" else value + LEAST[name]) - ROUNDED
        for name, value in before.items()
    )


def _values(variant: VariantUnderTest) -> dict[str, float]:
    """Return how far a variant is from its baseline; greater values are worse.

    Raises:
        EdgeqError: The variant or its baseline does not run.
    """
    if variant.detects:
        return _of_boxes(variant)
    if not variant.classifies:
        errors = [output.error for output in variant.outputs if output.error is not None]
        return {"error": max(errors, default=0.0)}
    agreement = variant.agreement
    values = {"disagreement": 1 - agreement.top1, "distance": 1 - agreement.cosine.worst}
    images = variant.inputs.images.evaluation
    if images is not None and images.labelled:
        values["accuracy_drop"] = variant.accuracy.drop
    return values


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
