"""Functions of the gates of tasks, which turn a variant and a limit into a judgement."""

from __future__ import annotations

from edgeq.config.gate import Gate
from edgeq.judge import figures
from edgeq.judge.verdict import Judgement
from edgeq.pipeline.variant import VariantUnderTest


def figure(variant: VariantUnderTest, limit: float, gate: Gate) -> Judgement:
    """Judge the figure that has the name of a gate."""
    return figures.figure(variant.figures, limit, gate, method=variant.method)
