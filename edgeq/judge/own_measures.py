"""Verdicts on a project's own measures."""

from __future__ import annotations

from edgeq import words
from edgeq.judge import resolution
from edgeq.judge.sampled import judged
from edgeq.judge.verdict import Judgement
from edgeq.measure.own_measures import OwnMeasure

_LOOK = "Look at the samples on which the measure differs most, or try a method that is more exact"


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
