"""The goals of a repair: limits on sampled gates, written like formulas. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from edgeq import words
from edgeq.config.gate import Gate
from edgeq.config.gates import GATES
from edgeq.errors import SpecError
from edgeq.measure.planning import images_needed, images_needed_for_drop
from edgeq.measure.statistics import best_provable_rate, paired_difference
from edgeq.registry import unknown

WHERE = "--until"

_GOAL = re.compile(
    r"\s*(?P<gate>\w+)\s*(?P<sign><=|>=)\s*(?P<number>\d*\.?\d+)\s*(?P<percent>%)?"
    r"\s*(?:[x*]\s*(?P<reference>[\w@.+-]+))?\s*"
)
_SIGNS = {"<=": "max", ">=": "min"}
_RATES = frozenset({"top1_agreement", "min_accuracy"})
_DROPS = frozenset({"accuracy_drop"})


@dataclass(frozen=True)
class Goal:
    """One limit.

    The number is the limit, or the factor of the value that the reference, a method, has on the
    evaluation set.
    """

    gate: Gate
    number: float
    reference: str | None = None

    def limit(self, value: float | None) -> float:
        """Return the limit."""
        return self.number if value is None else self.number * value

    @property
    def text(self) -> str:
        """The goal as the user writes it, for example ``"relative_error <= 0.5 x int8"``."""
        sign = "<=" if self.gate.sense == "max" else ">="
        of = "" if self.reference is None else f" x {self.reference}"
        return f"{self.gate.name} {sign} {self.number:g}{of}"


def parse_goal(text: str) -> Goal:
    """Return the goal that a text describes: ``GATE <= NUMBER``, or ``GATE <= NUMBER x METHOD``.

    Raises:
        SpecError: The text has another form, or the gate does not look at predictions.
    """
    match = _GOAL.fullmatch(text)
    if match is None:
        raise SpecError(
            f"{text!r} is not a goal",
            where=WHERE,
            remedy='Write "relative_error <= 0.5 x int8" or "top1_agreement >= 0.98"',
        )
    sampled = [name for name, gate in GATES if gate.sees_predictions]
    if match["gate"] not in GATES:
        raise unknown("goal", match["gate"], sampled, where=WHERE)
    gate = GATES.get(match["gate"])
    if not gate.sees_predictions:
        raise SpecError(
            f"{gate.name} is not measured on samples, so a repair can't aim at it",
            where=WHERE,
            remedy=f"Set its limit in the spec, which every candidate is judged by; aim at one of "
            f"{', '.join(sampled)}",
        )
    if _SIGNS[match["sign"]] != gate.sense:
        right = ">=" if gate.sense == "min" else "<="
        raise SpecError(f"{gate.name} is a limit with {right}", where=WHERE)
    number = float(match["number"]) / (100.0 if match["percent"] else 1.0)
    return Goal(gate, number, match["reference"])


def provable_with(
    limits: Sequence[tuple[Gate, float]], images: int, confidence: float, most: int
) -> int:
    """Return how many candidates may be tried so that a flawless one could still be proved good.

    The more candidates are tried, the wider their intervals (``corrected``). Few samples therefore
    allow only few candidates. Those that depend on each other count as fewer.

    Raises:
        SpecError: Not even a single candidate could be proved good. The message gives the number
            of samples that would be enough.
    """
    for gate, limit in limits:
        if not _provable(gate, limit, images, confidence):
            needed = _needed(gate, limit, confidence)
            enough = (
                "no number of samples could"
                if needed is None
                else f"{words.plural(needed, 'sample')} without a flip would"
            )
            raise SpecError(
                f"{words.plural(images, 'sample')} can't prove {gate.name} "
                f"{'>=' if gate.sense == 'min' else '<='} {limit:g} at {confidence:g} confidence; "
                f"{enough}",
                where=WHERE,
                remedy="Aim at relative_error, which is continuous, or add evaluation samples",
            )
    return max(
        count
        for count in range(1, most + 1)
        if count == 1
        or all(_provable(*goal, images, corrected(confidence, count)) for goal in limits)
    )


def corrected(confidence: float, tried: int) -> float:
    """Return the confidence of each interval if the best of several candidates is chosen.

    Bonferroni correction: all intervals together hold with the given confidence.
    """
    return 1.0 - (1.0 - confidence) / tried


def _provable(gate: Gate, limit: float, images: int, confidence: float) -> bool:
    """Return whether samples without a flip would prove a limit; True for other kinds of gates."""
    if gate.name in _RATES:
        return best_provable_rate(images, confidence) >= limit
    if gate.name in _DROPS:
        return paired_difference(0, 0, images, confidence)[1] <= limit
    return True


def _needed(gate: Gate, limit: float, confidence: float) -> int | None:
    if gate.name in _RATES:
        return images_needed(1.0, limit, confidence)
    return images_needed_for_drop(0.0, 0.0, limit, confidence)
