"""The proof that the ranges of a variant's activations hold what its baseline computes."""

from __future__ import annotations

import msgspec

from edgeq import words
from edgeq.config.structs import StoredWeights
from edgeq.judge.verdict import Judgement, Verdict
from edgeq.measure.ranges import RangeFit, Ranges, StaleBias, Trial
from edgeq.words import plural

AS_GOOD = 1.25
"""By how many times more error a single range may leave than several, to be named alone."""

_NAMED = 3
_CALIBRATE = "Calibrate on samples like those of the evaluation, with the model's preprocessing"
_ANEW = "Rebuild the variant from the baseline: its scales were changed after it was quantized"


def ranges(found: Ranges, declared: StoredWeights = "quantized") -> Judgement:
    """Prove that the ranges of activations are not what the variant's error comes from.

    A range that looks wrong proves nothing: good files have some that are seven times as wide as
    what the baseline computes. So those that look wrong are set right in the file, and what the
    outputs gain by it decides.

    Args:
        found: What the ranges cost.
        declared: What the spec says of the variant's weights. One that was trained on computes
            other activations than its baseline, so that ranges need not fit: only a range that is
            far off stands against it.
    """
    evidence = _evidence(found)
    if not found.activations:
        return Judgement(
            status=Verdict.PASS, reason="no activation has a fixed scale", evidence=evidence
        )
    trial = harmful(found)
    trained = declared == "trained"
    if trial is not None and not (trained and len(trial.tensors) > 1):
        return Judgement(
            status=Verdict.FAIL,
            reason=_wrong(found, trial),
            next_step=_ANEW if len(trial.tensors) == 1 else _CALIBRATE,
            evidence=evidence,
        )
    misread = [one for one in found.stale if one.matters]
    if misread:
        return Judgement(
            status=Verdict.FAIL, reason=_misread(misread), next_step=_ANEW, evidence=evidence
        )
    if trial is not None:
        reason = (
            f'waived: the spec says that its weights were trained (`weights = "trained"`), and '
            f"{len(trial.tensors)} of {found.activations} ranges of activations are not what the "
            "baseline computes"
        )
        return Judgement(status=Verdict.PASS, reason=reason, evidence=evidence)
    doubt = _doubt(found)
    if doubt is not None:
        return Judgement(
            status=Verdict.INCONCLUSIVE,
            reason=doubt[0],
            next_step=doubt[1],
            evidence=evidence,
        )
    return Judgement(status=Verdict.PASS, reason=_fine(found), evidence=evidence)


def harmful(found: Ranges) -> Trial | None:
    """Return the trial that shows which ranges cause the error, None if none does.

    If a single range explains it as well as several, it is the single one.
    """
    helpful = [trial for trial in found.trials if trial.recovers]
    if not helpful:
        return None
    best = min(helpful, key=_left)
    alone = [one for one in helpful if len(one.tensors) == 1]
    explains = [one for one in alone if _left(one) <= AS_GOOD * _left(best)]
    return min(explains, key=_left) if explains else best


def _left(trial: Trial) -> float:
    """Return the error that is left of the output that gains most."""
    after = trial.after[trial.output]
    return float("inf") if after is None else after


def fit_of(found: Ranges, name: str) -> RangeFit | None:
    """Return how a suspicious range fits, by its name."""
    return next((one for one in found.suspicious if one.name == name), None)


def holds(fit: RangeFit) -> str:
    """Return what a range holds and what the baseline has there, in words."""
    low, high = fit.scale.range
    held = f"holds {low:.3g} to {high:.3g}, the baseline has {fit.values[0]:.3g} to "
    return f"{held}{fit.values[1]:.3g}"


def recovery(found: Ranges, trial: Trial) -> str:
    """Return what setting ranges right changes, in words."""
    before, after = (_error(one[trial.output]) for one in (trial.before, trial.after))
    classes = ""
    if trial.agreeing is not None and trial.agreeing[0] != trial.agreeing[1]:
        first, second = trial.agreeing
        classes = f", and {second} instead of {first} agree with the baseline"
    return (
        f"the output's error is {after} instead of {before}{classes} "
        f"({plural(found.samples, 'sample')})"
    )


def _wrong(found: Ranges, trial: Trial) -> str:
    fit = fit_of(found, trial.tensors[0])
    worst = "" if fit is None else f" {fit.name} {holds(fit)}"
    if len(trial.tensors) == 1:
        return f"a range is wrong:{worst}. With it set right, {recovery(found, trial)}"
    return (
        f"{len(trial.tensors)} of {found.activations} ranges of activations are wrong: for example,"
        f"{worst}. With them set right, {recovery(found, trial)}"
    )


def _misread(misread: list[StaleBias]) -> str:
    worst = misread[0]
    others = "" if len(misread) == 1 else f" (and {len(misread) - 1} more)"
    return (
        f"the bias of {worst.layer}{others} counts in other steps than its input and weights: it "
        f"is read {worst.factor:.3g} times as large, {worst.steps:.3g} steps of the output too far"
    )


def _doubt(found: Ranges) -> tuple[str, str | None] | None:
    if found.unmatched:
        reason = (
            f"{len(found.unmatched)} of {found.activations} activations have no match in the "
            f"baseline's graph ({words.names(found.unmatched[:_NAMED])}); the others fit"
        )
        return reason, "Convert the variant from the baseline's own graph"
    if found.problems and not found.trials:
        reason = (
            f"{len(found.suspicious)} of {found.activations} ranges of activations look wrong and "
            f"could not be set right to see what they cost: {found.problems[0]}"
        )
        return reason, None
    return None


def _fine(found: Ranges) -> str:
    samples = plural(found.samples, "sample")
    if not found.trials:
        return (
            f"the ranges of {plural(found.activations, 'activation')} hold what the baseline "
            f"computes on {samples}"
        )
    trial = found.trials[0]
    before, after = (_error(one[trial.output]) for one in (trial.before, trial.after))
    return (
        f"{len(found.suspicious)} of {found.activations} ranges of activations clip or waste more "
        f"than they need to, which costs little: with them set right, the output's error is "
        f"{after} instead of {before} ({samples})"
    )


def _error(value: float | None) -> str:
    return "not finite" if value is None else f"{value:.2g}"


def _evidence(found: Ranges) -> dict[str, object]:
    return {
        "samples": found.samples,
        "activations": found.activations,
        "unmatched": list(found.unmatched),
        "suspicious": len(found.suspicious),
        "worst": [
            {
                "tensor": one.name,
                "range": list(one.scale.range),
                "baseline": list(one.values),
                "clipped": one.clipped,
                "error": one.error,
                "least_error": one.best,
            }
            for one in found.suspicious[:_NAMED]
        ],
        "trials": [
            {
                "tensors": list(trial.tensors[:_NAMED]),
                "ranges": len(trial.tensors),
                "before": list(trial.before),
                "after": list(trial.after),
            }
            for trial in found.trials
        ],
        "problems": list(found.problems),
        "misread_biases": msgspec.to_builtins(found.stale[:_NAMED]),
    }
