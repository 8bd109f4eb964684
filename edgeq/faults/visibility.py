"""Whether predictions show a fault: the faulty variant's are worse than the good one's."""

from __future__ import annotations

from edgeq.errors import EdgeqError
from edgeq.faults.fault import PREDICTIONS, Fault, Faulty
from edgeq.faults.good import Good
from edgeq.pipeline.variant import VariantUnderTest

LEAST = {"disagreement": 0.01, "accuracy_drop": 0.01, "distance": 0.05}
"""A fault shows if agreement or accuracy fall by a point or the worst cosine by .05, each measured
beside the good variant's on the same samples."""

ERROR = 1.5
"""Of outputs without classes: it shows if their error grows by half."""

ROUNDED = 1e-9


def visible(fault: Fault, faulty: Faulty, good: Good, variant: VariantUnderTest) -> bool | None:
    """Return whether the predictions of a faulty variant are worse than the good one's.

    Args:
        fault: The fault.
        faulty: What it made of the good variant.
        good: The good variant.
        variant: The faulty one, in the run in which it was judged.

    Returns:
        None if the fault is not a matter of predictions, or if none are measured.
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
        return True  # it does not run, or answers otherwise than its baseline
    return any(
        after[name] >= (ERROR * one if name == "error" else one + LEAST[name]) - ROUNDED
        for name, one in before.items()
    )


def _values(variant: VariantUnderTest) -> dict[str, float]:
    """Return how far a variant is from its baseline, larger meaning worse.

    Raises:
        EdgeqError: It or its baseline does not run.
    """
    if not variant.classifies:
        errors = [one.error for one in variant.outputs if one.error is not None]
        return {"error": max(errors, default=0.0)}
    agreement = variant.agreement
    values = {"disagreement": 1 - agreement.top1, "distance": 1 - agreement.cosine.worst}
    images = variant.inputs.evaluation
    if images is not None and images.labelled:
        values["accuracy_drop"] = variant.accuracy.drop
    return values
