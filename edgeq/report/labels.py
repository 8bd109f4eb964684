"""Placing labels of points so that they cover neither each other nor a point. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

LABEL_LENGTH = 26

_HEIGHT = 16.0
_LETTER = 6.9
_MIDDLE = 4.0
"""Distance of a label's base line below its middle."""
_STEPS = 18

Place = tuple[float, float, str, float]
Frame = tuple[float, float, float, float]


@dataclass(frozen=True)
class Label:
    """A text next to its point.

    Attributes:
        x, y: Position of the start, or of the end, of its base line.
        text: The text.
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

    Args:
        points: Position x and y, text, and distance of the text from the point.
        frame: Left, top, right and bottom of the frame that labels stay within if possible.
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
    shifts = [0.0]
    for step in range(1, _STEPS):
        shifts += [_HEIGHT * step, -_HEIGHT * step]
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
