"""Hypotheses that the files decide: parameters, orders of channels and classes, what is stored.

That the variant's outputs differ because its file stores something else takes an experiment, which
copies the differences into the baseline. If the baseline then gives the variant's outputs, up to
the cost of the method, the differences are the cause.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from edgeq.diagnosis.bench import Bench, Order, Reals, Trial, part, recovers, trial
from edgeq.diagnosis.cause import Cause
from edgeq.diagnosis.compared import Pair, label, offsets
from edgeq.errors import ModelError, ModelRefusedError
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
from edgeq.tflite.constants import along_axis
from edgeq.tflite.edits import Edit
from edgeq.tflite.model_file import Tensor
from edgeq.tflite.skeleton import short
from edgeq.words import plural

WHOLE = 2.0**31
SWAPPED = 0.1
"""Largest fraction of the difference between weights that a swap may leave."""
BESIDE_CLASSES = 5
"""Values of a YOLO box besides its classes: its place, its size and an objectness."""
ROWS = 0.9
ALIKE = 0.9


def broken_parameters(bench: Bench) -> Cause | None:
    """Test whether scales are not positive numbers or do not fit their tensor."""
    for tensor in bench.variant_file.tensors:
        scales = tensor.scales
        if not scales.size:
            continue
        if not (np.isfinite(scales) & (scales > 0)).all():
            bad = scales[~(np.isfinite(scales) & (scales > 0))]
            return _damaged(tensor, f"{bad.size} of its {scales.size} scales are {bad[0]:g}")
        try:
            along_axis(tensor, scales.astype(np.float64))
        except ModelError as error:
            return Cause("damaged_tensor", error.what, {"tensor": tensor.name})
    return None


def class_order(bench: Bench) -> Cause | None:
    """Test whether the layer of the classes gives the baseline's in another order.

    Biases must follow the rows of weights: exchanged rows alone are damage.
    """
    layer = _layer_of_classes(bench)
    if layer is None:
        return None
    last, own = layer
    ours, theirs = (weight.reshape(weight.shape[0], -1)[own] for weight in _weights(bench, last))
    classes = ours.shape[0]
    if classes < 3 or last.baseline.channel_axis != 0:  # two have no order
        return None
    likeness = _unit(theirs) @ _unit(ours).T
    match = likeness.argmax(axis=1)
    sure = likeness.max(axis=1) > ALIKE
    strangers = sure & (match != np.arange(classes)) & (np.diag(likeness) < ALIKE)
    several = sure.mean() >= ROWS and strangers.sum() >= 2  # one is no order
    if not several or not _biases_follow(bench, last, own, match, strangers):
        return None
    facts: dict[str, object] = {"tensor": last.variant.weights.name, "rows": int(sure.sum())}
    apart = offsets(np.arange(classes), match, classes)[sure]
    values, counts = np.unique(apart, return_counts=True)
    offset, share = int(values[counts.argmax()]), counts.max() / counts.sum()
    if offset and share > ROWS:
        return Cause(
            "label_offset",
            f"the variant's classes are off by {offset:+d}: the last layer's row for class n is "
            f"the baseline's for class n{-offset:+d}",
            {**facts, "offset": offset},
        )
    moved = int(strangers.sum())
    return Cause(
        "label_order",
        f"the variant's classes are in another order: {moved} of {classes} rows of the last layer "
        f"are the baseline's of another class",
        {**facts, "moved": moved},
    )


def _layer_of_classes(bench: Bench) -> tuple[Pair, slice] | None:
    """Return the layer that gives the classes, and which of its rows do; None if there is none."""
    pairs = bench.pairs
    if bench.variant.classifies:
        return (pairs[-1], slice(None)) if pairs else None
    if not bench.variant.detects:
        return None
    given = bench.variant.reading.classes  # other layers give boxes
    for pair in reversed(pairs):
        rows = _class_rows(pair, given)
        if rows is not None:
            return pair, rows
    return None


def _biases_follow(
    bench: Bench,
    pair: Pair,
    own: slice,
    match: npt.NDArray[np.intp],
    moved: npt.NDArray[np.bool_],
) -> bool:
    """Return whether the biases of moved rows are nearer to those of the rows that they match."""
    stored, given = pair.baseline.bias, pair.variant.bias
    if stored is None or given is None:
        return True
    ours = bench.baseline_constants.real(stored).ravel()[own]
    theirs = _real(bench, given).ravel()[own]
    followed, left = np.abs(theirs - ours[match])[moved], np.abs(theirs - ours)[moved]
    return bool(followed.sum() <= left.sum())


def _class_rows(pair: Pair, classes: int) -> slice | None:
    """Return the rows of a detector's layer that give class scores, for its first anchor."""
    rows, block = pair.baseline.weights.shape[0], BESIDE_CLASSES + classes
    if rows == classes:
        return slice(0, rows)
    return slice(BESIDE_CLASSES, block) if rows % block == 0 else None


def first_layer_order(bench: Bench) -> Cause | None:
    """Test whether the first layer takes the image's channels in the reverse order."""
    if not bench.pairs or bench.pairs[0].baseline.weights.shape[-1] != 3:  # RGB
        return None
    first = bench.pairs[0]
    # The squares of damaged floats are beyond float32.
    ours, theirs = (weights.astype(np.float64) for weights in _weights(bench, first))
    if ours.shape != theirs.shape or not ours.any():
        return None
    apart, swapped = (np.linalg.norm(kernel - ours) for kernel in (theirs, theirs[..., ::-1]))
    if swapped > SWAPPED * apart:
        return None
    return Cause(
        "channel_order",
        f"the weights of the first layer, {label(first.variant)}, are the baseline's with "
        "red and blue swapped",
        {"tensor": first.variant.weights.name},
    )


def _weights(bench: Bench, pair: Pair) -> tuple[Reals, Reals]:
    ours = bench.baseline_constants.real(pair.baseline.weights)
    return ours, _real(bench, pair.variant.weights)


def _real(bench: Bench, tensor: Tensor) -> Reals:
    return np.nan_to_num(bench.variant_constants.real(tensor), posinf=WHOLE, neginf=-WHOLE)


def _unit(rows: Reals) -> Reals:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(norms > 0, norms, 1), np.float32)


def _damaged(tensor: Tensor, problem: str) -> Cause:
    return Cause(
        "damaged_tensor",
        f"tensor {short(tensor.name)} is damaged: {problem}",
        {"tensor": tensor.name},
    )


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
