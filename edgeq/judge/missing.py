"""Judgements on what was not measured: MISSING, or FAIL if the variant itself is the cause."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from edgeq.config.gate import Gate, Lack
from edgeq.config.structs import CLASSIFICATION, DETECTION, Spec
from edgeq.errors import ConversionError, EdgeqError, ModelError
from edgeq.judge.verdict import Judgement, Verdict, failed

NOT_MEASURED = "not measured: "
NO_IMAGES = f"{NOT_MEASURED}there are no evaluation images"
NO_LABELS = f"{NOT_MEASURED}the evaluation images have no labels"
RANDOM_WEIGHTS = f"{NOT_MEASURED}the model has random weights, so its answers mean nothing"
UNJUDGED = "the variant can't be judged: "
NOT_JUDGED = "not judged: "
DECLARED = " (absent by declaration)"

_LABELS: dict[str | None, str] = {
    DETECTION: "labelled boxes",
    "multilabel": "label sets",
    "segmentation": "masks",
    "image_to_image": "target pictures",
    "keypoints": "values",
    "regression": "values",
}

_OF_BROKEN = frozenset({"error", "where", "output", "log"})


def labels_of(task: str | None) -> str:
    """Return what the labels of a task are, as a noun phrase."""
    return _LABELS.get(task, "a CSV file")


def missing(reason: str, *, declared: bool = False, next_step: str | None = None) -> Judgement:
    """Return a MISSING judgement."""
    return Judgement(
        status=Verdict.MISSING,
        reason=f"{reason}{DECLARED}" if declared else reason,
        next_step=next_step,
        declared_missing=declared,
    )


def lacking(gate: Gate, lack: Lack, spec: Spec, model: str) -> Judgement:
    """Return MISSING for a gate that lacks something that it needs."""
    declared = gate.name in spec.allow_missing
    if lack == "training":
        return missing(
            RANDOM_WEIGHTS,
            declared=declared or spec.models[model].allow_random_weights,
            next_step="Name a weights file in the spec (`weights`)",
        )
    if lack == "images":
        return missing(
            NO_IMAGES,
            declared=declared,
            next_step="Name a set in the spec (`images.evaluation`)",
        )
    of_task = gate.task is not None and gate.task != CLASSIFICATION
    return missing(
        f"{NO_LABELS} for {gate.task}" if of_task else NO_LABELS,
        declared=declared,
        next_step=f"Name {labels_of(gate.task)} in the spec (`images.labels`){_or_off(gate)}",
    )


def _or_off(gate: Gate) -> str:
    """Return how to switch a gate off, empty for a proof, which is always on."""
    return "" if gate.is_proof else f", or set `{gate.name} = false` in [gates]"


def not_measured(error: EdgeqError, *, gate: str, allow_missing: Collection[str] = ()) -> Judgement:
    """Return MISSING for a gate that could not be measured because of an error.

    This is for errors that are not the variant's fault, for example a baseline that does not run.
    """
    return missing(
        f"{NOT_MEASURED}{_placed(error)}", declared=gate in allow_missing, next_step=error.remedy
    )


def broken(error: EdgeqError) -> Judgement:
    """Return FAIL for a gate on a variant that could not be made or run because of an error."""
    of_a_file = isinstance(error, ModelError) and not isinstance(error, ConversionError)
    return failed(
        f"{UNJUDGED}{_placed(error) if of_a_file else error.what}",
        error.remedy,
        {
            # The keys are _OF_BROKEN.
            "error": type(error).__name__,
            "where": error.where,
            "output": getattr(error, "output", ""),
            "log": None if (log := getattr(error, "log", None)) is None else str(log),
        },
    )


def is_broken(evidence: Mapping[str, object]) -> bool:
    """Return whether evidence shows that the variant could not be made or run."""
    return evidence.keys() >= _OF_BROKEN


def elsewhere(case_id: str) -> str:
    """Return the reason for not judging a case because of what another case says."""
    return f"{NOT_JUDGED}see {case_id}"


def _placed(error: EdgeqError) -> str:
    return f"{error.where}: {error.what}" if error.where else error.what
