"""The scatter of size against agreement, laid out in the units of its SVG. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from edgeq.report import words

if TYPE_CHECKING:
    from edgeq.report.variant_view import VariantView

WIDTH, HEIGHT = 460, 300
LEFT, RIGHT, TOP, BOTTOM = 52, 446, 22, 250

_LABEL_HEIGHT = 15.0
_LABEL_GAP = 11.0
_LABEL_LENGTH = 26
_LETTER = 6.6
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True)
class Point:
    """A model in the chart.

    Attributes:
        shape: ``"diamond"`` the baseline, ``"circle"`` may ship, ``"ring"`` may ship with
            warnings, ``"cross"`` may not ship, ``"square"`` not measured.
        label: Name, with the answer's symbol.
        title: The whole of it in words.
        end: Whether the label ends at its place (it starts there otherwise).
    """

    x: float
    y: float
    shape: str
    tone: str
    label: str
    title: str
    label_x: float
    label_y: float
    end: bool


@dataclass(frozen=True)
class Tick:
    """A line of the grid with its text."""

    at: float
    text: str


@dataclass(frozen=True)
class Chart:
    """The whole chart.

    Attributes:
        absent: Names of variants without both numbers, which can't be drawn.
        description: What it shows, for those who can't see it.
    """

    points: tuple[Point, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    absent: tuple[str, ...]
    description: str


_SHAPES = {
    "baseline": "diamond",
    "may ship": "circle",
    "may ship, with warnings": "ring",
    "may not ship": "cross",
    "partly run": "square",
    "not measured": "square",
}


def chart(baseline: VariantView, variants: tuple[VariantView, ...]) -> Chart | None:
    """Return the chart of a model, None when no variant has both numbers."""
    placed = [
        (one, one.bytes / 1000, one.agreement)
        for one in variants
        if one.bytes is not None and one.agreement is not None
    ]
    if not placed:
        return None
    if baseline.bytes is not None:
        placed = [(baseline, baseline.bytes / 1000, 1.0), *placed]
    x_ticks = _ticks(0.0, max(size for _, size, _ in placed))
    lowest = min(share for _, _, share in placed)
    y_ticks = _ticks(min(lowest, 0.99), 1.0)
    x_max, y_min = x_ticks[-1], y_ticks[0]

    def at(size: float, share: float) -> tuple[float, float]:
        x = LEFT + (RIGHT - LEFT) * size / x_max
        return x, BOTTOM - (BOTTOM - TOP) * (share - y_min) / (1.0 - y_min)

    points = [_point(one, *at(size, share)) for one, size, share in placed]
    return Chart(
        points=_spread_labels(points),
        x_ticks=tuple(Tick(at(v, 1.0)[0], f"{v:,.0f}") for v in x_ticks),
        y_ticks=tuple(Tick(at(0.0, v)[1], words.percent(v, 0)) for v in y_ticks if v <= 1.0),
        absent=tuple(one.name for one in variants if one.bytes is None or one.agreement is None),
        description="; ".join(point.title for point in points),
    )


def _point(one: VariantView, x: float, y: float) -> Point:
    name = one.name
    short = name if len(name) <= _LABEL_LENGTH else name[: _LABEL_LENGTH - 1] + "…"
    share = words.percent(one.agreement if one.answer else 1.0)
    return Point(
        x=round(x, 1),
        y=round(y, 1),
        shape=_SHAPES[one.mark.word],
        tone=one.mark.tone,
        label=f"{one.mark.symbol} {short}",
        title=f"{name}: {words.kilobytes(one.bytes)}, agreement {share}, {one.mark.word}",
        label_x=x,
        label_y=y,
        end=False,
    )


def _spread_labels(points: list[Point]) -> tuple[Point, ...]:
    """Give every label the nearest place where it covers no point and no other label."""
    placed: list[Point] = []
    for point in sorted(points, key=lambda one: (one.y, one.x)):
        places = _places(point)
        free = (one for one in places if not _covers(one, points, placed))
        placed.append(next(free, places[0]))
    return tuple(placed)


def _places(point: Point) -> list[Point]:
    """Return the point with its label right, left, then ever lower and higher."""
    shifts = [0.0]
    for step in range(1, 16):
        shifts += [_LABEL_HEIGHT * step, -_LABEL_HEIGHT * step]
    places = [
        replace(
            point,
            label_x=round(point.x - _LABEL_GAP if end else point.x + _LABEL_GAP, 1),
            label_y=round(point.y + 4 + shift, 1),
            end=end,
        )
        for shift in shifts
        for end in (False, True)
    ]
    inside = [one for one in places if _is_inside(one)]
    return inside or places


def _is_inside(point: Point) -> bool:
    left, right = _extent(point)
    return left >= LEFT and right <= WIDTH and TOP - 8 <= point.label_y <= BOTTOM - 4


def _covers(one: Point, points: list[Point], placed: list[Point]) -> bool:
    left, right = _extent(one)
    middle = one.label_y - 4
    over_point = any(
        left - 7 < other.x < right + 7 and abs(middle - other.y) < _LABEL_HEIGHT - 2
        for other in points
        if (other.x, other.y) != (one.x, one.y)
    )
    return over_point or any(
        abs(one.label_y - other.label_y) < _LABEL_HEIGHT - 1
        and left < _extent(other)[1] + 3
        and _extent(other)[0] - 3 < right
        for other in placed
    )


def _extent(point: Point) -> tuple[float, float]:
    """Return where a label begins and ends."""
    width = len(point.label) * _LETTER
    start = point.label_x - width if point.end else point.label_x
    return start, start + width


def _ticks(low: float, high: float) -> tuple[float, ...]:
    """Return about four round numbers from one at or below ``low`` to one at or above ``high``."""
    rough = max(high - low, 1e-9) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * s for s in _STEPS if power * s >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return tuple(round(step * k, 10) for k in range(first, last + 1))
