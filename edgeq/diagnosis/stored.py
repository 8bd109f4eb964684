"""Hypothesis that the variant's outputs differ because its file stores something else.

The experiment copies the differences into the baseline. If the baseline then gives the variant's
outputs, up to the cost of the method, the differences are the cause.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from edgeq.diagnosis.bench import Bench, Order, Reals, Trial, part, recovers, trial
from edgeq.diagnosis.cause import Cause
from edgeq.diagnosis.parameters import class_order, first_layer_order
from edgeq.errors import ModelRefusedError
from edgeq.judge.weights import (
    TRAINED_LAYERS,
    UNLIKE_CHANGES,
    are_trained_on,
    counted,
    folds_otherwise,
    headline,
    is_general,
    next_step_of,
)
from edgeq.measure.stored.files import FileComparison
from edgeq.measure.stored.finding import ENDINGS, Finding
from edgeq.measure.stored.transplant import mend, transplant
from edgeq.measure.tensors import relative_errors as errors_of_rows
from edgeq.pipeline.readout import as_answers
from edgeq.tflite.edits import Edit
from edgeq.words import plural

MIN_WEIGHTS_ALIKE = 2
IN_BASELINE = "the baseline with that in it gives the variant's answers"
PUT_BACK = "with the baseline's put back the variant gives the baseline's answers"
NO_EXPERIMENT = "no experiment shows what this costs, nor another cause"
HELPS = 0.8
"""A change explains no part of the error if a larger fraction of it than this remains."""
NAMED = 3
_FINER = (
    "Use int8, with a scale for each channel, if the target can run that, or bring the channels "
    "of these layers to like ranges in the float model"
)

_NAMES = {
    "one scale": "one_scale_per_tensor",
    "beyond float16": "float16_range",
}


def stored_values(bench: Bench) -> Cause | None:
    """Test whether the file's stored values differ from the baseline's and cause the difference."""
    variant = bench.variant
    comparison = variant.stored
    declared = variant.stored_weights
    # One scale per layer may be declared and still be the cause.
    findings = counted(comparison, "quantized" if declared == "per_tensor" else declared)
    if not findings:
        return None
    bench.known_fact = headline(findings, comparison)
    moved = transplant(bench.baseline_file, bench.variant_file, findings)
    if moved.done:
        places = bench.chosen
        outputs = bench.changed_baseline(moved.edits, places)
        before, after = _trials(bench, outputs, places)
        cause = _named(bench, findings, comparison, Tried(IN_BASELINE, before, after, len(places)))
        # A proven difference needs no error in order to be the cause of the proof's verdict.
        if bench.recovers(before, after) or bench.needs_no_explanation:
            return cause
    mended = _mended(bench, findings)
    if mended is not None and bench.recovers(mended.before, mended.after):
        return _named(bench, findings, comparison, mended)
    if moved.done and variant.detects:
        tried = _by_outputs(bench, moved.edits)
        if recovers(tried.before, tried.after):
            return _named(bench, findings, comparison, tried)
    if moved.done and bench.variant.classifies and after.error <= HELPS * before.error:
        model = bench.variant.baseline
        bench.hold_against(as_answers(model, outputs), places)
        return replace(cause, partial=True)
    return None


def other_layers(bench: Bench) -> Cause | None:
    """Name weights or operators that certainly differ, if no experiment explains the failure.

    A difference of the graph often shows in none: the variant's ranges were calibrated with it or
    without it, and what it computes is clipped. Whatever the ranges of such a file are, it is not
    the baseline's.
    """
    if any(finding.part in {"weights", "operator"} for finding in certain_findings(bench)):
        return unexplained(bench)
    return None


def unexplained(bench: Bench) -> Cause | None:
    """Name what certainly differs in the file if no experiment explains the failure."""
    findings = certain_findings(bench)
    if not findings or bench.is_held_against_changes:
        return None
    return _named(bench, findings, bench.variant.stored, None)


def certain_findings(bench: Bench) -> tuple[Finding, ...]:
    """Return what certainly differs in the file although the spec does not declare it."""
    return counted(bench.variant.stored, bench.variant.stored_weights)


@dataclass(frozen=True)
class Tried:
    """One experiment."""

    what: str
    before: Trial
    after: Trial
    images: int


def _by_outputs(bench: Bench, edits: tuple[Edit, ...]) -> Tried:
    """Return how a detector's outputs compare with those of the changed baseline.

    A ruined variant may give no boxes, or such as the least change replaces by others.
    """
    places = _first_places(bench)
    trials = _tensor_trials(bench, bench.changed_baseline(edits, places), places)
    return Tried(IN_BASELINE, *trials, len(places))


def _mended(bench: Bench, findings: Sequence[Finding]) -> Tried | None:
    """Return how the variant compares with the differences undone, None if they can't be."""
    repaired = mend(bench.baseline_file, bench.variant_file, findings)
    if not repaired.done:
        return None
    places = bench.chosen
    try:
        with bench.laid_out(edits=repaired.edits) as laid:
            after = laid.attempt(bench.variant.preprocessing, places)
    except ModelRefusedError:  # what is left out may have changed shapes, too
        return None
    return Tried(PUT_BACK, bench.known(places), after, len(places))


def _named(
    bench: Bench, findings: Sequence[Finding], comparison: FileComparison, tried: Tried | None
) -> Cause:
    """Return the cause that the findings amount to, with its name."""
    facts: dict[str, object] = {
        "change": findings[0].change,
        "layers": [finding.layer for finding in findings[:NAMED]],
        "findings": len(findings),
    }
    if tried is not None:
        facts["logits_error"] = [round(tried.before.error, 4), round(tried.after.error, 4)]
        facts["images"] = tried.images
    ordered = first_layer_order(bench) or class_order(bench)
    if ordered is not None:
        return replace(ordered, evidence={**ordered.evidence, **facts})
    sentence = headline(findings, comparison)
    if tried is None and not all(finding.change in ENDINGS for finding in findings):
        sentence += f"; {NO_EXPERIMENT}"
    elif (
        tried is not None and not bench.needs_no_explanation
    ):  # outputs as good as the control's prove no cause
        sentence += (
            f"; {tried.what} (error {tried.after.error:.2g} in place of "
            f"{tried.before.error:.2g} on {plural(tried.images, 'image')})"
        )
    return Cause(
        "wrong_checkpoint" if _is_head(bench, findings) else _name(findings, comparison),
        sentence,
        facts,
        _next_step(bench, findings, comparison),
    )


def _next_step(bench: Bench, findings: Sequence[Finding], comparison: FileComparison) -> str:
    declared = bench.variant.stored_weights
    if declared == "per_tensor" and {finding.change for finding in findings} == {"one scale"}:
        return _FINER
    return next_step_of(findings, comparison)


def _name(findings: Sequence[Finding], comparison: FileComparison) -> str:
    weights = [finding for finding in findings if finding.part == "weights"]
    unlike = [weight for weight in weights if weight.change in UNLIKE_CHANGES]
    foreign = [weight for weight in weights if weight.change in {"foreign", "other"}]
    turned = [weight for weight in weights if weight.change == "transposed"]
    if is_general(unlike, comparison) or len(foreign) >= max(
        MIN_WEIGHTS_ALIKE, TRAINED_LAYERS * comparison.layers
    ):
        return "wrong_checkpoint"
    if are_trained_on(weights, comparison) or folds_otherwise(weights, comparison):
        return "wrong_checkpoint"
    if len(turned) == len(weights) >= MIN_WEIGHTS_ALIKE:
        return "wrong_checkpoint"  # carried over from another framework
    if all(finding.part in {"operator", "parameter"} for finding in findings):
        return "other_operator"
    changes = {weight.change for weight in weights}
    return _NAMES.get(changes.pop(), "damaged_tensor") if len(changes) == 1 else "damaged_tensor"


def _is_head(bench: Bench, findings: Sequence[Finding]) -> bool:
    """Return whether only the last layer's weights differ from the baseline's."""
    weights = [finding for finding in findings if finding.part == "weights"]
    return bool(
        weights
        and bench.pairs
        and all(weight.change == "foreign" for weight in weights)
        and {weight.baseline_operator for weight in weights} == {bench.pairs[-1].baseline.operator}
    )


def _trials(bench: Bench, outputs: list[Reals], places: Order) -> tuple[Trial, Trial]:
    """Return how the variant compares with the baseline, and with the changed baseline."""
    model = bench.variant.baseline
    changed = bench.read(model, outputs, model.preprocessing, places)
    return bench.known(places), trial(changed, part(bench.own, places))


def _tensor_trials(bench: Bench, outputs: list[Reals], places: Order) -> tuple[Trial, Trial]:
    """Return the same for raw outputs, from the output with the greatest error."""
    model = bench.variant.baseline
    pairs = zip(
        bench.variant.baseline.tensors,
        bench.variant.tensors,
        model.readout.judged,
        strict=True,
    )
    errors = []
    for ours, theirs, place in pairs:
        rows = np.asarray(theirs.rows[slice(0, len(places)), slice(None)])
        usual = np.asarray(ours.rows[slice(0, len(places)), slice(None)])
        changed = outputs[place.at].reshape(len(places), -1)
        errors.append([_middle(errors_of_rows(answers, rows)) for answers in (usual, changed)])
    before, after = np.max(errors, axis=0)
    return Trial(0.0, float(before)), Trial(0.0, float(after))


def _first_places(bench: Bench) -> Order:
    return np.arange(min(len(bench.images.photos), 8))


def _middle(errors: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
    usable = errors[np.isfinite(errors)]
    return float(np.median(usable)) if usable.size else float("inf")
