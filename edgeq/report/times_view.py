"""The view of a variant's times compared with its baseline's. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter

from edgeq.measure.latency import Latency, Timing
from edgeq.record.structs import CaseRecord
from edgeq.report import words
from edgeq.report.axis import Axis, Histogram, Tick, bars, round_numbers

HEIGHT, BASE = 182, 78
_START, _END, _TALL = 14, 446, 56
_MAX_PERCENTILE = 97
"""Highest percentile that is drawn: the slowest few would squeeze all others into one bar."""
_TOP, _BOTTOM = 12, 112


@dataclass(frozen=True)
class Ratios:
    """The ratio in each pair of blocks, in the order of time.

    Attributes:
        band: Top and bottom of the ratio's interval; None if there is none.
        limit: Position of the limit; None if there is none in the picture.
    """

    dots: tuple[tuple[float, float], ...]
    ticks: tuple[Tick, ...]
    band: tuple[float, float] | None
    limit: float | None
    limit_text: str
    description: str


@dataclass(frozen=True)
class TimesView:
    """The latency of a variant compared with its baseline's.

    Attributes:
        rows: Names with the baseline's and the variant's time.
        chart: Both distributions; None if the record holds none.
        beyond: Sentence on what is not drawn.
    """

    rows: tuple[tuple[str, str, str], ...]
    chart: Histogram | None
    beyond: str
    ratios: Ratios | None


_ROWS: tuple[tuple[str, Callable[[Timing], float | None]], ...] = (
    ("loading", attrgetter("init_s")),
    ("first inference", attrgetter("first_s")),
    ("median", attrgetter("median_s")),
    ("mean", attrgetter("mean_s")),
    ("90th percentile", attrgetter("p90_s")),
)


def times_view(latency: Latency | None, case: CaseRecord | None = None) -> TimesView | None:
    """Return the times of a variant, None if they were not measured.

    ``case`` is that of the latency ratio, whose limit is drawn.
    """
    if latency is None:
        return None
    rows = tuple(
        (name, words.milliseconds(before), words.milliseconds(after))
        for name, time in _ROWS
        if (before := time(latency.baseline)) is not None
        and (after := time(latency.variant)) is not None
    )
    return TimesView(rows, _chart(latency), _beyond(latency), _ratios(latency, case))


def _chart(latency: Latency) -> Histogram | None:
    sides = [side.percentiles_s for side in (latency.baseline, latency.variant)]
    if any(len(side) <= _MAX_PERCENTILE for side in sides):
        return None
    shown = [side[: _MAX_PERCENTILE + 1] for side in sides]
    low, high = min(side[0] for side in shown), max(side[-1] for side in shown)
    steps = round_numbers(low * 1000, high * 1000)
    axis = Axis(steps[0] / 1000, steps[-1] / 1000, _START, _END)
    medians = [side[len(side) // 2] for side in sides]
    texts = [words.milliseconds(median) for median in medians]
    return Histogram(
        bars=bars(shown[0], axis, BASE, _TALL),
        below=bars(shown[1], axis, BASE, -_TALL),
        base=BASE,
        height=HEIGHT,
        ticks=tuple(Tick(axis.at(step / 1000), f"{step:g}") for step in steps),
        marks=tuple(axis.at(median) for median in medians),
        description="Two histograms of the time of one inference: "
        f"baseline, median {texts[0]}, above; variant, median {texts[1]}, below",
    )


def _beyond(latency: Latency) -> str:
    baseline, variant = latency.baseline.percentiles_s, latency.variant.percentiles_s
    if not (baseline and variant):
        return ""
    return (
        "The slowest 3 % are not drawn; the slowest inference of all took "
        f"{words.milliseconds(baseline[-1])} (baseline) and {words.milliseconds(variant[-1])} "
        "(variant)."
    )


def _ratios(latency: Latency, case: CaseRecord | None) -> Ratios | None:
    values, ratio, ends = latency.block_ratios, latency.ratio, latency.ratio_interval
    if not values:
        return None
    limit = None if case is None else case.limit
    seen = [*values, *(ends or ()), *([limit] if limit is not None and limit < 2 * ratio else [])]
    steps = round_numbers(min(seen), max(seen), 3)
    up = Axis(steps[0], steps[-1], _BOTTOM, _TOP)
    along = Axis(0, max(1, len(values) - 1), 56, _END - 4)
    inside = limit is not None and steps[0] <= limit <= steps[-1]
    return Ratios(
        dots=tuple((along.at(place), up.at(value)) for place, value in enumerate(values)),
        ticks=tuple(Tick(up.at(step), words.times(step)) for step in steps),
        band=ends and (up.at(ends[1]), up.at(ends[0])),
        limit=up.at(limit) if limit is not None and inside else None,
        limit_text="" if limit is None else words.times(limit),
        description=f"The variant's time divided by the baseline's in {len(values):,} pairs of "
        f"blocks: {words.times(min(values))} to {words.times(max(values))}, over all "
        f"{words.times(ratio)}" + (f" ({words.span('times', ends)})" if ends else ""),
    )
