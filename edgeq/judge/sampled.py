"""The judgement of a sampled value, as all tasks have it."""

from __future__ import annotations

from edgeq import words
from edgeq.judge import open_value, resolution
from edgeq.judge.advice import more_images
from edgeq.judge.decide import Sense, decide, half_towards
from edgeq.judge.limits import cluster_facts
from edgeq.judge.verdict import Judgement, Verdict
from edgeq.measure.clusters import Clusters, effective
from edgeq.measure.planning import samples_needed
from edgeq.measure.statistics import Interval
from edgeq.words import Kind


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
    worth = max(int(effective(images, clusters)), 1)
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
        needed = samples_needed(value, towards, worth, limit)
        step = more_images(open_, needed, worth, clusters)
        if not open_.is_known and not open_.is_unreachable and needed is not None:
            evidence = {**evidence, "images_needed": max(needed, worth + 1)}
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
                clusters, resolution.of_interval(worth, "image", kind, interval)
            ),
            **cluster_facts(clusters),
        },
    )
