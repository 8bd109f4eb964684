"""Numbers in the typography of the report, and the marks of verdicts and answers. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgeq import words
from edgeq.config.gates import GATES, written
from edgeq.judge.open_value import in_words
from edgeq.judge.verdict import ShipDecision, Verdict
from edgeq.words import Kind, typeset

ABSENT = "not measured"
NONE = "–"  # noqa: RUF001 - the sign for "does not apply"


@dataclass(frozen=True)
class Mark:
    """How an answer or a verdict is shown, never by colour alone.

    Attributes:
        ascii: The symbol as one ASCII character.
        tone: ``"good"``, ``"bad"``, ``"doubt"`` (leans to bad), ``"warn"`` or ``"none"``.
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
    """Return the mark of a verdict; INCONCLUSIVE also says which way it leans."""
    plain = VERDICTS[status]
    word = in_words(status, leans)
    if leans is Verdict.FAIL:
        return Mark("!", "!", word, "doubt")
    return Mark(plain.symbol, plain.ascii, word, plain.tone)


def sentence(text: str | None) -> str:
    """Return a text with a capital first letter, empty if there is no text."""
    return "" if not text else text[0].upper() + text[1:]


def joined(items: Sequence[str]) -> str:
    """Return a list in words, for example ``"a, b and c"``."""
    *others, last = items
    return f"{', '.join(others)} and {last}" if others else last


def number(kind: Kind, value: float | None, *, beside: float | None = None) -> str:
    """Return a number with its unit, or "not measured".

    If the number differs from ``beside``, the two must not look equal.
    """
    return ABSENT if value is None else typeset(words.value(kind, value, beside=beside))


def size(value: float | None) -> str:
    """Return a number of bytes as a size."""
    return number("size", value)


def percent(share: float | None) -> str:
    """Return a share as a percentage that reads 0 or 100 only if the share is exactly 0 or 1."""
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
    """Return a gate's value with its unit."""
    return NONE if value is None else number(written(gate, unit), value, beside=beside)


def limit(gate: str, unit: str, value: float | None, *, beside: float | None = None) -> str:
    """Return a gate's limit in words, for example ``"at least 93 %"``."""
    if value is None:
        return NONE
    row = GATES.find(gate)
    sense: words.Sense = "min" if row is not None and row.sense == "min" else "max"
    return typeset(words.bound(written(gate, unit), value, sense, beside=beside))


def tick(kind: Kind, value: float) -> str:
    """Return a number on an axis; a change of accuracy in points, negative if it is a gain."""
    if kind == "points":
        return typeset(f"{round(100 * value, 2) + 0.0:g} points")  # never -0
    return number(kind, value)


def span(kind: Kind, ends: tuple[float, float] | None) -> str:
    """Return an interval in words, empty if there is none."""
    return "" if ends is None else typeset(words.interval(kind, ends))
