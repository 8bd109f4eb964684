"""Hypotheses about outputs of any meaning: reordered, sharing one scale, or dead."""

from __future__ import annotations

from edgeq.diagnosis.bench import Bench
from edgeq.diagnosis.cause import Cause
from edgeq.errors import UnlikeOutputsError
from edgeq.judge.tensors import DEAD, LOST, NOT_FINITE, ONE_SCALE, ORDER, label, outline, problem_of
from edgeq.measure.tensors import GAP, LEAST_STEPS


def not_finite(bench: Bench) -> Cause | None:
    """Test whether an output has NaN or infinity although the baseline's has not."""
    return _cause(bench, NOT_FINITE, "an operator overflows, or a scale in the file is broken")


def misplaced(bench: Bench) -> Cause | None:
    """Test whether an output matches a different output of the baseline."""
    fits = bench.variant.outputs
    others = {fit.output: fit.is_output for fit in fits if fit.is_output is not None}
    if not others:
        return None
    places = ", ".join(f"output {at} is the baseline's output {of}" for at, of in others.items())
    return Cause(ORDER, places, {"outputs": {str(at): of for at, of in others.items()}})


def exchanged(bench: Bench) -> Cause | None:
    """Test whether outputs of unlike shapes, which can't be compared, come in another order."""
    if not isinstance(bench.error, UnlikeOutputsError):
        return None
    ours, theirs = (
        [model.tensors[index].shape for index in model.outputs]
        for model in (bench.baseline_file, bench.variant_file)
    )
    if ours == theirs or sorted(ours) != sorted(theirs):
        return None
    return Cause(ORDER, "", {"shapes": [list(shape) for shape in theirs]})


def one_scale(bench: Bench) -> Cause | None:
    """Test whether one scale serves values of different ranges, so that the smaller are lost."""
    return _cause(bench, ONE_SCALE, "one scale for outputs of unlike range") or _shared(bench)


def _shared(bench: Bench) -> Cause | None:
    """Return the cause if an output has the scale of another one, which varies far more."""
    scaled = [(fit, fit.steps) for fit in bench.variant.outputs if fit.steps is not None]
    for fit, steps in scaled:
        wider = [
            other
            for other, others in scaled
            if others.step == steps.step and others.whole >= GAP * max(steps.whole, LEAST_STEPS)
        ]
        if steps.whole < LEAST_STEPS and wider:
            return Cause(
                ONE_SCALE,
                f"{label(fit)} has the scale of {label(wider[0])}: all of its values lie within "
                f"{steps.whole:.2g} steps of {steps.step:.3g}",
                {**outline(fit), "output": fit.output},
            )
    return None


def dead(bench: Bench) -> Cause | None:
    """Test whether an output, or a part of it, no longer depends on the image."""
    return _cause(bench, DEAD, "what leads to this output no longer depends on the image")


def lost(bench: Bench) -> Cause | None:
    """Test whether columns of an output are unlike the baseline's or empty."""
    return _cause(bench, LOST, "some columns of an output say something else, or nothing")


def _cause(bench: Bench, name: str, sentence: str) -> Cause | None:
    for output in bench.variant.outputs:
        problem = problem_of([output], trained=True)
        if problem is not None and problem.name == name:
            return Cause(name, sentence, {**outline(output), "output": output.output})
    return None
