"""Verdicts on the figures of tasks."""

from __future__ import annotations

from edgeq import words
from edgeq.config.gate import Gate
from edgeq.judge import resolution
from edgeq.judge.advice import another_method
from edgeq.judge.doubt import Doubt
from edgeq.judge.missing import missing
from edgeq.judge.sampled import judged
from edgeq.judge.verdict import Judgement
from edgeq.measure.figures import Figure, TaskFigures


def figure(figures: TaskFigures, limit: float, gate: Gate, *, method: str | None) -> Judgement:
    """Judge the figure that has the name of a gate.

    Args:
        figures: The figures of the variant's task.
        limit: The limit, in the gate's unit.
        gate: The gate, which has a sense.
        method: The variant's method, for advice.
    """
    measured = figures.get(gate.name)
    if measured is None:
        why = figures.absent.get(gate.name, f"the task has no figure {gate.name!r}")
        return missing(why, next_step=f"Evaluate other samples, or set `{gate.name} = false`")
    return judged(
        measured.value,
        measured.interval,
        limit,
        _about(measured, figures, gate),
        sense="min" if gate.sense == "min" else "max",
        kind=gate.kind,
        images=measured.images,
        clusters=figures.clusters,
        noun="value",
        evidence={
            "images": measured.images,
            "baseline": measured.baseline,
            "variant": measured.variant,
            "confidence": figures.confidence,
            "interval_method": measured.method,
        },
        failing=another_method(method),
    )


def _about(measured: Figure, figures: TaskFigures, gate: Gate) -> str:
    """Return what a figure is about, with both models' own if it is their difference."""
    sample = resolution.sample(measured.images, figures.clusters)
    if measured.baseline is None or measured.variant is None:
        return f"{measured.text} on {sample}"
    kind = "percent" if gate.kind == "points" else gate.kind
    both = words.change(kind, measured.baseline, measured.variant)
    return f"{measured.text} {both}, on {sample}"


def doubt_of_figures(figures: TaskFigures) -> Doubt | None:
    """Return why a baseline's predictions prove nothing in the terms of its task; None if not."""
    return Doubt(figures.doubt, figures.doubt_step) if figures.doubt else None
