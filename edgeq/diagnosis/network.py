"""Hypotheses about the run through the network: the layer where the models diverge, and kernels."""

from __future__ import annotations

import numpy as np

from edgeq.diagnosis.bench import RECOVERED, Bench, Reals
from edgeq.diagnosis.cause import Cause
from edgeq.diagnosis.compared import label
from edgeq.tflite.model_file import read_model
from edgeq.tflite.skeleton import short

IMAGES = 2
APART = 0.6
KERNELS_APART = 0.1
"""Relative error of a tensor between kernels that rounding does not explain."""
JUMP = 4.0
CLOSE_ERROR = 0.02
REAL_TYPES = frozenset({"float32", "int8", "uint8", "int16"})
"""Types of tensors that stand for real numbers."""


def kernels(bench: Bench) -> Cause | None:
    """Test whether the variant agrees on the reference kernels but not on those of the run.

    Good kernels round otherwise, which may lower the error of a few images to the control's level.
    So at least half of it must go.
    """
    own = bench.variant.spec.run.kernels
    if own == "reference":
        return None
    places = bench.chosen[:IMAGES]
    with bench.laid_out("reference") as laid:
        after = laid.attempt(bench.variant.preprocessing, places)
    before = bench.known(places)
    if after.error > RECOVERED * before.error or not bench.recovers(before, after):
        return None
    return Cause(
        "kernels",
        f"on the reference kernels the error of the logits is {after.error:.2g}, on {own} "
        f"{before.error:.2g} ({len(places)} images)",
        {"kernels": own, "logits_error": [round(before.error, 4), round(after.error, 4)]},
    )


def differing_kernel(bench: Bench) -> Cause | None:
    """Find the first operator whose results abruptly differ between the run's kernels and others.

    Each operator is given what the same kernels have computed before it.
    """
    own, other = bench.variant.spec.run.kernels, bench.variant.other_kernels.kernels
    model = read_model(bench.variant.path)
    operators = [
        operator
        for operator in model.operators
        if operator.outputs and model.tensors[operator.outputs[0]].dtype in REAL_TYPES
    ]
    tensors = [operator.outputs[0] for operator in operators]
    places = bench.chosen[:1]
    (ours,), (theirs,) = (
        bench.inside(bench.variant, tensors, places, kernels) for kernels in (None, other)
    )
    errors = [_relative(a, b) for a, b in zip(ours, theirs, strict=True)]
    place = first_jump(errors, KERNELS_APART)
    if place is None:
        return None
    operator, tensor = operators[place], model.tensors[tensors[place]]
    before = max(errors[:place], default=0.0)
    return Cause(
        "differing_kernel",
        f"{own} and {other} kernels differ from operator {operator.index} on, {operator.name} "
        f"({short(tensor.name)}): relative error {errors[place]:.2f}, before it at most "
        f"{before:.2f}",
        {"operator": operator.name, "index": operator.index, "error": round(errors[place], 4)},
    )


def _relative(ours: Reals, theirs: Reals) -> float:
    """Return the norm of a difference divided by the norm of the first; infinity if not finite."""
    error = np.linalg.norm(theirs - ours) / max(float(np.linalg.norm(ours)), 1e-12)
    return float(np.nan_to_num(error, nan=np.inf))


def parting(bench: Bench) -> None:
    """Record the first layer whose output abruptly leaves the baseline's, if no fact is known.

    That shows where to look, but is not a cause, as nothing was corrected.
    """
    if not bench.pairs or bench.known_fact is not None:
        return
    errors = part_errors(bench)
    place = first_jump(errors)
    if place is not None:
        before = max(errors[:place], default=0.0)
        bench.known_fact = (
            f"baseline and variant differ from layer {label(bench.pairs[place].variant)} on: "
            f"relative error {errors[place]:.2f}, before it at most {before:.2f}"
        )


def part_errors(bench: Bench) -> list[float]:
    """Return the relative error of each common layer's output, averaged over a few images."""
    places = bench.chosen[:IMAGES]
    ours = [pair.baseline.output.index for pair in bench.pairs]
    theirs = [pair.variant.output.index for pair in bench.pairs]
    both = zip(
        bench.inside(bench.variant.baseline, ours, places),
        bench.inside(bench.variant, theirs, places),
        strict=True,
    )
    errors = [[_relative(a, b) for a, b in zip(*computed, strict=True)] for computed in both]
    return [float(error) for error in np.mean(errors, axis=0)]


def first_jump(errors: list[float], apart: float = APART) -> int | None:
    """Return the first layer whose error is above ``apart`` and far above all before it."""
    greatest = CLOSE_ERROR
    for place, error in enumerate(errors):
        if error > apart and error > JUMP * greatest:
            return place
        greatest = max(greatest, error)
    return None
