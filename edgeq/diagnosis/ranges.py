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


def explain(found: Ranges) -> Cause | None:
    """Return what is wrong with the ranges of a variant, None if setting them right changes little.

    Args:
        found: What they hold, and what became of the outputs with some of them set right.
    """
    trial = harmful(found)
    if trial is None:
        return _recounted(found)
    fits = [one for name in trial.tensors if (one := fit_of(found, name)) is not None]
    if len(fits) == 1:
        return _single(found, trial, fits[0])
    cut = [one for one in fits if one.covered < 1 and one.clipped > 0]
    given = next((one for one in fits if one.place == "input"), None)
    narrow = len(cut) > len(fits) / 2
    worst = max(fits, key=lambda one: one.loss)
    what = "too narrow" if narrow else "too wide"
    of_all = f"{len(fits)} of {found.activations} ranges of activations are {what}"
    if given is not None and given.covered < WHOLE_INPUT:
        of_all += f", the input's among them, which {holds(given)}"
    name = "calibration"
    if narrow and given is None and len(fits) > found.activations / 2:
        # What clips most layers and leaves the input whole did not come from other images.
        name = "saturated_activations"
    return Cause(
        name,
        f"{of_all}; {worst.name} {holds(worst)}. With them set right, {recovery(found, trial)}",
        _facts(found, trial, fits),
    )


def _recounted(found: Ranges) -> Cause | None:
    """Return that a scale was changed after quantization, if counting biases anew proves it."""
    trial = found.recounted
    if trial is None or not trial.recovers:
        return None
    worst = found.stale[0]
    return Cause(
        "damaged_tensor",
        f"the scale of tensor {worst.input} was changed after quantization: the bias of "
        f"{worst.layer} is read {worst.factor:.3g} times as large as it was meant. With "
        f"biases counted in its steps, {recovery(found, trial)}",
        {
            "tensor": worst.input,
            "tensors": list(trial.tensors[:NAMED]),
            "factor": worst.factor,
            "output_error": [trial.before[trial.output], trial.after[trial.output]],
            "samples": found.samples,
        },
    )


def _single(found: Ranges, trial: Trial, fit: RangeFit) -> Cause:
    narrow = fit.clipped > 0 and fit.covered < 1
    name = {"input": "input_range", "last": "output_quantization"}.get(
        fit.place, "saturated_activations" if narrow else "damaged_tensor"
    )
    what = {"input": "the input", "last": f"the last layer's output, {fit.name},"}.get(
        fit.place, f"tensor {fit.name}"
    )
    return Cause(
        name,
        f"{what} {holds(fit)}; with this range alone set right, {recovery(found, trial)}",
        _facts(found, trial, [fit]),
    )


def _facts(found: Ranges, trial: Trial, fits: list[RangeFit]) -> dict[str, object]:
    named = fits[:NAMED]
    return {
        "tensor": named[0].name if named else None,
        "tensors": [one.name for one in named],
        "clipped": [round(one.clipped, 4) for one in named],
        "covered": [round(one.covered, 4) for one in named],
        "unfit": len(fits),
        "measured": found.activations,
        "output_error": [trial.before[trial.output], trial.after[trial.output]],
        "samples": found.samples,
    }
