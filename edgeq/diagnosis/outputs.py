"""Hypotheses about outputs of any meaning, random or constant ones, and variants that don't run."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgeq.config.methods import METHODS, MethodChoice
from edgeq.diagnosis.bench import Bench, Laid, Order
from edgeq.diagnosis.cause import Cause
from edgeq.diagnosis.compared import Values
from edgeq.errors import (
    ConversionError,
    EdgeqError,
    ModelError,
    ModelRefusedError,
    UnlikeOutputsError,
    WorkerCrashedError,
    WorkerMemoryError,
    WorkerTimeoutError,
)
from edgeq.judge.tensors import DEAD, LOST, NOT_FINITE, ONE_SCALE, ORDER, label, outline, problem_of
from edgeq.measure.predictions import Predictions, outputs_facts
from edgeq.measure.tensors import GAP, MIN_STEPS

_CAUSES = (
    (WorkerMemoryError, "memory", "the worker needs more memory than it may use"),
    (WorkerTimeoutError, "hang", "the runtime does not end an inference"),
    (WorkerCrashedError, "crash", "the runtime crashes on a file that is whole"),
    (
        ModelRefusedError,
        "refused",
        "the runtime does not take this model, although the file is whole",
    ),
)


def unreadable(bench: Bench) -> Cause | None:
    """Test whether the file is damaged or of the wrong kind."""
    error = bench.error
    if not isinstance(error, ModelError) or isinstance(error, ConversionError):
        return None
    return Cause("damaged_file", "", {"error": error.what})


def another_engine(bench: Bench) -> Cause | None:
    """Test whether one engine's file is refused or can't be built while another engine's loads."""
    choice = bench.variant.choice
    if choice is None or not isinstance(bench.error, ModelRefusedError | ConversionError):
        return None
    others = [name for name in METHODS.get(choice.method).engines if name != choice.engine]
    for engine in others if choice.classifier is None else []:
        label = f"{choice.method}@{engine}"
        other = bench.variant.run.undeclared(
            bench.variant.model, f"{label} (experiment)", MethodChoice(label, choice.method, engine)
        )
        try:
            other.loaded  # noqa: B018 - accessing the property loads it
        except EdgeqError:
            continue
        return Cause(
            "engine",
            f"the engine {choice.engine!r}: the runtime loads what {engine!r} makes of the same "
            "model by the same method",
            {"error": bench.error.what, "engine": engine},
            f'Write "{label}" in place of "{choice.label}"',
        )
    return None


def not_run(bench: Bench) -> Cause | None:
    """Test whether the runtime crashed, hung or refused the file."""
    for kind, name, sentence in _CAUSES:
        if isinstance(bench.error, kind):
            return Cause(name, sentence, {"error": bench.error.what})
    return None


IMAGES = 6
SAME = 1e-4
MIN_IMAGES = 4

Rows = npt.NDArray[np.float32]


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
            if others.step == steps.step and others.whole >= GAP * max(steps.whole, MIN_STEPS)
        ]
        if steps.whole < MIN_STEPS and wider:
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


def not_finite_answers(bench: Bench) -> Cause | None:
    """Test whether predictions contain NaN or infinity."""
    facts = outputs_facts(bench.predictions)
    if not facts.nonfinite_images:
        return None
    return Cause(
        "not_finite",
        f"{facts.nonfinite_images} of {facts.images} answers hold NaN or infinities, and no scale "
        "in the file is to blame: an operator overflows, or the runtime's kernels are at fault",
        {"images": facts.nonfinite_images, "values": facts.nonfinite_values},
    )


def unsteady(bench: Bench) -> Cause | None:
    """Test whether the same photographs get other predictions in another order or another run."""
    places = bench.chosen[:IMAGES]
    if len(places) < MIN_IMAGES:
        return None
    forth = _logits(bench, bench.laid(), places)
    with bench.laid_out() as other:
        back = _logits(bench, other, places[::-1])[::-1]
    if _same(forth, back):
        return None
    with bench.laid_out() as third:
        again = _logits(bench, third, places)
    return explain(forth, back, again)


def explain(forth: Rows, back: Rows, again: Rows) -> Cause:
    """Return why the logits of n photographs, shape (n, c), differ.

    They were run in order, from the last to the first, and in order again by another process.
    """
    facts: dict[str, object] = {"images": len(forth)}
    if not _same(forth, again):
        return Cause(
            "nondeterminism",
            f"the same {len(forth)} photographs got other answers in a second run",
            facts,
        )
    if _same(forth, np.repeat(forth[:1], len(forth), 0)) and _same(
        back, np.repeat(back[-1:], len(back), 0)
    ):
        return Cause(
            "constant_output",
            "every answer is that of the first photograph: the model runs once and its output "
            "is not renewed",
            facts,
        )
    late = "; each is that of the photograph before" if _same(forth[2:], back[:-2]) else ""
    return Cause(
        "stale_output",
        f"the answer to a photograph depends on those that were asked before it{late}",
        facts,
    )


def constant(bench: Bench) -> Cause | None:
    """Test whether every photograph gets the same prediction, for none of the other reasons."""
    if not outputs_facts(bench.predictions).constant:
        return None
    return Cause("constant_output", "every photograph gets the same answer, bit by bit")


def _logits(bench: Bench, laid: Laid, places: Order) -> Rows:
    how = bench.variant.preprocessing
    answers = laid.said(bench.pixels(how, places), how, places)
    if isinstance(answers, Predictions):
        return answers.logits
    if isinstance(answers, Values):
        return np.asarray(answers.output.rows[:, :])
    raise TypeError("boxes have no order in which they could be compared")


def _same(first: Rows, second: Rows) -> bool:
    spread = float(np.abs(first).max())
    return bool(np.abs(first - second).max() <= SAME * max(spread, SAME))
