"""Judgements about targets: outputs beside this machine's, and what a compiler finds. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from edgeq import words
from edgeq.judge import running
from edgeq.judge.missing import NOT_MEASURED, missing
from edgeq.judge.verdict import Judgement, Verdict, decide, exact, failed, passed
from edgeq.measure.beside_here import BesideHere
from edgeq.targets.findings import Findings
from edgeq.words import plural

Arithmetic = Literal["float", "integer", "dynamic"]

MAX_ROUNDED = 0.03
"""Share of an integer file's live values (see ``BesideHere``) that may differ by one step.

Kernels of one kind round alike except on ties: on the emulated Cortex-A76 good files differ in
1.4 % at most, by other kernels in 16 % or more, and with a convolution that rounds a quarter of a
step too low in 5 % or more (benchmarks/rounding.md)."""

MAX_GROWN = 0.008
"""Share of the live values that may differ by more than a step on another architecture, where a
tie inside of the network grows: 0.4 % at most of the same files. Such kernels are told by
``MAX_ROUNDED``, as few of their differences may exceed a step."""

MAX_DYNAMIC = 0.05
"""Default limit of ``same_as_local`` for dynamic range files: the share of samples with another
class that ``top1_agreement`` allows their method."""

MAX_MOVED = 0.01
"""Share of samples to which a float baseline may give another class on other kernels: ties."""

_MORE = "Evaluate more images: these can't settle it"
_NEXT = "Run `edgeq target check {}`, and compare versions and kernels of the runtime"


def same_as_local(
    beside: BesideHere,
    baseline: BesideHere,
    limit: float,
    *,
    arithmetic: Arithmetic,
    target: str,
) -> Judgement:
    """Judge whether a file gives the same outputs on a target as on this machine.

    The value is the share of outputs whose difference rounding does not explain: for float files
    those beyond ``EXACT``, for integer files those off by more than a step, unless ties may grow so
    on another architecture (``MAX_GROWN``), or all that differ if more than ``MAX_ROUNDED`` do. A
    dynamic range file rounds each input by itself, so that small differences grow; there the value
    is the share of samples with another class.

    It is a FAIL only if the difference is also larger than quantization explains, as for the proof
    on kernels. Less than that is INCONCLUSIVE: the target's kernels are others, and what they do
    to predictions is judged by the other gates there.
    """
    value, interval, text = _value(beside, arithmetic)
    status, step = Verdict.PASS, _NEXT.format(target)
    if value is not None:
        status = decide(value, interval, limit, "max")
    if interval is not None and value is not None:
        text = f"{words.against('percent', value, limit, 'max', interval)} {text}"
        step = _MORE if status is Verdict.INCONCLUSIVE else step
    excess = _excess(beside)
    if excess:
        status = Verdict.FAIL
    elif status is Verdict.FAIL:
        status = Verdict.INCONCLUSIVE
        text += ", less than quantization does"
    reason = excess or text
    if baseline.moved or baseline.beyond:
        others, counted = _baseline(baseline)
        reason = f"{reason}; {others}"
        status = Verdict.FAIL if counted else _worse(status)
    return Judgement(
        status=status,
        reason=reason,
        value=value,
        limit=limit,
        interval=interval,
        next_step=None if status is Verdict.PASS else step,
        evidence={
            "arithmetic": arithmetic,
            "variant": msgspec.to_builtins(beside),
            "baseline": msgspec.to_builtins(baseline),
        },
    )


def _value(
    beside: BesideHere, arithmetic: Arithmetic
) -> tuple[float | None, tuple[float, float] | None, str]:
    """Return the value, its interval, and what it says."""
    differ = described(beside)
    if not beside.differing:
        return 0.0, None, differ
    if arithmetic == "dynamic" or (arithmetic == "integer" and not beside.in_steps):
        if beside.moved is None or not beside.images:
            return None, None, differ
        text = f"of {plural(beside.images, 'sample')} get another class than here; {differ}"
        return beside.moved / beside.images, beside.moved_interval, text
    count = beside.beyond
    if arithmetic == "integer" and beside.differing > max(1.0, MAX_ROUNDED * beside.live):
        count = beside.differing
    elif arithmetic == "integer" and _is_grown(beside):
        count, differ = 0, f"{differ}, as ties do that another architecture rounds otherwise"
    return count / beside.values, None, differ


def _is_grown(beside: BesideHere) -> bool:
    """Return whether ties that grow explain the values that differ by more than a step."""
    return beside.unlike and 0 < beside.beyond <= MAX_GROWN * beside.live


def described(beside: BesideHere) -> str:
    """Return in words how far outputs differ from those on this machine."""
    if not beside.differing:
        return f"the same as here, bit by bit ({beside.values:,} values)"
    of = f"{beside.differing:,} of {beside.values:,} values differ from here"
    return f"{of}, by {_largest(beside)} at most"


def _largest(beside: BesideHere) -> str:
    """Return the largest difference in words, in steps if every output has a scale."""
    if beside.in_steps:
        return plural(round(beside.largest), "step")
    return f"{beside.largest:.2g}"


def _excess(beside: BesideHere) -> str:
    """Return why a difference is more than quantization explains, empty if it is not."""
    noise = beside.noise
    if noise is None or not beside.differing:
        return ""
    if noise.nonfinite:
        return f"NaN or infinity there on {plural(noise.nonfinite, 'sample')}, here on none"
    if noise.noise is None or running.strain(noise)[1] <= 1.0:
        return ""
    apart, error = (words.value("number", each or 0.0) for each in (noise.noise, noise.own_error))
    return (
        f"outputs there lie {apart} from those here, more than quantization explains: {error} from "
        f"the baseline (relative error, {plural(noise.images, 'sample')})"
    )


def _baseline(baseline: BesideHere) -> tuple[str, bool]:
    """Return what is wrong with a baseline there, and whether it decides the case."""
    if baseline.moved:
        text = f"the baseline itself gives {plural(baseline.moved, 'sample')} another class there"
        low = 0.0 if baseline.moved_interval is None else baseline.moved_interval[0]
        return text, low > MAX_MOVED
    return f"the baseline's outputs differ by {baseline.largest:.2g} from here", False


def _worse(status: Verdict) -> Verdict:
    return Verdict.INCONCLUSIVE if status is Verdict.PASS else status


def placement(problems: Sequence[str], lines: Sequence[str]) -> Judgement:
    """Prove that a target's compiler, or its rules, find nothing that keeps a file from it."""
    shown = "; ".join(" ".join(line.split()) for line in lines)
    if problems:
        return failed(
            "; ".join((*problems, *([shown] if shown else []))),
            "Use a method that the target takes, or another model",
            {"findings": list(lines)},
        )
    return passed(shown, {"findings": list(lines)})


_FIGURES: Mapping[str, tuple[words.Kind, Literal["min", "max"], str]] = {
    "npu_operators": ("percent", "min", "Use operators and types that the NPU takes"),
    "npu_ms": ("ms", "max", "Use a smaller model, or a larger accelerator"),
    "sram": ("size", "max", "Use a smaller input, or another memory mode"),
}


def figure(findings: Findings, name: str, limit: float) -> Judgement:
    """Judge a figure that a target's compiler or rules give, which is exact for a file."""
    value, (kind, sense, step) = findings.figures.get(name), _FIGURES[name]
    if value is not None:
        reason = words.against(kind, value, limit, sense)
        return exact(value, limit, sense, reason, step, {"value": value})
    if findings.problems:  # a compiler may call a file that does not run there at all the fastest
        return placement(findings.problems, findings.lines)
    return missing(f"{NOT_MEASURED}the target's findings say nothing about it")


def max_arena(value: int | None, limit: float) -> Judgement:
    """Judge the bytes that an interpreter for microcontrollers needs; None if not reported."""
    if value is None:
        return missing(f"{NOT_MEASURED}the target's worker does not report its arena")
    reason = words.against("size", value, limit, "max")
    step = "Use a smaller input, or fewer channels"
    return exact(value, limit, "max", reason, step, {"value": value})
