"""The verdicts on a case, the answers about a variant, and the only rule that makes a verdict."""

from __future__ import annotations

import enum
from typing import Literal

import msgspec


class Verdict(str, enum.Enum):
    """The verdict on a case."""

    PASS = "PASS"  # noqa: S105 - a verdict, not a password
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    MISSING = "MISSING"


class ShipDecision(str, enum.Enum):
    """The answer about a variant: the first that applies, in this order.

    ``REJECTED`` means that a case counts against the variant, ``NOT_JUDGED`` that its predictions
    were not measured, ``UNPROVEN`` that nothing failed but something is open, and ``CLEARED`` that
    every declared case is PASS. Only a cleared variant may ship.
    """

    REJECTED = "rejected"
    NOT_JUDGED = "not judged"
    UNPROVEN = "unproven"
    CLEARED = "cleared"


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """A gate's judgement of one variant.

    Attributes:
        status: The verdict.
        reason: One sentence that a person can act on.
        value: The measured number in the gate's unit; None for proofs and MISSING.
        limit: The limit in the gate's unit; None for proofs.
        interval: Lower and upper end of the value's confidence interval; None if exact.
        next_step: What to do next; None if there is nothing to do.
        declared_missing: Whether the spec allows this MISSING.
        evidence: Plain JSON facts behind the reason.
    """

    status: Verdict
    reason: str
    value: float | None = None
    limit: float | None = None
    interval: tuple[float, float] | None = None
    next_step: str | None = None
    declared_missing: bool = False
    evidence: dict[str, object] = {}


def passed(reason: str, evidence: dict[str, object] | None = None) -> Judgement:
    """Return a PASS of a proof."""
    return Judgement(status=Verdict.PASS, reason=reason, evidence=evidence or {})


def failed(reason: str, next_step: str | None, evidence: dict[str, object]) -> Judgement:
    """Return a FAIL of a proof."""
    return Judgement(status=Verdict.FAIL, reason=reason, next_step=next_step, evidence=evidence)


def undecided(reason: str, next_step: str | None, evidence: dict[str, object]) -> Judgement:
    """Return an INCONCLUSIVE judgement of a proof."""
    return Judgement(
        status=Verdict.INCONCLUSIVE, reason=reason, next_step=next_step, evidence=evidence
    )


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
