"""Hypotheses about outputs, whatever they mean: in another order, on one scale, dead."""

from __future__ import annotations

from edgeq.diagnosis.bench import Bench
from edgeq.diagnosis.cause import Cause
from edgeq.judge.tensors import DEAD, LOST, NOT_FINITE, ONE_SCALE, ORDER, outline, problem_of


def not_finite(bench: Bench) -> Cause | None:
    """An output holds NaN or infinities where the baseline's does not."""
    return _cause(bench, NOT_FINITE, "an operator overflows, or a scale in the file is broken")


def misplaced(bench: Bench) -> Cause | None:
    """An output is another one of the baseline's."""
    fits = bench.variant.outputs
    others = {fit.output: fit.is_output for fit in fits if fit.is_output is not None}
    if not others:
        return None
    places = ", ".join(f"output {at} is the baseline's output {of}" for at, of in others.items())
    return Cause(ORDER, places, {"outputs": {str(at): of for at, of in others.items()}})


def one_scale(bench: Bench) -> Cause | None:
    """One scale serves values of unlike range, and the smaller ones are lost."""
    return _cause(bench, ONE_SCALE, "one scale for outputs of unlike range")


def dead(bench: Bench) -> Cause | None:
    """An output, or a part of it, no longer depends on the image."""
    return _cause(bench, DEAD, "what leads to this output no longer depends on the image")


def lost(bench: Bench) -> Cause | None:
    """Columns of an output say something else than the baseline's, or nothing."""
    return _cause(bench, LOST, "some columns of an output say something else, or nothing")


def _cause(bench: Bench, name: str, sentence: str) -> Cause | None:
    for output in bench.variant.outputs:
        problem = problem_of([output], trained=True)
        if problem is not None and problem.name == name:
            return Cause(name, sentence, {**outline(output), "output": output.output})
    return None
