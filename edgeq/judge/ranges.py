"""Proof that a variant's activation ranges hold the values that its baseline computes."""

from __future__ import annotations

import msgspec
import numpy as np

from edgeq import words
from edgeq.config.structs import StoredWeights
from edgeq.judge.verdict import Judgement, failed, passed, undecided
from edgeq.measure.ranges import RangeFit, Ranges, StaleBias, Trial
from edgeq.words import plural

AS_GOOD = 0.8
"""Share of what several corrected ranges remove of the squared error that a single one must remove
to be named alone, as squared errors add up. If the variant's output is not finite, that of what is
left of the error."""

_NAMED = 3
_CALIBRATE = "Calibrate on samples like those of the evaluation, with the model's preprocessing"
_CALIBRATE_OR_REBUILD = (
    f"{_CALIBRATE}; if it was calibrated so, rebuild it: its scales were changed after that"
)
_ANEW = "Rebuild the variant from the baseline: its scales were changed after it was quantized"


def ranges(comparison: Ranges, declared: StoredWeights = "quantized") -> Judgement:
    """Prove that activation ranges do not cause the variant's error.

    A range that looks wrong proves nothing: good files have ranges seven times as wide as the
    baseline's values. So suspicious ranges are corrected in the file, and the verdict depends on
    how much the outputs improve.

    A variant that is declared as trained further computes other activations than its baseline, so
    that its ranges need not fit: only a single harmful range counts against it.
    """
    evidence = _evidence(comparison)
    if not comparison.activations:
        return passed("no activation has a fixed scale", evidence)
    trial = harmful(comparison)
    trained = declared == "trained"
    if trial is not None and not (trained and len(trial.tensors) > 1):
        return failed(_wrong(comparison, trial), _step(comparison, trial), evidence)
    misread = [fit for fit in comparison.stale if fit.matters]
    if misread:
        return failed(_misread(misread), _ANEW, evidence)
    if trial is not None:
        reason = (
            f'waived: the spec says that its weights were trained (`weights = "trained"`), and '
            f"{len(trial.tensors)} of {comparison.groups} ranges of activations are not "
            "what the baseline computes"
        )
        return passed(reason, evidence)
    doubt = _doubt(comparison)
    if doubt is not None:
        return undecided(doubt[0], doubt[1], evidence)
    return passed(_fine(comparison), evidence)


def harmful(comparison: Ranges) -> Trial | None:
    """Return the trial that shows which ranges cause the error; None if none does.

    If a single range explains most of what several do, the trial of that range is returned.
    """
    helpful = [trial for trial in comparison.trials if trial.recovers]
    if not helpful:
        return None
    best = min(helpful, key=_left)
    alone = [trial for trial in helpful if len(trial.tensors) == 1]
    explains = [trial for trial in alone if _is_as_good(trial, best)]
    return min(explains, key=_left) if explains else best


def _is_as_good(single: Trial, several: Trial) -> bool:
    if np.isinf(several.caused):
        return AS_GOOD * _left(single) <= _left(several)
    return single.caused**2 >= AS_GOOD * several.caused**2


def _left(trial: Trial) -> float:
    """Return the remaining error of the output that gains most."""
    after = trial.after[trial.output]
    return float("inf") if after is None else after


def fit_of(comparison: Ranges, name: str) -> RangeFit | None:
    """Return the fit of a suspicious range, by the tensor's name; None if it is not suspicious."""
    return next((fit for fit in comparison.suspicious if fit.name == name), None)


def holds(fit: RangeFit) -> str:
    """Return as text what a range holds and which values the baseline has there."""
    low, high = fit.scale.range
    sentence = f"holds {low:.3g} to {high:.3g}, the baseline has {fit.values[0]:.3g} to "
    return f"{sentence}{fit.values[1]:.3g}"


def recovery(comparison: Ranges, trial: Trial) -> str:
    """Return as text what correcting the ranges changes."""
    before, after = (_error(errors[trial.output]) for errors in (trial.before, trial.after))
    classes = ""
    if trial.agreeing is not None and trial.agreeing[0] != trial.agreeing[1]:
        first, second = trial.agreeing
        classes = f", and {second} instead of {first} agree with the baseline"
    left = f"{_whose(trial)} error is {after}"
    if trial.drift is not None and trial.calms and not trial.recovers:
        before, after = map(_error, trial.drift)
        left = f"the probabilities' distance from the baseline's is {after}"
    if comparison.runs:
        left += f" instead of {before}{classes}"
    else:
        left = f"the variant runs and {left}"
    return f"{left} ({plural(trial.samples or comparison.samples, 'sample')})"


def _step(comparison: Ranges, trial: Trial) -> str:
    if len(trial.tensors) > 1:
        return _CALIBRATE
    fit = fit_of(comparison, trial.tensors[0])
    return _CALIBRATE_OR_REBUILD if fit is not None and fit.clips else _ANEW


def _wrong(comparison: Ranges, trial: Trial) -> str:
    fit = fit_of(comparison, trial.tensors[0])
    worst = "" if fit is None else f" {fit.name} {holds(fit)}"
    if len(trial.tensors) == 1:
        return f"a range is wrong:{worst}. With it set right, {recovery(comparison, trial)}"
    return (
        f"{len(trial.tensors)} of {comparison.groups} ranges of activations are wrong: for "
        f"example,{worst}. With them set right, {recovery(comparison, trial)}"
    )


def _misread(misread: list[StaleBias]) -> str:
    worst = misread[0]
    layers = words.first_of([bias.layer for bias in misread])
    return (
        f"the bias of {layers} counts in other steps than its input and weights: it "
        f"is read {worst.factor:.3g} times as large, {worst.steps:.3g} steps of the output too far"
    )


def _doubt(comparison: Ranges) -> tuple[str, str | None] | None:
    if comparison.unmatched:
        reason = (
            f"{len(comparison.unmatched)} of {comparison.activations} activations have no match "
            f"in the baseline's graph ({words.names(comparison.unmatched[:_NAMED])}); "
            "the others fit"
        )
        return reason, "Convert the variant from the baseline's own graph"
    if comparison.problems and not comparison.trials:
        reason = (
            f"{len(comparison.suspicious)} of {comparison.activations} ranges of activations "
            f"look wrong and could not be set right to see what they cost: {comparison.problems[0]}"
        )
        return reason, None
    return None


def _fine(comparison: Ranges) -> str:
    if not comparison.trials:
        return (
            f"the ranges of {plural(comparison.activations, 'activation')} hold what the baseline "
            f"computes on {plural(comparison.fitted, 'sample')}"
        )
    trial = comparison.trials[0]
    before, after = (_error(errors[trial.output]) for errors in (trial.before, trial.after))
    cost = "which costs little"
    if trial.halves:  # but not on enough samples to be blamed
        nearer = round(trial.nearer[trial.output] * comparison.samples)
        cost = f"which costs {nearer} of {plural(comparison.samples, 'sample')}"
    return (
        f"{len(comparison.suspicious)} of {comparison.activations} ranges of activations clip or "
        f"waste more than they need to, {cost}: with them set right, "
        f"{_whose(trial)} error is {after} instead of {before} "
        f"({plural(comparison.samples, 'sample')})"
    )


def _whose(trial: Trial) -> str:
    return "the boxes'" if trial.of_boxes else "the output's"


def _error(value: float | None) -> str:
    return "not finite" if value is None else f"{value:.2g}"


def _evidence(comparison: Ranges) -> dict[str, object]:
    return {
        "samples": comparison.samples,
        "fitted": comparison.fitted,
        "activations": comparison.activations,
        "unmatched": list(comparison.unmatched),
        "suspicious": len(comparison.suspicious),
        "worst": [
            {
                "tensor": fit.name,
                "range": list(fit.scale.range),
                "baseline": list(fit.values),
                "clipped": fit.clipped,
                "error": fit.error,
                "least_error": fit.best,
            }
            for fit in comparison.suspicious[:_NAMED]
        ],
        "trials": [
            {
                "tensors": list(trial.tensors[:_NAMED]),
                "ranges": len(trial.tensors),
                "before": list(trial.before),
                "after": list(trial.after),
                **(
                    {}
                    if trial.left is None
                    else {"samples": trial.samples, "left": list(trial.left)}
                ),
            }
            for trial in comparison.trials
        ],
        "problems": list(comparison.problems),
        "misread_biases": [msgspec.to_builtins(bias) for bias in comparison.stale[:_NAMED]],
    }
