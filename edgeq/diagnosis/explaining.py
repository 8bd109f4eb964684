"""Adds the probable cause to a failed case, diagnosed at most once per variant and error.

The hypotheses are in the order in which they are tested: certain and cheap ones first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Literal

import msgspec

from edgeq import diagnosis
from edgeq.config.gates import GATES
from edgeq.config.load import spec_sha256
from edgeq.diagnosis import feeding, labels, network, outputs, ranges, reading, stored
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
from edgeq.errors import EdgeqError
from edgeq.judge import tensors
from edgeq.judge.verdict import Verdict
from edgeq.pipeline.dependencies import pair_facts
from edgeq.pipeline.plan import Case
from edgeq.pipeline.variant import VariantUnderTest
from edgeq.record.structs import CaseRecord
from edgeq.registry import Registry
from edgeq.store.cached import keep, sources

Needs = Literal[
    "error",
    "file",
    "outputs",
    "classes",
    "boxes",
    "classes or boxes",
    "classes or values",
    "values",
    "answers",
    "distance",
]


@dataclass(frozen=True)
class Hypothesis:
    """One way to explain a failure.

    Attributes:
        needs: What it requires: the error that prevented the variant from running, its readable
            file, its outputs, its predictions in classes, its boxes, values of an output without
            either, any of these (`answers`), or any that are farther from the baseline's than the
            control's are (`distance`).
        test: Returns the cause if the hypothesis is confirmed.
    """

    needs: Needs
    test: Callable[[Bench], Cause | None]


HYPOTHESES: Registry[Hypothesis] = Registry(
    "hypothesis",
    [
        ("unreadable", Hypothesis("error", outputs.unreadable)),
        ("exchanged_outputs", Hypothesis("error", outputs.exchanged)),
        ("not_finite_outputs", Hypothesis("outputs", outputs.not_finite)),
        ("misplaced_outputs", Hypothesis("outputs", outputs.misplaced)),
        ("one_scale", Hypothesis("outputs", outputs.one_scale)),
        ("broken_parameters", Hypothesis("file", stored.broken_parameters)),
        ("another_engine", Hypothesis("error", outputs.another_engine)),
        ("refused_ranges", Hypothesis("error", ranges.refused_ranges)),
        ("not_run", Hypothesis("error", outputs.not_run)),
        ("shifted_boxes", Hypothesis("boxes", labels.shifted_answers)),
        ("renamed_boxes", Hypothesis("boxes", labels.renamed_answers)),
        ("reordered_values", Hypothesis("values", reading.reordered)),
        ("unnormalised_values", Hypothesis("values", reading.unnormalised)),
        ("blind_input", Hypothesis("distance", ranges.blind_input)),
        ("stored_values", Hypothesis("outputs", stored.stored_values)),
        ("not_finite", Hypothesis("classes", outputs.not_finite_answers)),
        ("unsteady", Hypothesis("classes or values", outputs.unsteady)),
        ("wrong_labels", Hypothesis("classes or boxes", labels.wrong_labels)),
        ("shifted_answers", Hypothesis("classes", labels.shifted_answers)),
        ("renamed_answers", Hypothesis("classes", labels.renamed_answers)),
        ("own_samples", Hypothesis("answers", feeding.own_samples)),
        ("other_feeding", Hypothesis("distance", feeding.other_feeding)),
        ("moved_values", Hypothesis("values", reading.moved)),
        ("turned_values", Hypothesis("values", reading.turned)),
        ("other_layers", Hypothesis("outputs", stored.other_layers)),
        ("activation_ranges", Hypothesis("outputs", ranges.activation_ranges)),
        ("tied_classes", Hypothesis("classes", ranges.tied_classes)),
        ("rescaled_values", Hypothesis("values", reading.rescaled)),
        ("parting", Hypothesis("distance", network.parting)),
        ("kernels", Hypothesis("distance", network.kernels)),
        ("stored_difference", Hypothesis("outputs", stored.unexplained)),
        ("dead_output", Hypothesis("outputs", outputs.dead)),
        ("lost_columns", Hypothesis("outputs", outputs.lost)),
        ("constant", Hypothesis("classes", outputs.constant)),
    ],
)


def diagnose(bench: Bench) -> Diagnosis:
    """Test the hypotheses one after the other until one explains all of the failure.

    An experiment that can't be made is noted and skipped, as a diagnosis changes no verdict.
    """
    notes: list[str] = []
    try:
        cause = _first(bench, notes)
        return Diagnosis(cause, None if cause is not None else bench.known_fact, tuple(notes))
    finally:
        bench.close()


def _first(bench: Bench, notes: list[str]) -> Cause | None:
    """Return the first cause that explains the failure, joined with one that explains a part."""
    partial: Cause | None = None
    for name, hypothesis in HYPOTHESES:
        try:
            if not _possible(hypothesis, bench):
                continue
            bench.variant.run.say(f"{bench.variant.name}: looking for the cause: {name}")
            cause = hypothesis.test(bench)
        except EdgeqError as error:
            notes.append(f"{name}: {error.what}")
            bench.close()  # its worker may be gone
            continue
        except (ValueError, IndexError, ArithmeticError) as error:
            # Faulty files fail in unforeseen ways, and the verdict stands without this hypothesis.
            notes.append(f"{name}: {type(error).__name__}: {error}")
            continue
        if cause is not None and cause.partial:
            partial = cause
        elif cause is not None:
            return cause if partial is None else partial.joined(cause)
    return None


def _possible(hypothesis: Hypothesis, bench: Bench) -> bool:
    """Return whether everything that a hypothesis requires is available."""
    needs = hypothesis.needs
    if needs in {"error", "file"}:
        return needs == "file" or bench.error is not None
    if bench.error is not None or needs in {"outputs", "answers"}:
        return bench.error is None
    if needs == "distance":
        return not bench.needs_no_explanation
    return bench.kind in needs.split(" or ")


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
    "output_quantization": f"{_CALIBRATE}; if it was calibrated so, rebuild it from the baseline's "
    "file: the scale of its output was changed after that",
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
