"""Numbers as people read them. Sizes are in kB of 1000 bytes, times in milliseconds. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from edgeq.judge.leaning import in_words
from edgeq.judge.verdict import Answer, Verdict
from edgeq.spec.gate import Written
from edgeq.spec.gates import GATES

ABSENT = "not measured"
NONE = "–"  # noqa: RUF001 - the sign for "does not apply"

_GAP = "\u00a0"  # keeps a number and its unit on one line
_PERCENT = f"{_GAP}%"
_MINUS = "−"  # noqa: RUF001 - the sign of a negative number
_MOST_DIGITS = 4
_WHOLE = 100
_PAIR = 2


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
    Answer.REJECTED: Mark("✗", "x", Answer.REJECTED.value, "bad"),
    Answer.NOT_JUDGED: Mark("○", "o", Answer.NOT_JUDGED.value, "none"),
    Answer.UNPROVEN: Mark("?", "?", Answer.UNPROVEN.value, "warn"),
    Answer.CLEARED: Mark("✓", "+", Answer.CLEARED.value, "good"),
}


def verdict_mark(status: Verdict, leans: Verdict | None = None) -> Mark:
    """Return how a verdict is shown; INCONCLUSIVE also says which way it leans."""
    plain = VERDICTS[status]
    word = in_words(status, leans)
    if leans is Verdict.FAIL:
        return Mark("!", "!", word, "doubt")
    return Mark(plain.symbol, plain.ascii, word, plain.tone)


def kilobytes(size: float | None, digits: int = 1) -> str:
    """Return bytes as kB of 1000."""
    return ABSENT if size is None else f"{size / 1000:,.{digits}f}{_GAP}kB"


def whole_kilobytes(size: float | None, digits: int = 0) -> str:
    """Return bytes as whole kB of 1000, for what is not known any closer, as a use of memory."""
    return kilobytes(size, digits)


def percent(share: float | None, digits: int = 1) -> str:
    """Return a share as a percentage that is "0" or "100" only when the share is."""
    if share is None:
        return ABSENT
    shown = f"{share * 100:.{digits}f}"
    rounded_away = (share < 1 and float(shown) >= _WHOLE) or (share != 0 and float(shown) == 0)
    if rounded_away and digits < _MOST_DIGITS:
        return percent(share, digits + 1)
    return f"{_signed(shown)}{_GAP}%"


def points(difference: float | None, digits: int = 1) -> str:
    """Return a difference of shares in percentage points."""
    if difference is None:
        return ABSENT
    shown = f"{difference * 100:+.{digits}f}"
    return f"{_signed(shown) if float(shown) else shown.lstrip('+-')}{_GAP}points"


def times(ratio: float | None, digits: int = 2) -> str:
    """Return a ratio as a factor."""
    return ABSENT if ratio is None else f"{ratio:.{digits}f}×"  # noqa: RUF001 - the sign for times


def milliseconds(seconds: float | None, digits: int = 2) -> str:
    """Return seconds as milliseconds."""
    return ABSENT if seconds is None else f"{seconds * 1000:,.{digits}f}{_GAP}ms"


def plain(value: float | None, digits: int = 3) -> str:
    """Return a bare number."""
    if value is None:
        return ABSENT
    return _signed(f"{value:,.0f}" if value == int(value) else f"{value:.{digits}f}")


def quantity(gate: str, unit: str, value: float | None, *, beside: float | None = None) -> str:
    """Return a gate's value or limit in the words of its unit.

    Args:
        gate: The gate.
        unit: Its unit.
        value: The number, None where there is none.
        beside: A number that it must not look equal to where it is not.
    """
    if value is None:
        return NONE
    written = GATES.get(gate).written if gate in GATES else "number"
    show = _WRITTEN.get(written, _BY_UNIT.get(unit, plain))
    shown = show(value)
    if beside is None or beside == value:
        return shown
    for digits in range(1, 2 * _MOST_DIGITS):
        if shown != show(beside):
            break
        if (finer := show(value, digits)) != show(beside, digits):
            return finer
    return shown


def span(ends: tuple[str, str] | None) -> str:
    """Return an interval's two ends as one text, empty without one."""
    return f"{ends[0]} to {ends[1]}" if ends else ""


def utc(started: str) -> str:
    """Return an ISO 8601 time in UTC as a person writes it."""
    return started.replace("T", " ").split(".")[0].removesuffix("Z").removesuffix("+00:00") + " UTC"


def duration(seconds: float) -> str:
    """Return a wall time."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"


def count(number: int, noun: str) -> str:
    """Return a number with its noun in the right number."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def change(before: float, after: float, sign: str = " → ") -> str:
    """Return two shares with a sign between them, for example ``"90.0 → 80.0 %"``."""
    return f"{percent(before).removesuffix(_PERCENT)}{sign}{percent(after)}"


def every(number: int) -> str:
    """Return all of a number of things, for example ``"All 4"``, or ``"Both"``."""
    return "Both" if number == _PAIR else f"All {number}"


def _plain_milliseconds(value: float | None, digits: int = 2) -> str:
    return milliseconds(None if value is None else value / 1000, digits)


def _signed(shown: str) -> str:
    return shown.replace("-", _MINUS)


class _Show(Protocol):
    def __call__(self, value: float | None, /, digits: int = ...) -> str: ...


_WRITTEN: dict[Written, _Show] = {
    "percent": percent,
    "points": points,
    "times": times,
    "whole size": whole_kilobytes,
}
_BY_UNIT: dict[str, _Show] = {
    "bytes": kilobytes,
    "s": milliseconds,
    "ms": _plain_milliseconds,
}
