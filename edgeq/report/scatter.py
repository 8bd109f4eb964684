"""The chart of size, difference from the baseline and latency, in its SVG picture's units. Pure.

The points' labels are placed so that they cover neither each other nor a point.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgeq.judge.verdict import ShipDecision
from edgeq.report import words
from edgeq.report.axis import Axis, Tick, series
from edgeq.words import percentage, typeset
from edgeq.words.escape import shortened

if TYPE_CHECKING:
    from edgeq.report.variant_view import VariantView

from collections.abc import Sequence

WIDTH, HEIGHT = 620, 380
LEFT, RIGHT, TOP, BOTTOM = 58, 600, 34, 322

_DISC = 15.0
"""Radius of the disc for a latency ratio of 1. The area of a disc is proportional to the time."""
MAX_RATIO = 4.0

_MARK = 11.0
_CLOSEST = 0.002
"""Added to the share of images that do not agree, so that a share of 0 has a logarithm."""
_SHARES = (1.0, 0.995, 0.99, 0.98, 0.95, 0.9, 0.8, 0.5, 0.0)
"""Agreements at the ticks of the vertical axis, which shows what they lack of 1: the share of the
images with another class than the baseline's. The scale is logarithmic and ends at the worst."""
LABEL_LENGTH = 26

_HEIGHT = 16.0
_LETTER = 6.9
_MIDDLE = 4.0
"""Distance of a label's base line below its middle."""
_STEPS = 18

Place = tuple[float, float, str, float]
Frame = tuple[float, float, float, float]


@dataclass(frozen=True)
class Point:
    """A model in the chart.

    Attributes:
        shape: ``"diamond"`` for the baseline, ``"circle"`` for cleared, ``"ring"`` for unproven,
            ``"cross"`` for rejected, ``"square"`` for not judged.
        label: Name, with the answer's symbol and the latency ratio.
        disc: Radius of the disc for the latency; None if it was not measured.
        front: Whether no other cleared or unproven variant is both smaller and closer to the
            baseline.
    """

    x: float
    y: float
    shape: str
    tone: str
    label: Label
    name: str
    title: str
    disc: float | None
    size: str
    agreement: str
    latency: str
    answer: str
    front: bool


@dataclass(frozen=True)
class Chart:
    """The whole chart.

    Attributes:
        front: Points of the line of the Pareto front; empty if it has fewer than two.
        absent: Names of variants that can't be drawn, as size or agreement is not known.
    """

    points: tuple[Point, ...]
    front: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    absent: tuple[str, ...]
    description: str


_SHAPES = {
    None: "diamond",
    ShipDecision.CLEARED: "circle",
    ShipDecision.UNPROVEN: "ring",
    ShipDecision.REJECTED: "cross",
    ShipDecision.NOT_JUDGED: "square",
}
_ON_THE_FRONT = {None, ShipDecision.CLEARED, ShipDecision.UNPROVEN}


def chart(baseline: VariantView, variants: tuple[VariantView, ...]) -> Chart | None:
    """Return the chart of a model, None if no variant has both a size and an agreement."""
    shown = [
        variant
        for variant in variants
        if variant.bytes is not None and variant.agreement is not None
    ]
    if not shown:
        return None
    if baseline.bytes is not None:
        shown = [baseline, *shown]
    figures = [_figures(variant) for variant in shown]
    low, high = _ends([size for size, _ in figures])
    lowest = min(share for _, share in figures)
    shares = _SHARES[: 1 + sum(share >= lowest for share in _SHARES)]
    across = Axis(low, high, LEFT, RIGHT, log=True)
    up = Axis(_CLOSEST, away(shares[-1]), TOP, BOTTOM, log=True)

    def place(size: float, share: float) -> tuple[float, float]:
        return across.at(size), up.at(away(share))

    best = front([_figures(variant) for variant in shown if variant.answer in _ON_THE_FRONT])
    places = [place(*pair) for pair in figures]
    labels = spread_labels(
        [
            (x, y, _label(variant), _gap(variant))
            for variant, (x, y) in zip(shown, places, strict=True)
        ],
        (LEFT, TOP - 10, WIDTH, BOTTOM - 4),
    )
    points = tuple(
        _point(variant, at, label, front=pair in best)
        for variant, pair, at, label in zip(shown, figures, places, labels, strict=True)
    )
    return Chart(
        points=points,
        front=_steps([place(*pair) for pair in best]),
        x_ticks=across.ticks(series(low, high), lambda kilobytes: words.size(kilobytes * 1000)),
        y_ticks=tuple(
            Tick(up.at(away(share)), typeset(percentage(round(1.0 - share, 4)))) for share in shares
        ),
        absent=tuple(v.name for v in variants if v.bytes is None or v.agreement is None),
        description="; ".join(point.title for point in points),
    )


def _figures(variant: VariantView) -> tuple[float, float]:
    """Return size in kilobytes and agreement, which is 1 for a baseline; it has no answer."""
    share = variant.agreement if variant.answer else 1.0
    return (variant.bytes or 0) / 1000, 1.0 if share is None else share


def away(share: float) -> float:
    """Return the number in which the vertical axis is logarithmic."""
    return 1.0 - share + _CLOSEST


def _ends(sizes: list[float]) -> tuple[float, float]:
    """Return the ends of a range that contains all sizes and spans at least a factor of nine."""
    low, high = min(sizes), max(sizes)
    middle = math.sqrt(low * high)
    return min(low * 0.88, middle / 3), max(high * 1.05, middle * 3)


def front(numbers: list[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """Return the Pareto front of sizes and shares, the smallest size first.

    A point is on the front if no other point is at least as good in both size and share, and better
    in one of them.
    """
    corners: list[tuple[float, float]] = []
    for size, share in sorted(set(numbers), key=lambda point: (point[0], -point[1])):
        if not corners or share > corners[-1][1]:
            corners.append((size, share))
    return tuple(corners)


def _steps(places: list[tuple[float, float]]) -> str:
    """Return the front as a staircase, since nothing better is known between two of its points."""
    corners = places[:1]
    for x, y in places[1:]:
        corners += [(x, corners[-1][1]), (x, y)]
    return " ".join(f"{x},{y}" for x, y in corners) if len(places) > 1 else ""


def _label(variant: VariantView) -> str:
    name, known = variant.name, variant.latency is not None and variant.answer is not None
    return f"{variant.mark.symbol} {shortened(name, LABEL_LENGTH)}" + (
        f" {words.times(variant.latency)}" if known else ""
    )


def _gap(variant: VariantView) -> float:
    """Return the distance of a label from its point, so that it lies outside the disc."""
    if variant.latency is None and variant.answer:
        return _MARK
    return radius(variant.latency or 1.0) + 4.0


def _point(variant: VariantView, place: tuple[float, float], label: Label, *, front: bool) -> Point:
    ratio = 1.0 if variant.answer is None and variant.latency is None else variant.latency
    size = words.size(variant.bytes)
    agreement = words.percent(variant.agreement if variant.answer else 1.0)
    latency = "1, the measure" if variant.answer is None else words.times(ratio)
    on = ", on the Pareto front" if front else ""
    return Point(
        x=place[0],
        y=place[1],
        shape=_SHAPES[variant.answer],
        tone=variant.mark.tone,
        label=label,
        name=variant.name,
        title=f"{variant.name}: {size}, agreement {agreement}, latency {latency}, "
        f"{variant.mark.word}{on}",
        disc=None if ratio is None else radius(ratio),
        size=size,
        agreement=agreement,
        latency=latency,
        answer=variant.mark.word,
        front=front,
    )


def radius(ratio: float) -> float:
    """Return the radius of the disc for a latency ratio; it stays the same above ``MAX_RATIO``."""
    return round(_DISC * math.sqrt(min(ratio, MAX_RATIO)), 1)


@dataclass(frozen=True)
class Label:
    """A text next to its point.

    Attributes:
        x, y: Position of the start, or of the end, of its base line.
        end: Whether ``x`` and ``y`` are the position of its end.
        lead: Whether it is so far away that a line must connect it with its point.
    """

    x: float
    y: float
    text: str
    end: bool
    lead: bool

    @property
    def extent(self) -> tuple[float, float]:
        """Positions of the label's left and right end."""
        width = len(self.text) * _LETTER
        start = self.x - width if self.end else self.x
        return start, start + width


def spread_labels(points: Sequence[Place], frame: Frame) -> tuple[Label, ...]:
    """Return every label at the nearest place where it covers no point and no other label.

    A point has position x and y, the text, and its distance from the point; the frame, which labels
    leave only if they must, has left, top, right and bottom.
    """
    placed: dict[int, Label] = {}
    for index in sorted(range(len(points)), key=lambda at: points[at][1::-1]):
        places = _places(points[index], frame)
        others = [point for at, point in enumerate(points) if at != index]
        free = (place for place in places if not _covers(place, others, list(placed.values())))
        placed[index] = next(free, places[0])
    return tuple(placed[index] for index in range(len(points)))


def _places(point: Place, frame: Frame) -> list[Label]:
    """Return the label's possible places: right, left, then further and further below and above."""
    x, y, text, gap = point
    shifts = [0.0, *(_HEIGHT * step for at in range(1, _STEPS) for step in (at, -at))]
    places = [
        Label(
            x=round(x - gap if end else x + gap, 1),
            y=round(y + _MIDDLE + shift, 1),
            text=text,
            end=end,
            lead=abs(shift) > _HEIGHT / 2,
        )
        for shift in shifts
        for end in (False, True)
    ]
    return [place for place in places if _is_inside(place, frame)] or places


def _is_inside(label: Label, frame: Frame) -> bool:
    left, right = label.extent
    return left >= frame[0] and right <= frame[2] and frame[1] <= label.y <= frame[3]


def _covers(label: Label, points: list[Place], placed: list[Label]) -> bool:
    left, right = label.extent
    over_point = any(
        left - 8 < x < right + 8 and abs(label.y - _MIDDLE - y) < _HEIGHT - 2 for x, y, *_ in points
    )
    return over_point or any(
        abs(label.y - other.y) < _HEIGHT - 1
        and left < other.extent[1] + 4
        and other.extent[0] - 4 < right
        for other in placed
    )
