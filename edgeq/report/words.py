"""Numbers of `edgeq.words` as the report sets them, and the marks of verdicts and answers. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from edgeq import words
from edgeq.config.gates import GATES, written
from edgeq.judge.leaning import in_words
from edgeq.judge.verdict import ShipDecision, Verdict
from edgeq.words import Kind, typeset

ABSENT = "not measured"
NONE = "–"  # noqa: RUF001 - the sign for "does not apply"


@dataclass(frozen=True)
class Mark:
    """How an answer or a verdict is shown: never by colour alone.

    Attributes:
        symbol: One character.
        ascii: One character of ASCII.
        word: What it says.
        tone: ``"good"``, ``"bad"``, ``"doubt"`` (leans to the bad), ``"warn"`` or ``"none"``.
    """

    symbol: str
    ascii: str
    word: str
    tone: str


VERDICTS = {
    Verdict.PASS: Mark("✓", "+", "PASS", "good"),
    Verdict.FAIL: Mark("✗", "x", "FAIL", "bad"),
    Verdict.INCONCLUSIVE: Mark("?", "?", "INCONCLUSIVE", "warn"),
    Verdict.MISSING: Mark("○", "o", "MISSING", "none"),
}
ANSWERS = {
    ShipDecision.REJECTED: Mark("✗", "x", ShipDecision.REJECTED.value, "bad"),
    ShipDecision.NOT_JUDGED: Mark("○", "o", ShipDecision.NOT_JUDGED.value, "none"),
    ShipDecision.UNPROVEN: Mark("?", "?", ShipDecision.UNPROVEN.value, "warn"),
    ShipDecision.CLEARED: Mark("✓", "+", ShipDecision.CLEARED.value, "good"),
}


def verdict_mark(status: Verdict, leans: Verdict | None = None) -> Mark:
    """Return how a verdict is shown; INCONCLUSIVE also says which way it leans."""
    plain = VERDICTS[status]
    word = in_words(status, leans)
    if leans is Verdict.FAIL:
        return Mark("!", "!", word, "doubt")
    return Mark(plain.symbol, plain.ascii, word, plain.tone)


def number(kind: Kind, value: float | None, *, beside: float | None = None) -> str:
    """Return a number with its unit, or that it was not measured.

    Args:
        kind: How it is written.
        value: The number, None where there is none.
        beside: A number that it must not look equal to where it is not.
    """
    return ABSENT if value is None else typeset(words.value(kind, value, beside=beside))


def size(value: float | None) -> str:
    """Return bytes."""
    return number("size", value)


def percent(share: float | None) -> str:
    """Return a share as a percentage that is "0" or "100" only when the share is."""
    return number("percent", share)


def count(value: float | None) -> str:
    """Return a count without a noun."""
    return number("count", value)


def times(ratio: float | None) -> str:
    """Return a ratio as a factor."""
    return number("times", ratio)


def milliseconds(seconds: float | None) -> str:
    """Return seconds as milliseconds."""
    return number("s", seconds)


def quantity(gate: str, unit: str, value: float | None, *, beside: float | None = None) -> str:
    """Return a gate's value in the words of its unit.

    Args:
        gate: The gate.
        unit: Its unit.
        value: The number, None where there is none.
        beside: A number that it must not look equal to where it is not.
    """
    return NONE if value is None else number(written(gate, unit), value, beside=beside)


def limit(gate: str, unit: str, value: float | None, *, beside: float | None = None) -> str:
    """Return what a gate's limit asks for, for example ``"at least 93 %"``.

    Args:
        gate: The gate.
        unit: Its unit.
        value: The limit, None where there is none.
        beside: The value that is compared with it.
    """
    if value is None:
        return NONE
    sense: words.Sense = "min" if gate in GATES and GATES.get(gate).sense == "min" else "max"
    return typeset(words.bound(written(gate, unit), value, sense, beside=beside))


def span(kind: Kind, ends: tuple[float, float] | None) -> str:
    """Return an interval, empty without one."""
    return "" if ends is None else typeset(words.interval(kind, ends))
