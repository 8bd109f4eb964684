"""The four verdicts on a case, the four answers about a variant, and judgements with reasons."""

from __future__ import annotations

import enum

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
