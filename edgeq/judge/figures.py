"""Verdicts on the figures of tasks, and on a project's own measures."""

from __future__ import annotations

from edgeq import words
from edgeq.config.gate import Gate
from edgeq.judge import sampled
from edgeq.judge.doubt import Doubt
from edgeq.judge.missing import missing
from edgeq.judge.sampled import SampledValue, judged
from edgeq.judge.verdict import Judgement
from edgeq.measure.figures import Figure, TaskFigures
from edgeq.measure.own_measures import OwnMeasure

_LOOK = "Look at the samples on which the measure differs most, or try a method that is more exact"


def figure(figures: TaskFigures, limit: float, gate: Gate, *, method: str | None) -> Judgement:
    """Judge the figure that has the name of a gate."""
    measured = figures.get(gate.name)
    if measured is None:
        why = figures.absent.get(gate.name, f"the task has no figure {gate.name!r}")
        return missing(why, next_step=f"Evaluate other samples, or set `{gate.name} = false`")
    return judged(
        SampledValue(
            noun="value",
            kind=gate.kind,
            sense="min" if gate.sense == "min" else "max",
            value=measured.value,
            interval=measured.interval,
            limit=limit,
            images=measured.images,
            clusters=figures.clusters,
        ),
        _about(measured, figures, gate),
        {
            "images": measured.images,
            "baseline": measured.baseline,
            "variant": measured.variant,
            "confidence": figures.confidence,
            "interval_method": measured.method,
        },
        method=method,
    )


def _about(measured: Figure, figures: TaskFigures, gate: Gate) -> str:
    """Return what a figure is about, with both models' own if it is their difference."""
    sample = sampled.sample(measured.images, figures.clusters)
    if measured.baseline is None or measured.variant is None:
        return f"{measured.text} on {sample}"
    kind = "percent" if gate.kind == "points" else gate.kind
    both = words.change(kind, measured.baseline, measured.variant)
    return f"{measured.text} {both}, on {sample}"


def doubt_of_figures(figures: TaskFigures) -> Doubt | None:
    """Return why a baseline's predictions prove nothing in the terms of its task; None if not."""
    return Doubt(figures.doubt, figures.doubt_step) if figures.doubt else None


def own_value(measure: OwnMeasure, limit: float) -> Judgement:
    """Judge the variant's own value of a measure."""
    of = sampled.sample(measure.images, measure.clusters)
    baseline = words.value("number", measure.baseline)
    return judged(
        SampledValue(
            noun=measure.name,
            kind="number",
            sense="max" if measure.better == "lower" else "min",
            value=measure.variant,
            interval=measure.variant_interval,
            limit=limit,
            images=measure.images,
            clusters=measure.clusters,
        ),
        f"own measure {measure.name} on {of} (baseline {baseline})",
        _facts(measure),
        if_failing=_LOOK,
    )


def own_drop(measure: OwnMeasure, limit: float) -> Judgement:
    """Judge how much worse the variant's value of a measure is than the baseline's."""
    of = sampled.sample(measure.images, measure.clusters)
    both = words.change("number", measure.baseline, measure.variant)
    return judged(
        SampledValue.drop("number", measure.drop, measure.drop_interval, limit, measure),
        f"own measure {measure.name} {both} on {of}, {measure.better} is better; worse by",
        _facts(measure),
        if_failing=_LOOK,
    )


def _facts(measure: OwnMeasure) -> dict[str, object]:
    return {
        "measure": measure.name,
        "better": measure.better,
        "images": measure.images,
        "baseline": measure.baseline,
        "variant": measure.variant,
        "drop": measure.drop,
        "confidence": measure.confidence,
        "interval_method": measure.method,
    }
