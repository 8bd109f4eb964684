"""Hypotheses about the run through the network: the layer where the models diverge, and kernels."""

from __future__ import annotations

import numpy as np

from edgeq.diagnosis.bench import Bench
from edgeq.diagnosis.cause import Cause
from edgeq.diagnosis.layers import label

IMAGES = 2
APART = 0.6
JUMP = 4.0
CLOSE = 0.02


def kernels(bench: Bench) -> Cause | None:
    """Test whether the variant agrees on the reference kernels but not on those of the run."""
    own = bench.variant.spec.run.kernels
    if own == "reference":
        return None
    places = bench.chosen[:IMAGES]
    with bench.laid_out("reference") as laid:
        after = laid.attempt(bench.variant.preprocessing, places)
    before = bench.known(places)
    if not bench.recovers(before, after):
        return None
    return Cause(
        "kernels",
        f"on the reference kernels the error of the logits is {after.error:.2g}, on {own} "
        f"{before.error:.2g} ({len(places)} images)",
        {"kernels": own, "logits_error": [round(before.error, 4), round(after.error, 4)]},
    )


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
    errors = []
    both = zip(
        bench.computed(baseline=True, chosen=places),
        bench.computed(baseline=False, chosen=places),
        strict=True,
    )
    for ours, theirs in both:
        errors.append(
            [
                float(np.linalg.norm(b - a) / max(float(np.linalg.norm(a)), 1e-12))
                for a, b in zip(ours, theirs, strict=True)
            ]
        )
    return [float(error) for error in np.nan_to_num(np.mean(errors, axis=0), nan=np.inf)]


def first_jump(errors: list[float]) -> int | None:
    """Return the first layer whose error is far above that of all layers before it."""
    greatest = CLOSE
    for place, error in enumerate(errors):
        if error > APART and error > JUMP * greatest:
            return place
        greatest = max(greatest, error)
    return None
