"""A value whose interval contains its limit: how it leans, and whether more samples would help.

It leans to the verdict of the side of the limit that it lies on.
"""

from __future__ import annotations

from dataclasses import dataclass

from edgeq.config.gates import GATES
from edgeq.judge.verdict import Sense, Verdict
from edgeq.words import Kind

FINE_RATE = 0.001
"""A tenth of a point. Rates this close to their limit practically equal it."""

FINE_ROOM = 0.1
"""Maximum share of the distance between a rate's limit and 1 that may count as this close."""

FINE_TIME = 0.01
"""The same for times and their ratios, as a share of the limit."""


@dataclass(frozen=True)
class OpenValue:
    """An INCONCLUSIVE value.

    ``fine`` is a distance from the limit that makes no practical difference, ``highest`` the
    highest possible value, if there is one.
    """

    noun: str
    kind: Kind
    value: float
    interval: tuple[float, float]
    limit: float
    sense: Sense
    fine: float
    highest: float | None = None

    @property
    def leans(self) -> Verdict:
        """The verdict of the side of the limit that the value lies on."""
        return side(self.value, self.limit, self.sense)

    @property
    def is_known(self) -> bool:
        """Whether the interval is so narrow that the value practically equals the limit."""
        low, high = self.interval
        return self.limit - self.fine <= low and high <= self.limit + self.fine

    @property
    def is_unreachable(self) -> bool:
        """Whether no sample can prove the limit because it is the highest possible value."""
        return self.sense == "min" and self.highest is not None and self.limit >= self.highest


def of_rate(noun: str, value: float, interval: tuple[float, float], limit: float) -> OpenValue:
    """Return the open value of a rate in [0, 1] that must reach its limit."""
    fine = min(FINE_RATE, max(1.0 - limit, 0.0) * FINE_ROOM)
    return OpenValue(noun, "percent", value, interval, limit, "min", fine, highest=1.0)


def of_time(
    noun: str, kind: Kind, value: float, interval: tuple[float, float], limit: float
) -> OpenValue:
    """Return the open value of a time or a ratio of times."""
    return OpenValue(noun, kind, value, interval, limit, "max", abs(limit) * FINE_TIME)


def side(value: float, limit: float, sense: Sense) -> Verdict:
    """Return PASS if a value is within its limit or equals it, FAIL otherwise."""
    within = value >= limit if sense == "min" else value <= limit
    return Verdict.PASS if within else Verdict.FAIL


def leaning(gate: str, status: Verdict, value: float | None, limit: float | None) -> Verdict | None:
    """Return the verdict that an INCONCLUSIVE case leans to.

    Returns:
        None if the case has another verdict or no value, or the gate is unknown or has no limit.
    """
    if status is not Verdict.INCONCLUSIVE or value is None or limit is None:
        return None
    row = GATES.find(gate)
    return None if row is None or row.sense == "proof" else side(value, limit, row.sense)


def in_words(status: Verdict, leans: Verdict | None) -> str:
    """Return a verdict as text, for example ``"INCONCLUSIVE, leans to FAIL"``."""
    return status.value if leans is None else f"{status.value}, leans to {leans.value}"
