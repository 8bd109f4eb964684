"""Numbers as ASCII text for people, with one format for each kind of number.

The library humanize is not used: it can't keep a value distinct from the limit that it misses, nor
give three digits.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Literal

Kind = Literal["number", "percent", "points", "times", "size", "ms", "s", "count", "dB"]
"""``"percent"`` is a share, ``"points"`` the loss of a share, ``"times"`` a factor; ``"s"`` is a
time in seconds, shown in ms."""

Sense = Literal["min", "max"]
Interval = tuple[float, float]

_Text = tuple[str, str]
"""A number and its unit, with the space before it."""

_MAX_DECIMALS = 12
_LIMIT_DIGITS = 10
_SIZE_DIGITS = 3
_TIME_DIGITS = 3
_DISTANCE_DIGITS = 2
_NUMBER_DECIMALS = 3
_DECIMALS: dict[Kind, int] = {"times": 2, "dB": 1}
_NAMES_SHOWN = 3
_PAIR = 2
_THOUSAND = 1000
_UNITS = (" kB", " MB", " GB")
_SUFFIXES: dict[Kind, str] = {"percent": " %", "times": "x", "ms": " ms", "s": " ms", "dB": " dB"}
_SCALES: dict[Kind, int] = {"percent": 100, "points": 100, "s": 1000}
_NOTHING_OR_ALL = (0, 100)

_TYPOGRAPHY = (
    (re.compile(r"(?<=\S) -> (?=-?\d)"), " \u2192 "),
    (re.compile(r"(?<![^\s(])-(?=\d)"), "\u2212"),
    (re.compile(r"(?<![\w.,])(\d[\d,]*(?:\.\d+)?)x(?!\w)"), "\\1\u00d7"),
    (re.compile(r"(?<=\d) (?=(?:%|bytes|kB|MB|GB|ms|dB|points?)(?!\w))"), "\u00a0"),
)


def value(kind: Kind, number: float, *, beside: float | None = None) -> str:
    """Return a number with its unit, for example ``"94.6 %"``, ``"8.42 MB"`` or ``"0.62x"``.

    If the number differs from ``beside``, such as a limit, the texts must differ.
    """
    return "".join(_value(kind, number, beside))


def limit(kind: Kind, number: float, *, beside: float | None = None) -> str:
    """Return a limit as a person would write it, for example ``"93 %"``.

    ``beside`` is the value that is compared with it.
    """
    if kind == "size":
        return value(kind, number, beside=beside)
    text, unit = _dressed(kind, _plain(_shown_limit(kind, number, beside)))
    unit = unit.removesuffix(" lost")  # next to a value, "at most 3 points" is clear
    return text + (unit.replace("points", "point") if text == "1" else unit)


def bound(kind: Kind, number: float, sense: Sense, *, beside: float | None = None) -> str:
    """Return what a limit requires, for example ``"at least 93 %"``."""
    lowest = sense == "min"
    if kind == "points" and number < 0:  # losing at most -1 point means gaining at least 1
        lowest = not lowest
    return f"at {'least' if lowest else 'most'} {limit(kind, number, beside=beside)}"


def interval(kind: Kind, ends: Interval, *, beside: float | None = None) -> str:
    """Return an interval, for example ``"94.1 to 97.7 %"``."""
    for least in (*range(_MAX_DECIMALS), 0):  # ends that no decimals tell apart get the fewest
        low, high = (_value(kind, end, beside, least) for end in ends)
        if low != high or ends[0] == ends[1]:
            break
    if low[1].endswith("gained") and low[1] == high[1]:
        low, high = high, low
    units = [unit.replace(" points", "") for _, unit in (low, high)]
    return f"{low[0]}{'' if units[0] == units[1] else units[0]} to {high[0]}{units[1]}"


def against(
    kind: Kind, number: float, limit: float, sense: Sense, ends: Interval | None = None
) -> str:
    """Return a value with its limit.

    For example ``"96.2 % (94.1 to 97.7 %; limit: at least 93 %)"``.
    """
    shown = "" if ends is None else f"{interval(kind, ends, beside=limit)}; "
    requirement = bound(kind, limit, sense, beside=number)
    return f"{value(kind, number, beside=limit)} ({shown}limit: {requirement})"


def change(kind: Kind, before: float, after: float) -> str:
    """Return two values with an arrow between them, for example ``"90.0 -> 80.0 %"``."""
    first, other = _apart(kind, before, after)
    return f"{first[0]}{'' if first[1] == other[1] else first[1]} -> {other[0]}{other[1]}"


def distance(kind: Kind, number: float) -> str:
    """Return the difference of two values, for example ``"0.1 points"`` between shares."""
    if kind == "size":
        return size(number)
    unit = " points" if kind in {"percent", "points"} else _SUFFIXES.get(kind, "").replace("x", "")
    return _plain(_exact(kind, number, _DISTANCE_DIGITS)) + unit


def share(number: float) -> str:
    """Return a share, for example ``"94.6 %"``; it reads 0 or 100 only if it is exactly that."""
    return value("percent", number)


def size(number: float) -> str:
    """Return a size in bytes, for example ``"8.42 MB"``; 1 kB is 1000 bytes."""
    return value("size", number)


def sizes(before: float, other: float) -> tuple[str, str]:
    """Return two sizes, whose texts differ if the sizes do."""
    first, second = _apart("size", before, other)
    return "".join(first), "".join(second)


def milliseconds(seconds: float) -> str:
    """Return a short time, for example ``"5.81 ms"``."""
    return value("s", seconds)


def duration(seconds: float) -> str:
    """Return a wall time, for example ``"1 min 23 s"``."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"


def utc(started: str) -> str:
    """Return an ISO 8601 time in UTC as a person writes it."""
    return started.replace("T", " ").split(".")[0].removesuffix("Z").removesuffix("+00:00") + " UTC"


def about(count: int) -> str:
    """Return a count rounded up to two digits, for example ``"1,300"`` for 1234."""
    unit = 10 ** max(0, len(str(count)) - 2)
    return f"{math.ceil(count / unit) * unit:,}"


def plural(count: int, noun: str, nouns: str | None = None) -> str:
    """Return a count with its noun, for example ``"1 image"`` or ``"1,500 images"``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {nouns or f'{noun}s'}"


def ordinal(count: int) -> str:
    """Return a rank, for example ``"2nd"``."""
    teens = 10 < count % 100 < 14
    ending = "th" if teens else {1: "st", 2: "nd", 3: "rd"}.get(count % 10, "th")
    return f"{count:,}{ending}"


def percentage(number: float) -> str:
    """Return a share that is a setting, for example ``"5 %"``, with all its digits."""
    return limit("percent", number)


def every(count: int) -> str:
    """Return the words for all of a number of things, for example ``"All 4"``, or ``"Both"``."""
    return "Both" if count == _PAIR else f"All {count:,}"


def names(items: Sequence[str], most: int = _NAMES_SHOWN) -> str:
    """Return the first few names and the number of further names."""
    more = len(items) - most
    shown = ", ".join(items[:most])
    return f"{shown} and {more:,} more" if more > 0 else shown


def first_of(items: Sequence[str]) -> str:
    """Return the first of one or more texts, and the number of the others in brackets."""
    others = len(items) - 1
    return f"{items[0]} (and {others} more)" if others else items[0]


def typeset(text: str) -> str:
    """Return text with typographic signs around its numbers, for HTML and Markdown.

    These are arrows, minus and multiplication signs, and no-break spaces before units.
    """
    for pattern, sign in _TYPOGRAPHY:
        text = pattern.sub(sign, text)
    return text


def _value(kind: Kind, number: float, beside: float | None = None, least: int = 0) -> _Text:
    """Return a number and its unit, with enough digits to tell it from another number.

    ``least`` is the least number of additional digits.
    """
    if beside is None or not math.isfinite(number):
        return _written(kind, _exact(kind, number), least)
    if kind == "size":
        return _apart(kind, number, beside)[0]
    exact, other = _exact(kind, number), _shown_limit(kind, beside, number)
    texts = (_digits(kind, exact, more) for more in range(least, _MAX_DECIMALS))
    distinct = (text for text in texts if _side(_read(text), other) == _side(exact, other))
    return _dressed(kind, next(distinct, _plain(exact)))


def _apart(kind: Kind, before: float, other: float) -> tuple[_Text, _Text]:
    """Return two numbers with their units, whose texts are equal only if the numbers are."""
    exact = _exact(kind, before), _exact(kind, other)
    for more in range(_MAX_DECIMALS):
        texts = _written(kind, exact[0], more), _written(kind, exact[1], more)
        if texts[0] != texts[1] or before == other:
            return texts
    return _dressed(kind, _plain(exact[0])), _dressed(kind, _plain(exact[1]))


def _shown_limit(kind: Kind, number: float, beside: float | None) -> Decimal:
    """Return a limit as it is shown: rounded, unless rounding moves it across a value."""
    exact, rounded = _exact(kind, number), _exact(kind, number, _LIMIT_DIGITS)
    if beside is None or not math.isfinite(beside):
        return rounded
    at = _exact(kind, beside)
    return rounded if _side(at, rounded) == _side(at, exact) else exact


def _exact(kind: Kind, number: float, digits: int | None = None) -> Decimal:
    """Return a number in its unit, scaled in decimal: 0.07 is 7 %, not 7.000000000000001 %."""
    text = repr(float(number)) if digits is None else f"{number:.{digits}g}"
    return Decimal(text) * _SCALES.get(kind, 1)


def _side(number: Decimal, limit: Decimal) -> int:
    return (number > limit) - (number < limit)


def _read(text: str) -> Decimal:
    return Decimal(text.replace(",", ""))


def _written(kind: Kind, number: Decimal, more: int) -> _Text:
    if not number.is_finite():
        return str(float(number)), ""
    if kind == "size":
        return _bytes(number, more)
    return _dressed(kind, _digits(kind, number, more))


def _dressed(kind: Kind, text: str) -> _Text:
    """Return a number's text with its unit; points are lost or gained instead of having a sign."""
    if kind == "points":
        return text.removeprefix("-"), " points gained" if text.startswith("-") else " points lost"
    return text, _SUFFIXES.get(kind, "")


def _digits(kind: Kind, number: Decimal, more: int) -> str:
    """Return a number without its unit, with ``more`` decimals in addition to the usual ones."""
    if kind in {"percent", "points"}:
        return _share(number, more)
    if kind in {"ms", "s"}:
        below = _TIME_DIGITS - 1 - (number.adjusted() if number else 0)
        return _fixed(number, max(0, below) + more)
    if kind in _DECIMALS:
        return _fixed(number, _DECIMALS[kind] + more)
    if number == number.to_integral_value():
        return _fixed(number, 0)
    return _fixed(number, _decimals_apart_from_whole(number) + more)


def _decimals_apart_from_whole(number: Decimal) -> int:
    """Return the decimals that a fraction needs not to read as an integer: 0.9998, not 1.000."""
    for places in range(_NUMBER_DECIMALS, 2 * _NUMBER_DECIMALS):
        if round(number, places) != number.to_integral_value():
            return places
    return _NUMBER_DECIMALS


def _share(number: Decimal, more: int) -> str:
    """Return percents or points that read 0 or 100 only if they are exactly that."""
    if abs(number) in _NOTHING_OR_ALL:
        return _fixed(number, 0)
    for places in range(1, _MAX_DECIMALS):
        if abs(round(number, places)) not in _NOTHING_OR_ALL:
            return _fixed(number, places + more)
    return _plain(number)


def _bytes(number: Decimal, more: int) -> _Text:
    """Return bytes in the unit that gives one to three digits before the decimal point."""
    if abs(number) < _THOUSAND:
        text = _plain(number)
        return text, " byte" if text == "1" else " bytes"
    for unit in _UNITS:
        number /= _THOUSAND
        rounded = round(number, max(0, _SIZE_DIGITS - 1 - number.adjusted()) + more)
        if abs(rounded) < _THOUSAND or unit == _UNITS[-1]:
            break
    return _plain(rounded), unit


def _fixed(number: Decimal, places: int) -> str:
    text = f"{number:,.{places}f}"
    return text if text.strip("-0.,") else text.lstrip("-")


def _plain(number: Decimal) -> str:
    """Return all digits of a number without trailing zeros."""
    if number and number.adjusted() < -_MAX_DECIMALS:
        return f"{number.normalize():g}"
    text = f"{number:,f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text if text.strip("-0") else "0"
