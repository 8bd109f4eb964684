"""The picture that decides: each figure with its interval, next to its limit. Pure.

A panel shows one gate, with a row for each variant: the name and the value as text, and below them
the interval as a bar and the limit as a line. The side that the limit forbids is shaded. Positions
are in the units of the panel's SVG picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgeq.config.gates import GATES, written
from edgeq.judge.verdict import Verdict
from edgeq.record.ship_decision import leans
from edgeq.record.structs import CaseRecord, RunRecord
from edgeq.report import words
from edgeq.report.axis import Axis, Tick, round_numbers, series
from edgeq.words.escape import shortened

WIDTH = 360
START, END = 12, 348
ROW = 36
"""Height of a row: a line of text, and a bar below it."""
FOOT = 26
"""Height of the axis below the rows."""
MAX_ROWS = 24
"""Maximum number of rows of a panel. Cases that did not pass come before those that did."""

_LETTER = 6.6
_GAP = 3
_ROOM = 0.05
"""Share of the range of all numbers that is left free at each end of the axis."""
_WIDE = 9.0
"""Ratio of the greatest to the smallest number from which costs are drawn on a log scale."""
_COSTS = {"times", "size", "ms", "s", "count"}


@dataclass(frozen=True)
class Row:
    """One case.

    Attributes:
        name: The variant, cut to fit, with the verdict's symbol.
        title: The case with its value, interval, limit and verdict in words.
        bar: Left end and width of the interval; None if the value is exact.
        forbidden: Left end and width of the side that the limit forbids.
    """

    name: str
    text: str
    title: str
    tone: str
    y: int
    value: float
    bar: tuple[float, float] | None
    limit: float
    forbidden: tuple[float, float]


@dataclass(frozen=True)
class Panel:
    """One gate.

    Attributes:
        limit: The limit in words, or that limits differ.
        rows: The cases, in the order of the record.
        more: Number of cases that passed and are not shown.
    """

    gate: str
    limit: str
    rows: tuple[Row, ...]
    ticks: tuple[Tick, ...]
    height: int
    log: bool
    more: int
    description: str


def panels(record: RunRecord) -> tuple[Panel, ...]:
    """Return a panel for each gate with a limit that a measured figure is compared with."""
    by_gate: dict[str, list[CaseRecord]] = {}
    for case in record.cases:
        if case.gate in GATES and case.value is not None and case.limit is not None:
            by_gate.setdefault(case.gate, []).append(case)
    several = len(record.models) > 1
    return tuple(_panel(by_gate[name], several=several) for name, _ in GATES if name in by_gate)


def _panel(cases: Sequence[CaseRecord], *, several: bool) -> Panel:
    gate, unit = cases[0].gate, cases[0].unit
    shown = _most_telling(cases)
    numbers = [number for case in shown for number in _numbers(case)]
    axis = _axis(min(numbers), max(numbers), log=written(gate, unit) in _COSTS)
    rows = tuple(_row(case, axis, place * ROW, several=several) for place, case in enumerate(shown))
    limits = {words.limit(gate, unit, case.limit) for case in cases}
    return Panel(
        gate=gate,
        limit=limits.pop() if len(limits) == 1 else "limits differ",
        rows=rows,
        ticks=_ticks(axis, gate, unit),
        height=len(rows) * ROW + FOOT,
        log=axis.log,
        more=len(cases) - len(shown),
        description="; ".join(row.title for row in rows),
    )


def _most_telling(cases: Sequence[CaseRecord]) -> list[CaseRecord]:
    """Return at most ``MAX_ROWS`` cases in their order: first what failed, then what was close."""
    ranked = sorted(
        range(len(cases)),
        key=lambda place: (
            cases[place].status is Verdict.PASS,
            abs((cases[place].value or 0.0) - (cases[place].limit or 0.0)),
        ),
    )
    return [cases[place] for place in sorted(ranked[:MAX_ROWS])]


def _numbers(case: CaseRecord) -> tuple[float, ...]:
    value, limit = case.value or 0.0, case.limit or 0.0
    return (value, limit, *(case.interval or ()))


def _axis(low: float, high: float, *, log: bool) -> Axis:
    if log and low > 0 and high / low > _WIDE:
        return Axis(low / (1 + _ROOM), high * (1 + _ROOM), START, END, log=True)
    room = _ROOM * ((high - low) or abs(high) or 1.0)
    return Axis(low - room, high + room, START, END)


def _ticks(axis: Axis, gate: str, unit: str) -> tuple[Tick, ...]:
    values = series(axis.low, axis.high) if axis.log else round_numbers(axis.low, axis.high)
    return axis.ticks(values, lambda number: words.tick(written(gate, unit), number))


def _row(case: CaseRecord, axis: Axis, top: int, *, several: bool) -> Row:
    value, limit = case.value or 0.0, case.limit or 0.0
    mark = words.verdict_mark(case.status, leans(case))
    text = words.quantity(case.gate, case.unit, value, beside=limit)
    interval = words.span(written(case.gate, case.unit), case.interval)
    bound = words.limit(case.gate, case.unit, limit, beside=value)
    whose = f"{case.model} {case.variant}" if several else case.variant
    edge = axis.at(limit)
    least = GATES.get(case.gate).sense == "min"
    ends = None if case.interval is None else tuple(map(axis.at, case.interval))
    return Row(
        name=_cut(f"{mark.symbol} {whose}", len(text)),
        text=text,
        title=f"{whose}: {text}"
        + (f", interval {interval}" if interval else "")
        + f", limit {bound}, {mark.word}",
        tone=mark.tone,
        y=top,
        value=axis.at(value),
        bar=None if ends is None else (ends[0], round(max(ends[1] - ends[0], 1.0), 1)),
        limit=edge,
        forbidden=(START, round(edge - START, 1)) if least else (edge, round(END - edge, 1)),
    )


def _cut(name: str, beside: int) -> str:
    """Return a name that leaves room for a text of ``beside`` letters on its line."""
    return shortened(name, int((END - START) / _LETTER) - beside - _GAP)
