"""Whether predictions show a fault: the faulty variant's are worse than the good one's."""

from __future__ import annotations

from edgeq.errors import EdgeqError
from edgeq.faults.fault import PREDICTIONS, Fault, Faulty
from edgeq.faults.good import Good
from edgeq.pipeline.plan import Subject
from edgeq.pipeline.run import Run

LEAST = {"disagreement": 0.01, "accuracy_drop": 0.01, "distance": 0.05}
"""A fault shows if agreement or accuracy fall by a point or the worst cosine by .05, each measured
beside the good variant's on the same samples."""

ERROR = 1.5
"""Of outputs without classes: it shows if their error grows by half."""

ROUNDED = 1e-9


def visible(fault: Fault, faulty: Faulty, good: Good, run: Run, subject: Subject) -> bool | None:
    """Return whether the predictions of a faulty variant are worse than the good one's.

    Args:
        fault: The fault.
        faulty: What it made of the good variant.
        good: The good variant.
        run: In which the faulty one was judged.
        subject: The faulty one there.

    Returns:
        None if the fault is not a matter of predictions, or if none are measured.
    """
    if faulty.labels is not None:
        return True
    if set(fault.shown_by).isdisjoint(PREDICTIONS) or good.unjudged is not None:
        return None
    try:
        before = _values(good.run, good.subject)
    except EdgeqError:
        return None  # nothing to compare with
    try:
        after = _values(run, subject)
    except EdgeqError:
        return True  # it does not run, or answers otherwise than its baseline
    return any(
        after[name] >= (ERROR * one if name == "error" else one + LEAST[name]) - ROUNDED
        for name, one in before.items()
    )


def _values(run: Run, subject: Subject) -> dict[str, float]:
    """Return how far a variant is from its baseline, larger meaning worse.

    Raises:
        EdgeqError: It or its baseline does not run.
    """
    if not run.classifies(subject.model):
        errors = [one.error for one in run.fits(subject) if one.error is not None]
        return {"error": max(errors, default=0.0)}
    found = run.agreement(subject)
    values = {"disagreement": 1 - found.top1, "distance": 1 - found.cosine.worst}
    images = run.inputs(subject.model).evaluation
    if images is not None and images.labelled:
        values["accuracy_drop"] = run.accuracy(subject).drop
    return values
