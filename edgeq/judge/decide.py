"""The only rule that turns a number and a limit into a verdict."""

from __future__ import annotations

from typing import Literal

from edgeq.judge.verdict import Judgement, Verdict

Sense = Literal["min", "max"]


def decide(
    value: float, interval: tuple[float, float] | None, limit: float, sense: Sense
) -> Verdict:
    """Return PASS if the whole interval is within the limit, FAIL if all of it is outside.

    Anything between is INCONCLUSIVE. A value equal to the limit is within it. An exact value is its
    own interval and never INCONCLUSIVE.

    Args:
        value: The measured number.
        interval: Lower and upper end of its confidence interval; None if it is exact.
        limit: The limit, in the same unit.
        sense: ``"min"`` if the value must reach the limit, ``"max"`` if it must not exceed it.
    """
    low, high = (value, value) if interval is None else interval
    if sense == "max":
        low, high, limit = -high, -low, -limit
    if low >= limit:
        return Verdict.PASS
    return Verdict.FAIL if high < limit else Verdict.INCONCLUSIVE


def half_towards(value: float, interval: tuple[float, float], limit: float) -> float:
    """Return the length of the part of the interval between the value and the limit's side."""
    low, high = interval
    return value - low if value > limit else high - value


def exact(  # noqa: PLR0917 - what a judgement is made of
    value: float,
    limit: float,
    sense: Sense,
    reason: str,
    step: str,
    evidence: dict[str, object],
) -> Judgement:
    """Judge an exact value, with the next step for one that is not within its limit."""
    status = decide(value, None, limit, sense)
    return Judgement(
        status=status,
        reason=reason,
        value=value,
        limit=limit,
        next_step=None if status is Verdict.PASS else step,
        evidence=evidence,
    )
