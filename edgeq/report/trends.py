"""Trends of each figure over the runs, in the units of their SVG pictures. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgeq.history.accepted import Accepted
from edgeq.history.past import PastRun, of_past
from edgeq.history.rules import comparison_of, unlike
from edgeq.history.snapshot import CaseFigure
from edgeq.judge.verdict import Verdict
from edgeq.report import words
from edgeq.words import plural

WIDTH, HEIGHT = 220, 56
_EDGE = 6.0
_FAR = 1.5
"""A limit is drawn if it is at most this many spans of the values away; otherwise only its text
appears."""


@dataclass(frozen=True)
class Dot:
    """A marked run.

    Attributes:
        x, y: Position in the picture's units.
        kind: ``"now"``, ``"accepted"`` or ``"failed"``.
    """

    x: float
    y: float
    kind: str


@dataclass(frozen=True)
class Trend:
    """One figure of one variant over the runs.

    Attributes:
        gate: Name of the gate.
        now: The latest value, in words.
        spread: The lowest and the highest value and the number of runs, in words.
        accepted: The accepted value, in words; empty if there is none.
        lines: Points of each line; values that can't be compared are not joined.
        dots: The marked runs.
        accepted_y: Position of the accepted value; None if there is none.
        limit_y: Position of the limit; None if there is none near the values.
        description: Text alternative of the picture.
    """

    gate: str
    now: str
    spread: str
    accepted: str
    lines: tuple[str, ...]
    dots: tuple[Dot, ...]
    accepted_y: float | None
    limit_y: float | None
    description: str


@dataclass(frozen=True)
class VariantTrends:
    """The trends of one variant's figures."""

    model: str
    variant: str
    trends: tuple[Trend, ...]


def trends(runs: Sequence[PastRun], accepted: Sequence[Accepted] = ()) -> tuple[VariantTrends, ...]:
    """Return a trend for each figure of the latest run that an earlier run has, too.

    Args:
        runs: The runs, the oldest first.
        accepted: The accepted records.
    """
    if len(runs) < 2:  # noqa: PLR2004 - one run has no trend
        return ()
    sides = [of_past(run).figures for run in runs]
    marks = {
        case_id: (case.value, entry.acceptances[case.acceptance].run)
        for entry in accepted
        for case_id, case in entry.cases.items()
    }
    by_case: dict[tuple[str, str], list[Trend]] = {}
    for case_id, figure in sides[-1].items():
        series = [
            (index, side[case_id])
            for index, side in enumerate(sides)
            if case_id in side and side[case_id].value is not None
        ]
        if comparison_of(figure.gate) and len(series) > 1 and series[-1][0] == len(runs) - 1:
            value, started = marks.get(case_id, (None, ""))
            at = {index for index, run in enumerate(runs) if run.started == started}
            trend = _trend(series, len(runs), value, at)
            by_case.setdefault((figure.model, figure.method), []).append(trend)
    return tuple(VariantTrends(*key, tuple(by_case[key])) for key in by_case)


@dataclass(frozen=True)
class _Scale:
    """Positions of runs and values in the chart."""

    runs: int
    low: float
    high: float

    def x(self, index: int) -> float:
        return round(_EDGE + (WIDTH - 2 * _EDGE) * index / (self.runs - 1), 1)

    def y(self, value: float) -> float:
        span = self.high - self.low
        share = (value - self.low) / span if span else 0.5
        return round(HEIGHT - _EDGE - (HEIGHT - 2 * _EDGE) * share, 1)

    def dot(self, index: int, figure: CaseFigure, kind: str) -> Dot:
        return Dot(self.x(index), self.y(figure.value or 0.0), kind)


Series = list[tuple[int, CaseFigure]]


def _trend(series: Series, runs: int, accepted: float | None, accepted_at: set[int]) -> Trend:
    index, last = series[-1]
    values = [figure.value or 0.0 for _, figure in series]
    known = values if accepted is None else [*values, accepted]
    limit = last.limit if _near(last.limit, min(known), max(known)) else None
    drawn = known if limit is None else [*known, limit]
    scale = _Scale(runs, min(drawn), max(drawn))
    spread = _spread(last, values)
    return Trend(
        gate=last.gate,
        now=_said(last, last.value),
        spread=spread,
        accepted="" if accepted is None else _said(last, accepted),
        lines=tuple(
            " ".join(f"{scale.x(at):g},{scale.y(figure.value or 0.0):g}" for at, figure in part)
            for part in _alike(series)
        ),
        dots=(
            *(
                scale.dot(at, figure, "failed")
                for at, figure in series
                if figure.status is Verdict.FAIL
            ),
            *(scale.dot(at, figure, "accepted") for at, figure in series if at in accepted_at),
            scale.dot(index, last, "now"),
        ),
        accepted_y=None if accepted is None else scale.y(accepted),
        limit_y=None if limit is None else scale.y(limit),
        description=_description(series, spread, accepted),
    )


def _near(limit: float | None, low: float, high: float) -> bool:
    if limit is None:
        return False
    room = _FAR * (high - low)
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
    extent = f"{low} to {high}" if low != high else f"always {low}"
    return f"{extent} in {plural(len(values), 'run')}"


def _description(series: Series, spread: str, accepted: float | None) -> str:
    last = series[-1][1]
    failed = sum(figure.status is Verdict.FAIL for _, figure in series)
    parts = [
        f"now {_said(last, last.value)}",
        spread,
        "" if accepted is None else f"accepted {_said(last, accepted)}",
        "" if last.limit is None else f"limit {_limit(last)}",
        f"failed in {plural(failed, 'run')}" if failed else "",
    ]
    return ", ".join(part for part in parts if part)


def _limit(figure: CaseFigure) -> str:
    return words.limit(figure.gate, figure.unit, figure.limit)


def _said(figure: CaseFigure, value: float | None) -> str:
    return words.quantity(figure.gate, figure.unit, value)
