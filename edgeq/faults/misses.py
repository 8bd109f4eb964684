"""Missed faults: whether one makes predictions worse at all, and what would have caught it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgeq import words
from edgeq.config.gates import GATES
from edgeq.errors import EdgeqError
from edgeq.faults.fault import PREDICTIONS, Fault, Faulty
from edgeq.faults.good import Good
from edgeq.judge.verdict import Verdict
from edgeq.measure.average_precision import is_available
from edgeq.measure.planning import images_needed
from edgeq.pipeline.variant import VariantUnderTest
from edgeq.record.structs import CaseRecord

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
        before = _distances(good.variant)
    except EdgeqError:
        return None  # nothing to compare with
    try:
        after = _distances(variant)
    except EdgeqError:
        return True  # it does not run, or its outputs can't be compared with its baseline's
    return any(
        after.get(name, np.inf)
        >= (VISIBLE_ERROR * value if name == "error" else value + VISIBLE_CHANGE[name]) - ROUNDING
        for name, value in before.items()
    )


def _distances(variant: VariantUnderTest) -> dict[str, float]:
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


LABELS = frozenset({"label_offset", "label_order"})

MIN_SHARE = 0.1
"""Least drop of a value that tells a fault from the good variant, as a share of the good variant's
distance from 1."""


def would_catch(
    fault: Fault, good: Good, variant: VariantUnderTest, records: Sequence[CaseRecord]
) -> str:
    """Return the gate or the number of images that would have caught a fault.

    The variant is the faulty one, in the run in which it was judged, and the records are its.
    """
    open_ = [record for record in records if record.status is Verdict.INCONCLUSIVE]
    gate = _looking_at(fault.cause)
    if gate is not None:
        return _cost(gate, records, open_)
    if not good.variant.inputs.baseline.trained:
        return "no gate that is measured with random weights detects it"
    if fault.cause in LABELS and variant.name == good.variant.name and variant.classifies:
        return _labels(variant)
    return _compared(good, variant)


def _compared(good: Good, variant: VariantUnderTest) -> str:
    """Return the limit or the number of images that separates the faulty variant from the good."""
    try:
        values, before = _values(variant), _values(good.variant)
    except EdgeqError as error:
        return f"nothing compares its predictions: {error.what}"
    if all(abs(values[gate] - before[gate]) < 1e-6 for gate in values):
        return "its predictions are the good variant's, so no gate on predictions detects it"
    gate = max(values, key=lambda name: (before[name] - values[name]) / (1.001 - before[name]))
    drop = before[gate] - values[gate]
    if drop < MIN_SHARE * (1.001 - before[gate]):
        return "it is no worse than the good variant on these images"
    middle = (values[gate] + before[gate]) / 2
    # Plain numbers, not percentages, as in the line to write in a spec.
    limit, ours, theirs = (
        words.value("number", value) for value in (middle, before[gate], values[gate])
    )
    note = f"{gate} = {limit} (good {ours}, faulty {theirs})"
    if variant.detects:
        return note
    images = _images(variant, good, values["top1_agreement"])
    return f"{note}{images}{_accepted(variant, good, before, values)}"


def _accepted(
    variant: VariantUnderTest, good: Good, before: dict[str, float], after: dict[str, float]
) -> str:
    """Return the suggestion of accepting figures if that catches the fault; empty if not.

    Accepted figures can't be compared with those of another preprocessing.
    """
    gate = "worst_cosine"
    rule = GATES.get(gate).comparison
    same = variant.preprocessing == good.variant.preprocessing
    if gate not in good.variant.limits or not same or rule is None:
        return ""
    if after[gate] >= before[gate] - rule.tolerance:
        return ""
    return f", or figures of the good variant that were accepted (`edgeq accept`): {gate} is exact"


def _looking_at(cause: str) -> str | None:
    """Return the gate with a limit whose failure implies a cause; None if there is none."""
    return next((name for name, gate in GATES if gate.cause == cause and not gate.is_proof), None)


def _cost(gate: str, records: Sequence[CaseRecord], open_: Sequence[CaseRecord]) -> str:
    for record in open_:
        if record.gate == gate and record.next_step:
            return record.next_step
    declared = any(record.gate == gate for record in records)
    return f"a stricter limit of {gate}" if declared else f"a limit of {gate}: the spec has none"


def _labels(variant: VariantUnderTest) -> str:
    """Return how rarely the baseline is right: wrong labels affect it and the variant alike."""
    accuracy = variant.accuracy
    return (
        f"a look at the baseline's own accuracy: by these labels it is right on "
        f"{accuracy.baseline_top1.images:,} of {accuracy.images:,} images"
    )


def _values(variant: VariantUnderTest) -> dict[str, float]:
    """Return the values of the agreement gates, where 1 is perfect."""
    if variant.detects:
        boxes = variant.boxes
        return {
            "box_recall": boxes.recall.value if boxes.recall else 0.0,
            "box_precision": boxes.precision.value if boxes.precision else 0.0,
        }
    agreement = variant.agreement
    values = {"top1_agreement": agreement.top1, "worst_cosine": agreement.lowest_cosines[-1]}
    overlap = agreement.top5_overlap
    return values if overlap is None else {**values, "top5_overlap": overlap}


def _images(variant: VariantUnderTest, good: Good, value: float) -> str:
    """Return how many images would prove agreement below its limit; empty if that does not help."""
    limit = good.variant.limits.get("top1_agreement")
    if limit is None or value >= limit:
        return ""
    needed = images_needed(value, limit, variant.spec.confidence)
    have = variant.agreement.images
    if needed is None or needed <= have:
        return ""
    return f", or about {needed:,} images ({have:,} so far)"
