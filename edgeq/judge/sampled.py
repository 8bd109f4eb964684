"""Verdicts on sampled values: the figures of tasks, and a project's own measures."""

from __future__ import annotations

from edgeq import words
from edgeq.config.gate import Gate
from edgeq.judge import open_value, resolution
from edgeq.judge.advice import another_method, more_images
from edgeq.judge.decide import Sense, decide, half_towards
from edgeq.judge.doubt import Doubt
from edgeq.judge.limits import cluster_facts
from edgeq.judge.missing import missing
from edgeq.judge.verdict import Judgement, Verdict
from edgeq.measure.clusters import Clusters, independent
from edgeq.measure.figures import Figure, TaskFigures
from edgeq.measure.own_measures import OwnMeasure
from edgeq.measure.planning import samples_needed
from edgeq.measure.statistics import Interval
from edgeq.words import Kind

_LOOK = "Look at the samples on which the measure differs most, or try a method that is more exact"


def judged(
    value: float,
    interval: Interval | None,
    limit: float,
    of: str,
    *,
    sense: Sense,
    kind: Kind,
    images: int,
    clusters: Clusters | None,
    noun: str,
    evidence: dict[str, object],
    failing: str,
) -> Judgement:
    """Return the judgement of a sampled value.

    Args:
        value: The value.
        interval: Its interval; None if a single image can't tell.
        limit: Its limit.
        of: What the value is about, as the beginning of the reason.
        sense: ``"min"`` if the value must reach the limit, ``"max"`` if it must not exceed it.
        kind: How the value is written.
        images: Number of images.
        clusters: Which images belong together.
        noun: Name of the value in advice.
        evidence: The facts behind the value.
        failing: What to do if it fails.
    """
    status = Verdict.INCONCLUSIVE if interval is None else decide(value, interval, limit, sense)
    have = independent(images, clusters)
    step = None
    if status is Verdict.FAIL:
        step = failing
    elif status is Verdict.INCONCLUSIVE and interval is None:
        step = "Evaluate more images: a single one can't settle it"
    elif status is Verdict.INCONCLUSIVE and interval is not None:
        fine = open_value.FINE_RATE
        highest = 1.0 if sense == "min" and kind == "percent" else None
        open_ = open_value.OpenValue(noun, kind, value, interval, limit, sense, fine, highest)
        towards = half_towards(value, interval, limit)
        needed = samples_needed(value, towards, have, limit)
        step = more_images(open_, needed, have, clusters)
        if not open_.is_known and not open_.is_unreachable and needed is not None:
            evidence = {**evidence, "images_needed": max(needed, have + 1)}
    return Judgement(
        status=status,
        reason=f"{of}: {words.against(kind, value, limit, sense, interval)}",
        value=value,
        limit=limit,
        interval=interval,
        next_step=step,
        evidence={
            **evidence,
            "resolution": resolution.worth(
                clusters, resolution.of_interval(have, "image", kind, interval)
            ),
            **cluster_facts(clusters),
        },
    )


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


def own_value(measure: OwnMeasure, limit: float) -> Judgement:
    """Judge the variant's own value of a measure.

    Args:
        measure: The measure.
        limit: Least value allowed, or greatest if lower values are better.
    """
    of = resolution.sample(measure.images, measure.clusters)
    baseline = words.value("number", measure.baseline)
    return judged(
        measure.variant,
        measure.variant_interval,
        limit,
        f"own measure {measure.name} on {of} (baseline {baseline})",
        sense="max" if measure.better == "lower" else "min",
        kind="number",
        images=measure.images,
        clusters=measure.clusters,
        noun=measure.name,
        evidence=_facts(measure),
        failing=_LOOK,
    )


def own_drop(measure: OwnMeasure, limit: float) -> Judgement:
    """Judge how much worse the variant's value of a measure is than the baseline's.

    Args:
        measure: The measure.
        limit: Greatest drop allowed.
    """
    of = resolution.sample(measure.images, measure.clusters)
    both = words.change("number", measure.baseline, measure.variant)
    return judged(
        measure.drop,
        measure.drop_interval,
        limit,
        f"own measure {measure.name} {both} on {of}, {measure.better} is better; worse by",
        sense="max",
        kind="number",
        images=measure.images,
        clusters=measure.clusters,
        noun="drop",
        evidence=_facts(measure),
        failing=_LOOK,
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
