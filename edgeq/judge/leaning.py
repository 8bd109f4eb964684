"""Which verdict an INCONCLUSIVE value leans to: that of the side of the limit it lies on."""

from __future__ import annotations

from edgeq.config.gates import GATES
from edgeq.judge.decide import Sense
from edgeq.judge.verdict import Verdict


def side(value: float, limit: float, sense: Sense) -> Verdict:
    """Return PASS if a value is within its limit or equals it, FAIL otherwise."""
    within = value >= limit if sense == "min" else value <= limit
    return Verdict.PASS if within else Verdict.FAIL


def leaning(gate: str, status: Verdict, value: float | None, limit: float | None) -> Verdict | None:
    """Return the verdict that an INCONCLUSIVE case leans to.

    Returns:
        None if the case has another verdict or no value, or the gate is unknown or has no limit.
    """
    if status is not Verdict.INCONCLUSIVE or value is None or limit is None or gate not in GATES:
        return None
    sense = GATES.get(gate).sense
    return None if sense == "proof" else side(value, limit, sense)


def in_words(status: Verdict, leans: Verdict | None) -> str:
    """Return a verdict as text, for example ``"INCONCLUSIVE, leans to FAIL"``."""
    return status.value if leans is None else f"{status.value}, leans to {leans.value}"
