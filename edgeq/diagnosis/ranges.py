"""The hypothesis about activation ranges, tested by correcting them in the file."""

from __future__ import annotations

import msgspec

from edgeq.diagnosis.bench import Bench
from edgeq.diagnosis.cause import Cause
from edgeq.errors import ModelRefusedError
from edgeq.judge.control import of_drift
from edgeq.judge.ranges import fit_of, harmful, holds, recovery
from edgeq.judge.running import input_range
from edgeq.judge.verdict import Verdict
from edgeq.measure.ranges import RangeFit, Ranges, Trial
from edgeq.pipeline.ranging import refused_ranges_of
from edgeq.pipeline.variant import VariantUnderTest

WHOLE_INPUT = 0.9
"""Least fraction of the input values that its range holds if calibration saw such images."""

NAMED = 3

CLOSE = 0.5
"""Greatest error with which a refused variant must run if its ranges are to be the cause."""

BLIND = 2
"""Greatest number of steps of an input that hide all photographs."""

ALONE = 1.1
"""Greatest multiple of the probabilities' distance that several corrected ranges leave that one
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

    Args:
        comparison: As for ``explain``; the outputs' errors need not fall.
    """
    calming = [
        (trial.drift[1], trial) for trial in comparison.trials if trial.drift and trial.calms
    ]
    if not calming:
        return None
    least = min(left for left, _ in calming)
    close = [trial for left, trial in calming if left <= ALONE * least]
    return _cause(comparison, min(close, key=lambda trial: len(trial.tensors)))


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
    return all(error is not None and error <= CLOSE for error in trial.after)


def explain(comparison: Ranges) -> Cause | None:
    """Return what is wrong with a variant's ranges, None if correcting them changes little.

    Args:
        comparison: What the ranges hold, and how the outputs change if some of them are corrected.
    """
    trial = harmful(comparison)
    return _recounted(comparison) if trial is None else _cause(comparison, trial)


def _cause(comparison: Ranges, trial: Trial) -> Cause:
    fits = [
        named_fit for name in trial.tensors if (named_fit := fit_of(comparison, name)) is not None
    ]
    if len(fits) == 1:
        return _single(comparison, trial, fits[0])
    cut = [fit for fit in fits if fit.covered < 1 and fit.clipped > 0]
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
    narrow = fit.clipped > 0 and fit.covered < 1
    name = {"input": "input_range", "last": "output_quantization"}.get(
        fit.place, "saturated_activations" if narrow else "damaged_tensor"
    )
    what = {"input": "the input", "last": f"the last layer's output, {fit.name},"}.get(
        fit.place, f"tensor {fit.name}"
    )
    return Cause(
        name,
        f"{what} {holds(fit)}; with this range alone set right, {recovery(comparison, trial)}",
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
        "samples": comparison.samples,
    }
