"""The hypothesis about activations' ranges: set right in the file, they bring the answers back."""

from __future__ import annotations

from edgeq.diagnosis.bench import Bench
from edgeq.diagnosis.cause import Cause
from edgeq.judge.ranges import fit_of, harmful, holds, recovery
from edgeq.measure.ranges import RangeFit, Ranges, Trial

WHOLE_INPUT = 0.9
"""Share of what an input is fed that its range holds, if calibration saw such images."""

NAMED = 3


def activation_ranges(bench: Bench) -> Cause | None:
    """Ranges that are too narrow, too wide or shifted for what the baseline computes."""
    return explain(bench.variant.ranges)


def explain(comparison: Ranges) -> Cause | None:
    """Return what is wrong with the ranges of a variant, None if setting them right changes little.

    Args:
        comparison: What they hold, and what became of the outputs with some of them set right.
    """
    trial = harmful(comparison)
    if trial is None:
        return _recounted(comparison)
    fits = [
        named_fit for name in trial.tensors if (named_fit := fit_of(comparison, name)) is not None
    ]
    if len(fits) == 1:
        return _single(comparison, trial, fits[0])
    cut = [fit for fit in fits if fit.covered < 1 and fit.clipped > 0]
    given = next((fit for fit in fits if fit.place == "input"), None)
    narrow = len(cut) > len(fits) / 2
    worst = max(fits, key=lambda fit: fit.loss)
    what = "too narrow" if narrow else "too wide"
    of_all = f"{len(fits)} of {comparison.activations} ranges of activations are {what}"
    if given is not None and given.covered < WHOLE_INPUT:
        of_all += f", the input's among them, which {holds(given)}"
    name = "calibration"
    if narrow and given is None and len(fits) > comparison.activations / 2:
        # What clips most layers and leaves the input whole did not come from other images.
        name = "saturated_activations"
    return Cause(
        name,
        f"{of_all}; {worst.name} {holds(worst)}. With them set right, "
        f"{recovery(comparison, trial)}",
        _facts(comparison, trial, fits),
    )


def _recounted(comparison: Ranges) -> Cause | None:
    """Return that a scale was changed after quantization, if counting biases anew proves it."""
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
