"""Adds the probable cause to a failed case, diagnosed at most once per variant and error."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing

import msgspec

from edgeq import diagnosis
from edgeq.config.gates import GATES
from edgeq.config.load import spec_sha256
from edgeq.diagnosis.bench import Bench
from edgeq.diagnosis.cause import Cause, Diagnosis
from edgeq.diagnosis.feeding import other_feeding
from edgeq.diagnosis.labels import wrong_labels
from edgeq.diagnosis.network import differing_kernel
from edgeq.diagnosis.reading import (
    COLUMN_ORDER,
    MAP_SHIFT,
    MAP_TURN,
    NOT_NORMALISED,
    OUTPUT_SCALE,
)
from edgeq.diagnosis.table import diagnose
from edgeq.errors import EdgeqError
from edgeq.judge import tensors
from edgeq.judge.verdict import Verdict
from edgeq.pipeline.dependencies import pair_facts
from edgeq.pipeline.plan import Case
from edgeq.pipeline.variant import VariantUnderTest
from edgeq.record.structs import CaseRecord
from edgeq.store.cached import keep, sources

HEAD = "probable cause: "
_VALUES = frozenset({"input_range", "channel_order"})
_DROPS = ("accuracy_drop", "map_drop")
_ANEW = "Rebuild the variant from the baseline's file, and compare the sha256 of what was copied"
_CALIBRATE = "Calibrate on images like those of the evaluation, in the preprocessing of the model"
NEXT_STEPS = {
    **tensors.NEXT_STEPS,
    COLUMN_ORDER: "Export the variant with its values in the baseline's order, or read them so",
    NOT_NORMALISED: "Export the variant with the scaling to one length, or scale after it",
    MAP_SHIFT: "Compare padding and resize of both graphs (half pixels, aligned corners)",
    MAP_TURN: "Compare the order of axes in both graphs, and how the device orients photographs",
    OUTPUT_SCALE: "Compare how both files rescale their outputs, and the scale of the output",
    "channel_order": "Set `preprocessing.channels` to the order that the variant was made for, or "
    "convert it from the model that takes this one",
    "input_range": "Set mean and std of `preprocessing` to what the variant was made for, or "
    "rebuild it from this baseline",
    "samples": "Look at what differs between the samples of both, scene by scene; if the device "
    "delivers such samples, calibrate or train on them",
    "resize": "Feed the variant with the baseline's resize, filter and crop",
    "label_offset": "Check for a background class: name the label set of outputs and labels alike",
    "label_order": "Name the label set in the order of the outputs, and check how labels were read",
    "wrong_checkpoint": "Convert the checkpoint that the baseline was exported from",
    "damaged_tensor": _ANEW,
    "output_quantization": _ANEW,
    "saturated_activations": f"{_CALIBRATE}; do not cut ranges to a low percentile",
    "calibration": _CALIBRATE,
    "refused": "Rebuild the variant from the baseline, by another converter or version if it is "
    "refused again",
    "kernels": "Pin `run.kernels` to those of the device, and report the difference to LiteRT",
    "differing_kernel": "Report the operator to LiteRT: one of its kernels is wrong. Replace it in "
    "the model (a sum by a mean and a factor), or keep its unit in float (`float_units`)",
    "nondeterminism": "Run it with one thread and look for an operator that draws random numbers",
}
"""Next step per cause, in place of the verdict's, which is the better one for other causes."""


def explained(case: Case, record: CaseRecord, error: EdgeqError | None = None) -> CaseRecord:
    """Return the record with its probable cause, if the case failed and a cause was found."""
    failed = record.status is Verdict.FAIL
    if failed and (error is not None or case.gate.explained):
        variant, about = case.variant, "" if error is None else str(error)
        try:
            explanation = variant.diagnoses.get(about, lambda: _diagnosis(variant, error))
        except EdgeqError as obstacle:  # without images no experiments, but the verdict stands
            explanation = Diagnosis(None, notes=(f"not diagnosed: {obstacle.what}",))
        return with_cause(record, explanation)
    if failed and case.gate.name == "input_range":
        return _tried(case, record, _other_values)
    if failed and case.gate.name == "kernels":
        return _tried(case, record, differing_kernel)
    if case.gate.name in _DROPS and record.status is Verdict.INCONCLUSIVE:
        # Wrong labels cost both models accuracy alike.
        return _tried(case, record, wrong_labels)
    return record


class _IncompleteError(Exception):
    """A diagnosis that must not be stored because some experiments could not be made."""

    def __init__(self, so_far: Diagnosis):
        self.found = so_far
        super().__init__()


def _diagnosis(variant: VariantUnderTest, error: EdgeqError | None) -> Diagnosis:
    """Return a diagnosis, stored if the variant ran and every experiment could be made."""
    if error is not None:
        return diagnose(Bench(variant, error))

    def make() -> Diagnosis:
        explanation = diagnose(Bench(variant))
        if explanation.notes:
            raise _IncompleteError(explanation)
        return explanation

    try:
        return keep(variant.run.store, "diagnoses", experiment_facts(variant), make, Diagnosis)
    except _IncompleteError as incomplete:
        return incomplete.found


def experiment_facts(variant: VariantUnderTest) -> dict[str, object]:
    """Return what experiments with a variant that ran depend on.

    Raises:
        EdgeqError: The variant or the baseline does not run, or there is no evaluation set.
    """
    inputs = variant.inputs
    sets = (inputs.images.calibration_set, inputs.images.evaluation, variant.own_samples)
    boxes = inputs.images.box_labels if variant.detects else None
    return {
        **pair_facts(variant),
        "spec": spec_sha256(variant.spec),
        "weights": variant.stored_weights,
        "boxes": None if boxes is None else boxes.sha256,
        "photographs": [
            [photo.name for photo in image_set.photos]
            for image_set in sets
            if image_set is not None
        ],
        "contents": [image_set.content_sha256 for image_set in sets if image_set is not None],
        "experiments": sources(diagnosis),
    }


def with_cause(record: CaseRecord, explanation: Diagnosis) -> CaseRecord:
    """Return the record with the result of a diagnosis."""
    evidence = dict(record.evidence)
    if explanation.notes:
        evidence["diagnosis"] = list(explanation.notes)
    if explanation.cause is None:
        known = explanation.known if explanation.known != record.reason else None
        return msgspec.structs.replace(record, cause=known, evidence=evidence)
    # The reasons of the proofs on weights and ranges already describe what the experiment showed.
    sentence = explanation.cause.sentence.removeprefix(record.reason).removeprefix("; ")
    first, *more = sentence.split(". ")
    sentence = ". ".join([first, *(part for part in more if part not in record.reason)])
    # An output's own name may be among the facts.
    cause = {**explanation.cause.evidence, "name": explanation.cause.name}
    evidence["cause"] = msgspec.to_builtins(cause)
    return msgspec.structs.replace(
        record,
        cause=f"{HEAD}{sentence}" if sentence else None,
        next_step=explanation.cause.next_step
        or NEXT_STEPS.get(explanation.cause.name, record.next_step),
        evidence=evidence,
    )


def cause_of(records: Sequence[CaseRecord]) -> str | None:
    """Return the name of the probable cause shared by the failed cases of one variant."""
    for record in records:
        cause = record.evidence.get("cause")
        if isinstance(cause, dict):
            return str(cause["name"])
    failed = [
        GATES.get(case.gate)
        for case in records
        if case.status is Verdict.FAIL and case.gate in GATES
    ]
    return max(failed, key=lambda gate: gate.sureness).cause if failed else None


def _tried(case: Case, record: CaseRecord, test: Callable[[Bench], Cause | None]) -> CaseRecord:
    """Return the record with the cause that one hypothesis finds."""
    try:
        with closing(Bench(case.variant)) as bench:
            cause = test(bench)
    except EdgeqError as error:
        return with_cause(record, Diagnosis(None, notes=(f"{case.gate.name}: {error.what}",)))
    return with_cause(record, Diagnosis(cause))


def _other_values(bench: Bench) -> Cause | None:
    """Return the pixel range, or the order of channels, that fits; None if no other one does."""
    feeding = other_feeding(bench)
    return feeding if feeding is not None and feeding.name in _VALUES else None
