"""Judgements on size, agreement and accuracy: one function per gate.

All reasons have the same form: the measured facts, the value with its interval, the limit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import msgspec

from edgeq import words
from edgeq.judge import control, sampled
from edgeq.judge.advice import SMALLER_METHOD, another_method
from edgeq.judge.control import Reference, Tightened
from edgeq.judge.doubt import Doubt, doubted, nothing_to_lose
from edgeq.judge.missing import missing
from edgeq.judge.sampled import Lowest, SampledValue, another_look, called, judged
from edgeq.judge.verdict import Judgement, Verdict, decide, exact
from edgeq.measure.accuracy import Accuracy
from edgeq.measure.agreement import Agreement
from edgeq.measure.planning import images_needed, images_needed_for_drop
from edgeq.measure.size import LeastSize, Size
from edgeq.measure.statistics import best_provable_rate


def size_reduction(
    variant: Size,
    baseline: Size,
    limit: float,
    *,
    method: str | None = None,
    least: LeastSize | None = None,
) -> Judgement:
    """Judge the share of the baseline's bytes that the variant saves, which is exact.

    ``least``, the bytes that a file of the method needs for this baseline, lowers a default limit:
    a small network can't save the share that a large one saves, but its weights must be smaller. It
    is None if the spec sets the limit, which then applies as it is.
    """
    value = variant.reduction(baseline)
    reachable, unquantized = limit, None
    if least is not None:
        need = least.bytes + variant.parts.get("metadata", 0)
        # Three decimals are readable; rounding down is the safe side.
        reachable = min(limit, math.floor(1000 * (1.0 - need / baseline.bytes)) / 1000)
        unquantized = _unquantized(variant, least)
    status = decide(value, None, reachable, "min")
    if unquantized is not None and reachable < limit:
        status = Verdict.FAIL
    own, whole = words.sizes(variant.bytes, baseline.bytes)
    reason = f"{own} against {whole}: reduction " + words.against(
        "percent", value, reachable, "min"
    )
    if least is not None and reachable < limit:
        fixed = words.size(least.others)
        reason += unquantized or f"; all but the weights may take {fixed}, however few there are"
    return Judgement(
        status=status,
        reason=reason,
        value=value,
        limit=reachable,
        next_step=None if status is Verdict.PASS else _smaller(variant, method),
        evidence={
            "bytes": variant.bytes,
            "baseline_bytes": baseline.bytes,
            "parts": dict(variant.parts),
            **({} if least is None else {"needed": msgspec.to_builtins(least)}),
        },
    )


def _unquantized(variant: Size, least: LeastSize) -> str | None:
    """Return the remark that weights are not quantized; None if they save at least half they can.

    This check is needed because in a small file everything but the weights may hide it.
    """
    weights = sum(size for part, size in variant.parts.items() if part.startswith("weights "))
    if 2 * (least.float_weights - weights) >= least.float_weights - least.weights:
        return None
    own, whole = words.sizes(weights, least.float_weights)
    return f"; but its weights take {own}, as if not quantized, of the baseline's {whole}"


def max_bytes(variant: Size, limit: float, *, method: str | None = None) -> Judgement:
    """Judge the size of the variant's file in bytes, which is exact."""
    reason = words.against("size", variant.bytes, limit, "max")
    evidence: dict[str, object] = {"bytes": variant.bytes, "parts": dict(variant.parts)}
    return exact(float(variant.bytes), limit, "max", reason, _smaller(variant, method), evidence)


def top1_agreement(
    agreement: Agreement,
    limit: float,
    *,
    method: str | None = None,
    reference: Reference | None = None,
) -> Judgement:
    """Judge the share of images on which the variant gives the baseline's class."""
    tightened = control.of_agreement(reference, limit, agreement.confidence)
    ties = f", {words.plural(agreement.ties, 'tie')} counted against it" if agreement.ties else ""
    return _by_both_limits(
        SampledValue.share("rate", agreement.top1, agreement.top1_interval, limit, agreement),
        tightened,
        f"agrees on {agreement.agreeing:,} of {_sample(agreement)}{ties}",
        {
            "images": agreement.images,
            "agreeing": agreement.agreeing,
            "ties": agreement.ties,
            "nonfinite_images": agreement.nonfinite_images,
            "confidence": agreement.confidence,
            "interval_method": "Clopper-Pearson",
            "best_provable_rate": best_provable_rate(agreement.worth, agreement.confidence),
            "control": tightened.facts,
        },
        method=method,
        needed=lambda: images_needed(agreement.top1, tightened.limit, agreement.confidence),
        resolved=sampled.of_rate(agreement.worth, tightened.limit, agreement.confidence),
    )


def top5_overlap(agreement: Agreement, limit: float, *, method: str | None = None) -> Judgement:
    """Judge the mean share of the baseline's five best classes among the variant's.

    The result is MISSING for a model with five classes or fewer.
    """
    value, interval = agreement.top5_overlap, agreement.top5_interval
    if value is None or interval is None:
        return missing(
            f"the model has {agreement.classes} classes: five of them say nothing",
            next_step="Set `top5_overlap = false` for it",
        )
    return judged(
        SampledValue.share("overlap", value, interval, limit, agreement),
        f"top-5 overlap on {_sample(agreement)}",
        {
            "images": agreement.images,
            "confidence": agreement.confidence,
            "interval_method": "Gaffke's bounds",
        },
        method=method,
    )


def worst_cosine(
    agreement: Agreement, limit: float, *, method: str | None = None, names: Sequence[str] = ()
) -> Judgement:
    """Judge the lowest cosine of logits, apart from those that may lie below by chance."""
    worst = agreement.worst_images[0]
    image = called(worst.image, names)
    coarse = " (of log-probabilities)" if "log_probabilities" in agreement.logits_sources else ""
    broken = ", which is not finite" if agreement.nonfinite_images and worst.cosine == -1 else ""
    low = Lowest(
        agreement.lowest_cosines, agreement.images, limit, agreement.confidence, agreement.clusters
    )
    mean = f"{broken}, mean {words.value('number', agreement.cosine.mean)}"
    return Judgement(
        status=low.verdict,
        reason=low.reason(f"cosine{coarse}", image, mean),
        value=low.value,
        limit=limit,
        next_step=another_look(low, image, another_method(method)),
        evidence={
            "images": agreement.images,
            "mean": agreement.cosine.mean,
            "p5": agreement.cosine.p5,
            "worst_images": [worst_image.image for worst_image in agreement.worst_images],
            "logits_sources": list(agreement.logits_sources),
            **low.evidence(),
        },
    )


def accuracy_drop(
    accuracy: Accuracy,
    limit: float,
    *,
    method: str | None = None,
    doubt: Doubt | None = None,
    reference: Reference | None = None,
) -> Judgement:
    """Judge the baseline's top-1 accuracy minus the variant's, on the same images.

    Shifted or permuted labels make both models wrong alike, and the drop between two guesses means
    nothing. So the verdict is FAIL if the baseline is certainly wrong, and INCONCLUSIVE at best if
    there is a doubt about it.
    """
    if doubt is not None and doubt.wrong:
        right = round(accuracy.baseline_top1.value * accuracy.images)
        facts: dict[str, object] = {
            "images": accuracy.images,
            "classes": accuracy.classes,
            "baseline_right": right,
        }
        drop, interval = accuracy.drop, accuracy.drop_interval
        return doubted(nothing_to_lose(doubt, drop, interval, limit, facts), doubt)
    judgement = _drop(accuracy, limit, method, reference)
    return judgement if doubt is None else doubted(judgement, doubt)


def _drop(
    accuracy: Accuracy, limit: float, method: str | None, reference: Reference | None
) -> Judgement:
    tightened = control.of_drop(reference, limit, accuracy.baseline_top1.value, accuracy.confidence)
    of = f"{accuracy.images:,}" if accuracy.clusters is None else accuracy.clusters.text
    lost, gained = accuracy.lost / accuracy.images, accuracy.gained / accuracy.images
    top1 = words.change("percent", accuracy.baseline_top1.value, accuracy.variant_top1.value)
    return _by_both_limits(
        SampledValue.drop("points", accuracy.drop, accuracy.drop_interval, limit, accuracy),
        tightened,
        f"top-1 {top1}, {accuracy.lost:,} lost and {accuracy.gained:,} gained of {of}",
        {
            "images": accuracy.images,
            "lost": accuracy.lost,
            "gained": accuracy.gained,
            "mcnemar_p": accuracy.mcnemar_p,
            "control": tightened.facts,
            "confidence": accuracy.confidence,
            "interval_method": "Gaffke's bounds of a paired difference",
        },
        method=method,
        needed=lambda: images_needed_for_drop(lost, gained, tightened.limit, accuracy.confidence),
        resolved=sampled.of_drop(
            accuracy.worth, lost + gained, tightened.limit, accuracy.confidence
        ),
    )


def _by_both_limits(
    measured: SampledValue,
    tightened: Tightened,
    about: str,
    evidence: dict[str, object],
    *,
    method: str | None,
    needed: Callable[[], int | None],
    resolved: str,
) -> Judgement:
    """Judge a value by its own limit and by what the control makes of that."""
    alone = measured.verdict
    status = tightened.with_status(alone)
    by_control = status is not alone
    judgement = judged(
        replace(measured, limit=tightened.limit),
        about,
        evidence,
        method=method,
        if_failing=tightened.advice if by_control else "",
        status=status,
        needed=(lambda: tightened.needed) if by_control else needed,
        resolved=resolved,
    )
    return msgspec.structs.replace(judgement, reason=tightened.said(judgement.reason))


def min_accuracy(accuracy: Accuracy, limit: float, *, method: str | None = None) -> Judgement:
    """Judge the variant's own top-1 accuracy.

    The advice says if the baseline does not reach the limit either: no method makes up for that.
    """
    top1, baseline = accuracy.variant_top1, accuracy.baseline_top1
    further = "Train the baseline further: it is below the limit, too"
    return judged(
        SampledValue.share("accuracy", top1.value, top1.interval, limit, accuracy),
        f"top-1 right on {top1.images:,} of {_sample(accuracy)} "
        f"(baseline {words.value('percent', baseline.value)})",
        {
            "images": accuracy.images,
            "right": top1.images,
            "baseline_top1": baseline.value,
            "confidence": accuracy.confidence,
            "interval_method": "Clopper-Pearson",
        },
        method=method,
        if_failing="" if baseline.value >= limit else further,
        needed=lambda: images_needed(top1.value, limit, accuracy.confidence),
        resolved=sampled.of_rate(accuracy.worth, limit, accuracy.confidence, others="are wrong"),
    )


def _sample(measured: Agreement | Accuracy) -> str:
    return sampled.sample(measured.images, measured.clusters)


def _smaller(size: Size, method: str | None) -> str:
    """Return what takes up most of a file that is too large, with advice."""
    name, largest = max(size.parts.items(), key=lambda part: part[1])
    advice = SMALLER_METHOD.get(method or "", "Set a limit that this method can reach")
    return f"Most of it is {name} ({words.size(largest)}). {advice}"
