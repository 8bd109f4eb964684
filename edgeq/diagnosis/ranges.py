"""The hypothesis about activation ranges, tested by correcting them in the file."""

from __future__ import annotations

import msgspec
import numpy as np

from edgeq.diagnosis.bench import MAX_IMAGES, RECOVERED, Bench
from edgeq.diagnosis.cause import Cause
from edgeq.errors import ModelRefusedError
from edgeq.judge.control import of_drift
from edgeq.judge.ranges import fit_of, harmful, holds, recovery
from edgeq.judge.running import input_range
from edgeq.judge.verdict import Verdict
from edgeq.measure.predictions import Predictions
from edgeq.measure.ranges import RangeFit, Ranges, Trial
from edgeq.pipeline.ranging import last_corrected, refused_ranges_of
from edgeq.pipeline.variant import VariantUnderTest
from edgeq.words import plural

WHOLE_INPUT = 0.9
"""Minimum fraction of the input values that its range holds if calibration saw such images."""

NAMED = 3

MAX_CORRECTED_ERROR = 0.5
"""Maximum error with which a refused variant must run if its ranges are to be the cause."""

USUAL_TIES, MIN_EXCESS_TIES = 0.02, 0.03
"""Share of the images whose best classes tie in good int8 files if there is no control (edgeq's own
int8 ResNet8), and the least share beyond that of the control."""

MIN_NARROW_RANGES = 3
"""Other suspicious and narrow ranges from which calibration is at fault."""

BLIND = 2
"""Maximum number of steps of an input that hide all photographs."""

ALONE = 1.1
"""Maximum multiple of the probabilities' distance that several corrected ranges leave that one
alone may leave to be named alone."""


def activation_ranges(bench: Bench) -> Cause | None:
    """Test whether ranges are too narrow, too wide or shifted for what the baseline computes."""
    comparison = bench.variant.ranges
    return explain(comparison) or (explain_drift(comparison) if _drifts(bench.variant) else None)


def _drifts(variant: VariantUnderTest) -> bool:
    """Return whether the class probabilities are farther from the baseline's than good ones are."""
    reference = variant.own_reference if variant.classifies else None
    return of_drift(reference, 1.0).status is Verdict.FAIL


def explain_drift(comparison: Ranges) -> Cause | None:
    """Return what is wrong with ranges whose correction brings back the class probabilities.

    Unlike for ``explain``, the outputs' errors need not fall.
    """
    calming = [
        (trial.drift[1], trial) for trial in comparison.trials if trial.drift and trial.calms
    ]
    if not calming:
        return None
    least = min(left for left, _ in calming)
    close = [trial for left, trial in calming if left <= ALONE * least]
    return _cause(comparison, min(close, key=lambda trial: len(trial.tensors)))


def tied_classes(bench: Bench) -> Cause | None:
    """Test whether best classes tie because the logits' range clips them or has too few steps."""
    every = np.arange(len(bench.predictions.tied))
    control = bench.of_control(every)
    usual = float(control.tied.mean()) if isinstance(control, Predictions) else USUAL_TIES
    tied = bench.predictions.tied & ~bench.variant.baseline.predictions.tied
    corrected = last_corrected(bench.variant) if tied.mean() >= usual + MIN_EXCESS_TIES else None
    if corrected is None:
        return None
    fit, edits = corrected
    places, how = np.flatnonzero(tied)[:MAX_IMAGES], bench.variant.preprocessing
    with bench.laid_out(edits=edits) as laid:
        still = int(laid.answers(bench.pixels(how, places), how).tied.sum())
    if still > RECOVERED * len(places):
        return None
    comparison = bench.variant.ranges
    others = [other for other in comparison.suspicious if other.name != fit.name]
    narrow = fit.clipped > 0 and sum(other.covered < 1 for other in others) >= MIN_NARROW_RANGES
    return Cause(
        "calibration" if narrow else "output_quantization",
        f"on {plural(int(tied.sum()), 'image')} the best classes tie: the last layer's output, "
        f"{fit.name}, {holds(fit)}, in steps of {fit.scale.step:.2g}; with this range set right, "
        f"{still} of {len(places)} still tie",
        {"tensor": fit.name, "tied": int(tied.sum()), "still": still, "images": len(places)},
    )


def blind_input(bench: Bench) -> Cause | None:
    """Test whether the input turns all levels of a pixel into one or two steps.

    That hides every photograph from the network. Biases overflow in such steps, which is not the
    cause.
    """
    fit = bench.variant.input_range.fit
    if fit is None or fit.arrays or fit.steps > BLIND:
        return None
    judgement = input_range(fit)
    return Cause(
        "input_range",
        judgement.reason,
        {"steps": fit.steps, "range": list(fit.range), "fed": list(fit.fed)},
        judgement.next_step,
    )


def refused_ranges(bench: Bench) -> Cause | None:
    """Test whether a variant that the runtime refuses runs if its ranges are corrected.

    The runtime's kernels take ratios of scales only within limits.
    """
    if not (isinstance(bench.error, ModelRefusedError) and _is_refused(bench.variant)):
        return None
    comparison = refused_ranges_of(bench.variant)
    close = [trial for trial in comparison.trials if _is_close(trial)]
    alone = [trial for trial in close if len(trial.tensors) == 1]
    return explain(msgspec.structs.replace(comparison, trials=tuple(alone or close)))


def _is_refused(variant: VariantUnderTest) -> bool:
    try:
        variant.loaded  # noqa: B018 - accessing the property loads it
    except ModelRefusedError:
        return True
    return False


def _is_close(trial: Trial) -> bool:
    return all(error is not None and error <= MAX_CORRECTED_ERROR for error in trial.after)


def explain(comparison: Ranges) -> Cause | None:
    """Return what is wrong with a variant's ranges, None if correcting them changes little."""
    trial = harmful(comparison)
    return _recounted(comparison) if trial is None else _cause(comparison, trial)


def _cause(comparison: Ranges, trial: Trial) -> Cause:
    fits = [
        named_fit for name in trial.tensors if (named_fit := fit_of(comparison, name)) is not None
    ]
    if len(fits) == 1:
        return _single(comparison, trial, fits[0])
    cut = [fit for fit in fits if fit.clips]
    given = next((fit for fit in fits if fit.place == "input"), None)
    narrow = len(cut) > len(fits) / 2
    alike = cut if narrow else [fit for fit in fits if fit not in cut]
    worst = max(alike, key=lambda fit: fit.loss)
    what = "too narrow" if narrow else "too wide"
    of_all = f"{len(fits)} of {comparison.groups} ranges of activations are {what}"
    if given is not None and given.covered < WHOLE_INPUT:
        of_all += ", the input's among them"
        of_all += "" if given is worst else f", which {holds(given)}"
    name = "calibration"
    if narrow and given is None and len(fits) > comparison.groups / 2:
        # Ranges that clip most layers but not the input are not due to other calibration images.
        name = "saturated_activations"
    return Cause(
        name,
        f"{of_all}; {worst.name} {holds(worst)}. With them set right, "
        f"{recovery(comparison, trial)}",
        _facts(comparison, trial, fits),
    )


def _recounted(comparison: Ranges) -> Cause | None:
    """Return the cause if rescaling biases proves that a scale was changed after quantization."""
    trial = comparison.recounted
    if trial is None or not trial.recovers:
        return None
    worst = comparison.stale[0]
    return Cause(
        "damaged_tensor",
        f"the scale of tensor {worst.input} was changed after quantization: the bias of "
        f"{worst.layer} is read {worst.factor:.3g} times as large as it was meant. With "
        f"biases counted in its steps, {recovery(comparison, trial)}",
        {
            "tensor": worst.input,
            "tensors": list(trial.tensors[:NAMED]),
            "factor": worst.factor,
            "output_error": [trial.before[trial.output], trial.after[trial.output]],
            "samples": comparison.samples,
        },
    )


def _single(comparison: Ranges, trial: Trial, fit: RangeFit) -> Cause:
    name = {"input": "input_range", "last": "output_quantization"}.get(
        fit.place,
        # One range alone that makes the runtime refuse the file is not due to calibration.
        "saturated_activations" if fit.clips and comparison.runs else "damaged_tensor",
    )
    what = {"input": "the input", "last": f"the last layer's output, {fit.name},"}.get(
        fit.place, f"tensor {fit.name}"
    )
    return Cause(
        name,
        f"{what} {holds(fit)}. With it set right, {recovery(comparison, trial)}",
        _facts(comparison, trial, [fit]),
    )


def _facts(comparison: Ranges, trial: Trial, fits: list[RangeFit]) -> dict[str, object]:
    named = fits[:NAMED]
    return {
        "tensor": named[0].name if named else None,
        "tensors": [fit.name for fit in named],
        "clipped": [round(fit.clipped, 4) for fit in named],
        "covered": [round(fit.covered, 4) for fit in named],
        "unfit": len(fits),
        "measured": comparison.activations,
        "output_error": [trial.before[trial.output], trial.after[trial.output]],
        "samples": trial.samples or comparison.samples,
    }
