"""The cells of the table of variants. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from edgeq.config.gates import GATES
from edgeq.record.ship_decision import leans
from edgeq.record.structs import CaseRecord, ModelRecord, VariantRecord
from edgeq.report import facts, words
from edgeq.report.model_sentences import worst_output
from edgeq.report.words import Mark

HEADINGS = {
    "size": "Size",
    "reduction": "Reduction",
    "agreement": "Top-1 agreement",
    "accuracy": "Top-1 accuracy",
    "latency": "Latency ratio",
    "memory": "Peak memory",
}


@dataclass(frozen=True)
class Limit:
    """A limit that a number of the table is held against.

    Attributes:
        mark: The verdict.
        text: The limit in words.
    """

    mark: Mark
    text: str


@dataclass(frozen=True)
class Cell:
    """One number of the table.

    Attributes:
        text: The number with its unit, or that it was not measured.
        details: Its interval, and what it rests on.
        absent: Whether it was not measured.
        order: The number alone, to sort by; None where there is none.
        limits: What it is held against.
    """

    text: str
    details: tuple[str, ...] = ()
    absent: bool = False
    order: float | None = None
    limits: tuple[Limit, ...] = ()


def cells(
    model: ModelRecord,
    variant: VariantRecord,
    cases: tuple[CaseRecord, ...] = (),
    *,
    is_baseline: bool,
) -> dict[str, Cell]:
    """Return a row of the table by the names in ``HEADINGS``."""
    size = variant.bytes or None
    whole = model.baseline.bytes or None
    reduction = None if size is None or whole is None else 1 - size / whole
    row = {
        "size": _cell(size and words.size(size), _gzip(variant), order=size),
        "reduction": _cell(
            None if reduction is None else words.percent(reduction), order=reduction
        ),
        "agreement": _agreement(variant),
        "accuracy": _accuracy(model, variant, is_baseline=is_baseline),
        "latency": _latency(model, variant, is_baseline=is_baseline),
        "memory": _memory(variant),
    }
    if is_baseline:
        return row | {
            "reduction": Cell(words.NONE, order=0.0),
            "agreement": Cell(words.NONE, order=1.0),
        }
    by_gate = {case.gate: case for case in cases}
    return {name: replace(cell, limits=_limits(name, by_gate)) for name, cell in row.items()}


def _limits(column: str, cases: Mapping[str, CaseRecord]) -> tuple[Limit, ...]:
    held = [
        (gate, case, case.limit)
        for gate, row in GATES
        if row.column == column and (case := cases.get(gate)) is not None and case.limit is not None
    ]
    found = []
    for place, (gate, case, limit) in enumerate(held):
        text = words.limit(gate, case.unit, limit, beside=case.value)
        # The first is about the cell's number; of another one the name says what it is about.
        name = f"{gate.replace('_', ' ')} " if place else ""
        found.append(Limit(words.verdict_mark(case.status, leans(case)), f"{name}{text}"))
    return tuple(found)


def _cell(text: str | None, *details: str, order: float | None = None) -> Cell:
    if text is None:
        return Cell(words.ABSENT, absent=True)
    return Cell(text, tuple(filter(None, details)), order=order)


def _gzip(variant: VariantRecord) -> str:
    compressed = facts.number(variant.size, "gzip_bytes")
    return "" if compressed is None else f"gzip {words.size(compressed)}"


def _agreement(variant: VariantRecord) -> Cell:
    share = facts.number(variant.agreement, "top1")
    worst = worst_output(variant)
    if share is None and worst is not None and worst.error is not None:
        return _cell(
            f"error {words.number('number', worst.error)}",
            "relative, of its worst output",
            order=-worst.error,
        )
    if share is None:
        return _cell(None)
    ends = facts.interval(variant.agreement, "top1_interval")
    return _cell(words.percent(share), words.span("percent", ends), order=share)


def _accuracy(model: ModelRecord, variant: VariantRecord, *, is_baseline: bool) -> Cell:
    if is_baseline:
        side = "baseline_top1"
        every = (one.accuracy for one in model.variants)
        found = next((one for one in every if facts.number(one, side, "value") is not None), {})
    else:
        side, found = "variant_top1", variant.accuracy
    share = facts.number(found, side, "value")
    drop = None if is_baseline else facts.number(found, "drop")
    change = "" if drop is None else words.number("points", drop)
    interval = words.span("percent", facts.interval(found, side, "interval"))
    return _cell(None if share is None else words.percent(share), interval, change, order=share)


def _latency(model: ModelRecord, variant: VariantRecord, *, is_baseline: bool) -> Cell:
    if is_baseline:
        every = (facts.number(one.latency, "baseline", "median_s") for one in model.variants)
        found = next((seconds for seconds in every if seconds is not None), None)
        if found is None:
            return _cell(None)
        return _cell("1", words.milliseconds(found), order=1.0)
    ratio = facts.number(variant.latency, "ratio")
    ends = facts.interval(variant.latency, "ratio_interval")
    median = facts.number(variant.latency, "variant", "median_s")
    return _cell(
        None if ratio is None else words.times(ratio),
        words.span("times", ends),
        "" if median is None else words.milliseconds(median),
        order=ratio,
    )


def _memory(variant: VariantRecord) -> Cell:
    first = facts.number(variant.memory, "peak")
    before = facts.number(variant.memory, "before")
    grown = facts.number(variant.memory, "grown") or 0.0
    peak = None if first is None else first + grown
    details = []
    if first is not None and before is not None:
        details.append(f"adds {words.size(max(0.0, first - before))}")
    if grown:
        details.append(f"grows by {words.size(grown)}")
    return _cell(None if peak is None else words.size(peak), *details, order=peak)
