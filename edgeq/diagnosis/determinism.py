"""Hypotheses about a variant's predictions: not finite, random, stateful, or constant."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgeq.diagnosis.bench import Bench, Laid, Order
from edgeq.diagnosis.cause import Cause
from edgeq.diagnosis.values import Values
from edgeq.measure.predictions import Predictions, outputs_facts

IMAGES = 6
SAME = 1e-4
LEAST_IMAGES = 4

Rows = npt.NDArray[np.float32]


def not_finite(bench: Bench) -> Cause | None:
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
    if len(places) < LEAST_IMAGES:
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
    """Return why predictions differ.

    Args:
        forth: Logits of n photographs, shape (n, c).
        back: Logits of the same photographs, run from the last to the first.
        again: Logits as in ``forth``, from another process.
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
