"""One function per gate on latency, memory and the delegate."""

from __future__ import annotations

from dataclasses import dataclass

from edgeq.judge.advice import more_rounds
from edgeq.judge.decide import decide, half_towards
from edgeq.judge.missing import missing
from edgeq.judge.text import beside, between, kilobytes, limit_text, milliseconds, plural, wanted
from edgeq.judge.verdict import Judgement, Verdict
from edgeq.measure.bootstrap import LEAST_BLOCKS
from edgeq.measure.latency import Latency
from edgeq.measure.planning import samples_needed

NOISY_SPREAD = 0.05
"""A median absolute deviation above this share of the median is not a quiet machine's: in an
undisturbed job the spread is 0.3 %."""


@dataclass(frozen=True)
class _Time:
    """A time or a ratio of times beside its limit, in the gate's unit."""

    words: str
    value: float
    interval: tuple[float, float] | None
    limit: float
    limit_words: str


def latency_ratio(found: Latency, limit: float) -> Judgement:
    """Judge the variant's median latency divided by the baseline's."""
    words = (
        f"{milliseconds(found.variant.median_s)} against "
        f"{milliseconds(found.baseline.median_s)}, ratio {beside(found.ratio, limit, 3)}"
    )
    return _timed(_Time(words, found.ratio, found.ratio_interval, limit, limit_text(limit)), found)


def max_latency_ms(found: Latency, limit: float) -> Judgement:
    """Judge the variant's median latency in ms, as this machine is in this run."""
    value = found.variant.median_s * 1000
    ends = found.variant.median_interval_s
    words = f"median {beside(value, limit, 2)} ms over {plural(found.variant.rounds, 'round')}"
    interval = None if ends is None else (ends[0] * 1000, ends[1] * 1000)
    return _timed(_Time(words, value, interval, limit, f"{limit_text(limit)} ms"), found)


def max_peak_memory(peak_bytes: int, limit: float, *, added_bytes: int | None = None) -> Judgement:
    """Judge the peak resident memory of a worker that ran the variant.

    Args:
        peak_bytes: The peak.
        limit: In bytes.
        added_bytes: What the model added to the bare worker, None where unknown.
    """
    status = decide(peak_bytes, None, limit, "max")
    added = "" if added_bytes is None else f" (the model adds {kilobytes(added_bytes)})"
    return Judgement(
        status=status,
        reason=f"peak of {kilobytes(peak_bytes, limit)}{added}, "
        f"{wanted(kilobytes(limit, peak_bytes), 'max')}",
        value=float(peak_bytes),
        limit=limit,
        next_step=None
        if status is Verdict.PASS
        else "Try a method that keeps its weights quantized while running, for example int8",
        evidence={"peak_bytes": peak_bytes, "added_bytes": added_bytes},
    )


def max_partitions(
    partitions: int,
    limit: float,
    *,
    delegated: int,
    operators: int,
    kernels: str,
    declared: bool = False,
) -> Judgement:
    """Judge into how many partitions the delegate cut the graph.

    A delegate that took nothing fails: no partition is worse than many.

    Args:
        partitions: Delegated parts of the graph.
        limit: Most of them.
        delegated: Operators that the delegate took.
        operators: Operators of the graph.
        kernels: ``"xnnpack"``, ``"builtin"`` or ``"reference"``.
        declared: Whether the spec lets the gate be absent, as it is without a delegate.
    """
    if kernels != "xnnpack":
        return missing(
            f"the kernels are {kernels!r}: there is no delegate to make partitions",
            declared=declared,
            next_step='Set `run.kernels = "xnnpack"`, or `max_partitions = false`',
        )
    status = decide(partitions, None, limit, "max") if delegated else Verdict.FAIL
    reason = (
        f"{plural(partitions, 'partition')} with {delegated:,} of {operators:,} operators, "
        if delegated
        else f"the delegate took none of {operators:,} operators, "
    )
    return Judgement(
        status=status,
        reason=f"{reason}{wanted(plural(int(limit), 'partition'), 'max')}",
        value=float(partitions),
        limit=limit,
        next_step=None
        if status is Verdict.PASS
        else "Export with a fixed batch of 1, or choose a method that the delegate supports",
        evidence={"partitions": partitions, "delegated": delegated, "operators": operators},
    )


def _timed(time: _Time, found: Latency) -> Judgement:
    """Judge a time; without an interval it is a sample of unknown worth, never exact."""
    interval = time.interval
    status = (
        Verdict.INCONCLUSIVE
        if interval is None
        else decide(time.value, interval, time.limit, "max")
    )
    few = f", {plural(found.blocks, 'block')} are too few to tell" if interval is None else ""
    return Judgement(
        status=status,
        reason=f"{time.words}{between(interval, time.limit)}, "
        f"{wanted(time.limit_words, 'max')}{few}",
        value=time.value,
        limit=time.limit,
        interval=interval,
        next_step=_next_step(status, time, found),
        evidence={
            "rounds": found.variant.rounds,
            "blocks": found.blocks,
            "confidence": found.confidence,
            "interval_method": "paired bootstrap over blocks",
            "baseline_spread": found.baseline.spread,
            "variant_spread": found.variant.spread,
            "baseline_drift": found.baseline.drift,
            "variant_drift": found.variant.drift,
        },
    )


def _next_step(status: Verdict, time: _Time, found: Latency) -> str | None:
    if status is Verdict.PASS:
        return None
    if status is Verdict.FAIL:
        return "Check that the delegate takes every operator; int8 is the fastest method"
    if time.interval is None:
        return (
            f"Time {LEAST_BLOCKS} blocks of each model or more: "
            "raise `latency.rounds` or `latency.budget_s`"
        )
    rounds = found.variant.rounds
    half = half_towards(time.value, time.interval, time.limit)
    step = more_rounds(samples_needed(time.value, half, rounds, time.limit), rounds)
    spread = max(found.baseline.spread, found.variant.spread)
    busy = f"The machine was busy (spread {spread:.0%} of the median). "
    return f"{busy}{step}" if spread > NOISY_SPREAD else step
