"""One function per gate on latency, memory and the delegate, and the signs of unsteady timing."""

from __future__ import annotations

from dataclasses import dataclass

from edgeq import words
from edgeq.judge import growing
from edgeq.judge.advice import in_all, more_rounds, more_seconds
from edgeq.judge.missing import missing
from edgeq.judge.open_value import of_time
from edgeq.judge.sampled import of_interval
from edgeq.judge.verdict import Judgement, Verdict, decide, exact, half_towards
from edgeq.measure.bootstrap import least_blocks
from edgeq.measure.growth import Watched
from edgeq.measure.latency import MIN_FOR_P90, Latency
from edgeq.measure.planning import samples_needed
from edgeq.run.settling import FALLEN_CLOCK, HOT_CELSIUS
from edgeq.words import plural, share

NOISY_SPREAD = 0.05
"""Median absolute deviation, as a share of the median, above which the machine was not idle: in an
undisturbed job it is 0.3 %."""

NOTABLE_DRIFT = 0.05
"""Relative change from the first third's median to the last third's that counts as drift. It must
also exceed the spread, which alone can move medians of thirds."""


@dataclass(frozen=True)
class _Time:
    """A time or a ratio of times and its limit, in the gate's unit."""

    noun: str
    kind: words.Kind
    facts: str
    value: float
    interval: tuple[float, float] | None
    limit: float


def latency_ratio(latency: Latency, limit: float) -> Judgement:
    """Judge the variant's median latency divided by the baseline's."""
    facts = (
        f"{words.milliseconds(latency.variant.median_s)} against "
        f"{words.milliseconds(latency.baseline.median_s)}: ratio"
    )
    time = _Time("ratio", "times", facts, latency.ratio, latency.ratio_interval, limit)
    return _timed(time, latency)


def max_latency_ms(latency: Latency, limit: float) -> Judgement:
    """Judge the variant's median latency in ms, which depends on this machine and run."""
    value = latency.variant.median_s * 1000
    ends = latency.variant.median_interval_s
    facts = f"median of {words.plural(latency.variant.rounds, 'round')}:"
    interval = None if ends is None else (ends[0] * 1000, ends[1] * 1000)
    return _timed(_Time("median", "ms", facts, value, interval, limit), latency)


def max_peak_memory(
    peak_bytes: int, limit: float, *, added_bytes: int | None = None, watched: Watched | None = None
) -> Judgement:
    """Judge the peak resident memory of a worker that ran the variant.

    Args:
        peak_bytes: The peak of a fresh worker, over its first inferences.
        limit: Greatest peak allowed, in bytes.
        added_bytes: Bytes that the model added to the bare worker; None if unknown.
        watched: How a worker's memory rose over the evaluation; None without an evaluation. It
            counts only if it exceeds noise, so that peaks of steady variants can be compared
            whatever the number of images.
    """
    grown, inferences = (0, 0) if watched is None else growing.grown(watched)
    peak = peak_bytes + grown
    facts = [] if added_bytes is None else [f"the model adds {words.size(added_bytes)}"]
    if grown:
        runs = words.plural(inferences, "inference")
        facts.append(f"{words.size(float(f'{grown:.2g}'))} more over {runs}")
    added = f" ({', '.join(facts)})" if facts else ""
    return exact(
        float(peak),
        limit,
        "max",
        f"peak of the worker{added}: {words.against('size', peak, limit, 'max')}",
        "Try a method that keeps its weights quantized while running, for example int8",
        {
            "peak_bytes": peak_bytes,
            "added_bytes": added_bytes,
            "grown_bytes": grown,
            "inferences": inferences,
        },
    )


def max_partitions(
    partitions: int,
    limit: float,
    *,
    delegated: int,
    operators: int,
    kernels: str,
) -> Judgement:
    """Judge the number of partitions into which the delegate split the graph.

    A delegate that took no operator fails: no partition is worse than many.
    """
    if kernels != "xnnpack":
        return missing(
            f"the kernels are {kernels!r}: there is no delegate to make partitions",
            next_step='Set `run.kernels = "xnnpack"`, or `max_partitions = false`',
        )
    status = decide(partitions, None, limit, "max") if delegated else Verdict.FAIL
    reason = (
        f"{words.plural(partitions, 'partition')} with {delegated:,} of {operators:,} operators"
        if delegated
        else f"the delegate took none of {operators:,} operators"
    )
    return Judgement(
        status=status,
        reason=f"{reason} (limit: at most {words.plural(int(limit), 'partition')})",
        value=float(partitions),
        limit=limit,
        next_step=None
        if status is Verdict.PASS
        else "Export with a fixed batch of 1, or choose a method that the delegate supports",
        evidence={"partitions": partitions, "delegated": delegated, "operators": operators},
    )


def _timed(time: _Time, latency: Latency) -> Judgement:
    """Judge a time; without an interval it is INCONCLUSIVE, since a time is never exact."""
    interval = time.interval
    status = (
        Verdict.INCONCLUSIVE
        if interval is None
        else decide(time.value, interval, time.limit, "max")
    )
    taking, (step, needed) = latency.taking, _next_step(status, time, latency)
    few = "" if interval else f"{words.plural(latency.blocks, 'block')} can't tell; "
    return Judgement(
        status=status,
        reason=f"{few}{time.facts} "
        f"{words.against(time.kind, time.value, time.limit, 'max', interval)}{_board(latency)}",
        value=time.value,
        limit=time.limit,
        interval=interval,
        next_step=step,
        evidence={
            "rounds": latency.variant.rounds,
            "blocks": latency.blocks,
            "confidence": latency.confidence if taking is None else taking.confidence,
            "interval_confidence": latency.confidence,
            "interval_method": "paired bootstrap over blocks",
            "baseline_spread": latency.baseline.spread,
            "variant_spread": latency.variant.spread,
            "baseline_drift": latency.baseline.drift,
            "variant_drift": latency.variant.drift,
            "looks": 1 if taking is None else taking.looks,
            "budget_s": None if taking is None else taking.budget_s,
            "used_s": None if taking is None else taking.used_s,
            "load_average": None if taking is None else list(taking.load_average),
            "unsteady": [cause.seen for cause in causes(latency)],
            "resolution": of_interval(latency.variant.rounds, "round", time.kind, interval),
            **needed,
        },
    )


def _board(latency: Latency) -> str:
    """Return what is unusual about another machine's clock, whatever the verdict."""
    seen = ", ".join(sign.seen for sign in on_board(latency))
    return f"; {seen}" if seen else ""


def _next_step(
    status: Verdict, time: _Time, latency: Latency
) -> tuple[str | None, dict[str, object]]:
    """Return what to do, and the total number of rounds that would settle an open time."""
    if status is Verdict.PASS:
        return None, {}
    unsteady = said(causes(latency))
    if status is Verdict.FAIL:
        step = "Check that the delegate takes every operator; int8 is the fastest method"
        return f"{unsteady}{step}", {}
    if time.interval is None:
        step = f"Time {least_blocks(latency.confidence)} blocks of each model or more: "
        return f"{unsteady}{step}raise `latency.rounds` or `latency.budget_s`", {}
    have, taking = latency.variant.rounds, latency.taking
    open_ = of_time(time.noun, time.kind, time.value, time.interval, time.limit)
    half = half_towards(time.value, time.interval, time.limit)
    needed = samples_needed(time.value, half, have, time.limit)
    if taking is None or taking.used_s < taking.budget_s:
        step = more_rounds(open_, needed, have)
    else:
        step = more_seconds(open_, needed, have, taking.used_s)
    total = None if open_.is_known else in_all(needed, have)
    return f"{unsteady}{step}", {} if total is None else {"rounds_needed": total}


@dataclass(frozen=True)
class Cause:
    """A sign that times are unsteady."""

    seen: str
    advice: str


def causes(latency: Latency) -> tuple[Cause, ...]:
    """Return the signs that a benchmark was unsteady, most likely cause first."""
    signs = (
        _load(latency),
        *on_board(latency),
        _spread(latency),
        _drift(latency),
        _few_rounds(latency),
    )
    return tuple(sign for sign in signs if sign is not None)


def on_board(latency: Latency) -> tuple[Cause, ...]:
    """Return the signs that the clock of another machine was not steady."""
    board = None if latency.taking is None else latency.taking.board
    if board is None:
        return ()
    signs = []
    hottest, (before, after) = max(board.celsius), board.clock_mhz
    if hottest >= HOT_CELSIUS:
        signs.append(Cause(f"the board was {hottest:.0f} °C hot", "cool it"))
    if 0 < after < FALLEN_CLOCK * before:
        signs.append(
            Cause(
                f"its clock fell from {before:,.0f} to {after:,.0f} MHz",
                "cool it, or fix its clock",
            )
        )
    if not board.steady:
        signs.append(
            Cause(
                f"its times were not steady after {board.warmup_s:.0f} s of warming up",
                "fix its clock frequency (governor `performance`), and stop other programs there",
            )
        )
    return tuple(signs)


def said(signs: tuple[Cause, ...]) -> str:
    """Return signs and advice as a sentence with a trailing space; ``""`` if there are no signs."""
    if not signs:
        return ""
    advice = "; ".join(dict.fromkeys(sign.advice for sign in signs))
    seen = ", ".join(sign.seen for sign in signs)
    return f"The timing was unsteady ({seen}): {advice}. "


def _load(latency: Latency) -> Cause | None:
    taking = latency.taking
    if taking is None or taking.cores is None or max(taking.load_average) <= taking.cores:
        return None
    cores = plural(taking.cores, "core")
    return Cause(
        f"load average {max(taking.load_average):.1f} on {cores}",
        "the machine was busy: stop other programs",
    )


def _spread(latency: Latency) -> Cause | None:
    spread = max(latency.baseline.spread, latency.variant.spread)
    if spread <= NOISY_SPREAD:
        return None
    return Cause(
        f"spread {share(spread)} of the median", "the machine was busy: stop other programs"
    )


def _drift(latency: Latency) -> Cause | None:
    drift = max((latency.baseline.drift or 0.0, latency.variant.drift or 0.0), key=abs)
    spread = max(latency.baseline.spread, latency.variant.spread)
    if abs(drift) <= max(NOTABLE_DRIFT, spread):
        return None
    slower = "slower" if drift > 0 else "faster"
    return Cause(
        f"{share(abs(drift))} {slower} at the end than at the start",
        "fix the clock frequency, or raise `latency.warmup`",
    )


def _few_rounds(latency: Latency) -> Cause | None:
    rounds = latency.variant.rounds
    if rounds >= MIN_FOR_P90:
        return None
    return Cause(f"only {plural(rounds, 'round')}", "raise `latency.rounds` or `latency.budget_s`")
