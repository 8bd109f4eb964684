"""Trends of each figure over the runs, in the units of their SVG pictures. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from edgeq.config.gates import written
from edgeq.history.accepted import Accepted
from edgeq.history.past import PastRun, of_past
from edgeq.history.rules import comparison_of, unlike
from edgeq.history.snapshot import CaseFigure
from edgeq.judge.verdict import Verdict
from edgeq.measure.rows import unpack
from edgeq.report import words
from edgeq.report.axis import Axis, Tick
from edgeq.words import plural, utc

WIDTH, HEIGHT = 220, 84
_LEFT, _RIGHT, _TOP, _BOTTOM = 78.0, 212.0, 8.0, 62.0
_DAY, _TIME = slice(5, 10), slice(11, 16)
"""Month and day, and hour and minute, in a time as text."""
_ALWAYS = "always "
ACCURACY = "min_accuracy"
"""The gate whose figures are a variant's accuracy."""
_MAX_LIMIT_DISTANCE = 1.5
"""A limit is drawn if it is at most this many spans of the values away; otherwise only its text
appears."""


@dataclass(frozen=True)
class Dot:
    """A marked run: ``"now"``, ``"accepted"`` or ``"failed"``."""

    x: float
    y: float
    kind: str


@dataclass(frozen=True)
class Trend:
    """One figure of one variant over the runs.

    Attributes:
        title: Name of the gate, or what the figure is if it has no gate.
        spread: The lowest and the highest value and the number of runs, in words.
        accepted: The accepted value, in words; empty if there is none.
        lines: Points of each line; values that can't be compared are not joined.
        accepted_y: Position of the accepted value; None if there is none.
        limit_y: Position of the limit; None if there is none near the values.
    """

    title: str
    now: str
    spread: str
    accepted: str
    lines: tuple[str, ...]
    dots: tuple[Dot, ...]
    accepted_y: float | None
    limit_y: float | None
    ticks: tuple[Tick, ...]
    description: str


@dataclass(frozen=True)
class VariantTrends:
    """The trends of one variant's figures.

    Attributes:
        first, last: Month and day of the first and the last run; hour and minute if all runs are
            of one day.
    """

    model: str
    variant: str
    first: str
    last: str
    trends: tuple[Trend, ...]


def trends(runs: Sequence[PastRun], accepted: Sequence[Accepted] = ()) -> tuple[VariantTrends, ...]:
    """Return a trend for each figure of the latest run that an earlier run has, too.

    Variants with a figure that fails in the latest run come first, then those with a figure that
    moved. A variant's accuracy, which no gate may ask for, is one of its figures if its predictions
    are kept. Runs come with the oldest first.
    """
    if len(runs) < 2:  # one run has no trend
        return ()
    sides = [of_past(run).figures for run in runs]
    marks = {
        case_id: (case.value, entry.acceptances[case.acceptance].run)
        for entry in accepted
        for case_id, case in entry.cases.items()
    }
    by_variant: dict[tuple[str, str], list[Trend]] = {}
    for case_id, figure in sides[-1].items():
        series = _series(case_id, sides)
        if comparison_of(figure.gate) and series:
            value, started = marks.get(case_id, (None, ""))
            at = {index for index, run in enumerate(runs) if run.started == started}
            trend = _trend(series, len(runs), value, at)
            by_variant.setdefault((figure.model, figure.method), []).append(trend)
    accuracies = [_accuracies(side.values()) for side in sides]
    for variant, own in by_variant.items():
        series = _series(variant, accuracies)
        if series:
            own.append(_trend(series, len(runs), None, set(), title="top-1 accuracy"))
    first, last = (utc(run.started) for run in (runs[0], runs[-1]))
    shown = _DAY if first[: _DAY.stop] != last[: _DAY.stop] else _TIME
    failing = {
        (figure.model, figure.method)
        for figure in sides[-1].values()
        if figure.status is Verdict.FAIL
    }

    def order(variant: tuple[str, str]) -> tuple[bool, bool]:
        moved = not all(trend.spread.startswith(_ALWAYS) for trend in by_variant[variant])
        return variant not in failing, not moved

    return tuple(
        VariantTrends(*variant, first[shown], last[shown], tuple(by_variant[variant]))
        for variant in sorted(by_variant, key=order)
    )


_Key = TypeVar("_Key")


def _series(key: _Key, sides: Sequence[Mapping[_Key, CaseFigure]]) -> Series:
    """Return a figure of all runs that have it; none if the latest or all others lack it."""
    series = [
        (index, side[key])
        for index, side in enumerate(sides)
        if key in side and side[key].value is not None
    ]
    return series if len(series) > 1 and series[-1][0] == len(sides) - 1 else []


def _accuracies(figures: Iterable[CaseFigure]) -> dict[tuple[str, str], CaseFigure]:
    """Return the share of images that each variant classifies correctly, as a figure."""
    known: dict[tuple[str, str], CaseFigure] = {}
    for figure in figures:
        images, right = figure.conditions.evaluation_images, figure.variant.right
        if images and right:
            share = float(unpack(right, images).mean())
            known[figure.model, figure.method] = replace(
                figure, gate=ACCURACY, unit="ratio", value=share, limit=None, status=Verdict.PASS
            )
    return known


Series = list[tuple[int, CaseFigure]]


def _trend(
    series: Series, runs: int, accepted: float | None, accepted_at: set[int], *, title: str = ""
) -> Trend:
    index, last = series[-1]
    values = [figure.value or 0.0 for _, figure in series]
    known = values if accepted is None else [*values, accepted]
    limit = last.limit if _near(last.limit, min(known), max(known)) else None
    drawn = known if limit is None else [*known, limit]
    low, high = min(drawn), max(drawn)
    room = 0.0 if low < high else abs(low) or 1.0  # a line that never moves is in the middle
    along = Axis(0, runs - 1, _LEFT, _RIGHT)
    up = Axis(low - room, high + room, _BOTTOM, _TOP)

    def dot(at: int, figure: CaseFigure, kind: str) -> Dot:
        return Dot(along.at(at), up.at(figure.value or 0.0), kind)

    spread = _spread(last, values)
    return Trend(
        title=title or last.gate,
        now=_said(last, last.value),
        spread=spread,
        accepted="" if accepted is None else _said(last, accepted),
        lines=tuple(
            " ".join(f"{along.at(at):g},{up.at(figure.value or 0.0):g}" for at, figure in part)
            for part in _alike(series)
        ),
        dots=(
            *(dot(at, figure, "failed") for at, figure in series if figure.status is Verdict.FAIL),
            *(dot(at, figure, "accepted") for at, figure in series if at in accepted_at),
            dot(index, last, "now"),
        ),
        accepted_y=None if accepted is None else up.at(accepted),
        limit_y=None if limit is None else up.at(limit),
        ticks=tuple(
            Tick(up.at(end), words.tick(written(last.gate, last.unit), end))
            for end in dict.fromkeys((low, high))
        ),
        description=_description(series, spread, accepted),
    )


def _near(limit: float | None, low: float, high: float) -> bool:
    if limit is None:
        return False
    room = _MAX_LIMIT_DISTANCE * (high - low)
    return low - room <= limit <= high + room


def _alike(series: Series) -> list[Series]:
    """Split a series into parts of at least two runs that were measured in the same way."""
    parts: list[Series] = []
    for point in series:
        before = parts[-1][-1][1] if parts else None
        rule = None if before is None else comparison_of(before.gate)
        if before is not None and rule is not None and not unlike(before, point[1], rule.measured):
            parts[-1].append(point)
        else:
            parts.append([point])
    return [part for part in parts if len(part) > 1]


def _spread(last: CaseFigure, values: list[float]) -> str:
    low, high = _said(last, min(values)), _said(last, max(values))
    extent = f"{low} to {high}" if low != high else f"{_ALWAYS}{low}"
    return f"{extent} in {plural(len(values), 'run')}"


def _description(series: Series, spread: str, accepted: float | None) -> str:
    last = series[-1][1]
    failed = sum(figure.status is Verdict.FAIL for _, figure in series)
    parts = [
        f"now {_said(last, last.value)}",
        spread,
        "" if accepted is None else f"accepted {_said(last, accepted)}",
        "" if last.limit is None else f"limit {words.limit(last.gate, last.unit, last.limit)}",
        f"failed in {plural(failed, 'run')}" if failed else "",
    ]
    return ", ".join(part for part in parts if part)


def _said(figure: CaseFigure, value: float | None) -> str:
    return words.quantity(figure.gate, figure.unit, value)
