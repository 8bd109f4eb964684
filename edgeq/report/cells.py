"""The cells of the table of variants. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from edgeq.config.gates import GATES
from edgeq.record.ship_decision import leans
from edgeq.record.structs import CaseRecord, ModelRecord, VariantRecord
from edgeq.report import words
from edgeq.report.figures_view import main_figure, short_name
from edgeq.report.model_sentences import worst_output
from edgeq.report.words import Mark
from edgeq.words import Kind

_CLASSES = {"agreement": "Agreement", "accuracy": "Accuracy"}
"""Columns whose heading says top-1 only if that is what they show."""

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
    """A limit that a number of the table is compared with."""

    mark: Mark
    text: str


@dataclass(frozen=True)
class Cell:
    """One number of the table.

    Attributes:
        text: The number with its unit, or "not measured".
        details: Its interval and further details.
        absent: Whether the number was not measured.
        order: The bare number to sort by; None if there is none.
        limits: The limits that it is compared with.
        names_measure: Whether the text says what was measured, because it is not what the column's
            heading says.
        gate: The gate that judges the number, whose limit needs no name; empty for the first one of
            the column.
    """

    text: str
    details: tuple[str, ...] = ()
    absent: bool = False
    order: float | None = None
    limits: tuple[Limit, ...] = ()
    names_measure: bool = False
    gate: str = ""


def cells(
    model: ModelRecord,
    variant: VariantRecord,
    cases: tuple[CaseRecord, ...] = (),
    *,
    is_baseline: bool,
) -> dict[str, Cell]:
    """Return a row of the table, by the names in ``HEADINGS``."""
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
    return {
        name: replace(cell, limits=_limits(name, by_gate, cell.gate)) for name, cell in row.items()
    }


def headings(rows: Iterable[Mapping[str, Cell]]) -> dict[str, str]:
    """Return the headings of a table's columns, which say what its cells show.

    A column in which no row has a number or a limit is left out.
    """
    shown = list(rows)
    named = {
        column: {row[column].names_measure for row in shown if not _is_empty(row[column])}
        for column in _CLASSES
    }
    anywhere = set[bool]().union(*named.values())
    texts = dict(HEADINGS)
    for column, plain in _CLASSES.items():
        kinds = named[column] or anywhere  # what was not measured is of the same kind
        if True in kinds:
            texts[column] = f"{plain} (top-1 unless named)" if False in kinds else plain
    return {
        column: text
        for column, text in texts.items()
        if any(row[column].limits or not _is_empty(row[column]) for row in shown)
    }


def _is_empty(cell: Cell) -> bool:
    return cell.absent or cell.text == words.NONE


def _limits(column: str, cases: Mapping[str, CaseRecord], own: str) -> tuple[Limit, ...]:
    """Return the limits of a cell, first that of the number that it shows."""
    cells_with_limits = [
        (gate, case, case.limit)
        for gate, row in GATES
        if row.column == column and (case := cases.get(gate)) is not None and case.limit is not None
    ]
    cells_with_limits.sort(key=lambda row: row[0] != own)
    limits = []
    for place, (gate, case, limit) in enumerate(cells_with_limits):
        text = words.limit(gate, case.unit, limit, beside=case.value)
        is_own = gate == own if own else place == 0
        name = "" if is_own else f"{gate.replace('_', ' ')} "
        limits.append(Limit(words.verdict_mark(case.status, leans(case)), f"{name}{text}"))
    return tuple(limits)


def _cell(text: str | None, *details: str, order: float | None = None) -> Cell:
    if text is None:
        return Cell(words.ABSENT, absent=True)
    return Cell(text, tuple(filter(None, details)), order=order)


def _gzip(variant: VariantRecord) -> str:
    return "" if variant.size is None else f"gzip {words.size(variant.size.gzip_bytes)}"


def _agreement(variant: VariantRecord) -> Cell:
    agreement = variant.agreement
    if agreement is not None:
        interval = words.span("percent", agreement.top1_interval)
        return _cell(words.percent(agreement.top1), interval, order=agreement.top1)
    own = _of_task(variant, "agreement")
    if own is not None:
        return own
    if variant.boxes is not None and variant.boxes.recall is not None:
        recall = variant.boxes.recall
        cell = _cell(
            f"box recall {words.percent(recall.value)}",
            words.span("percent", recall.interval),
            order=recall.value,
        )
        return replace(cell, names_measure=True, gate="box_recall")
    worst = worst_output(variant)
    if worst is None or worst.error is None:
        return _cell(None)
    error = f"error {words.number('number', worst.error)}"
    cell = _cell(error, "relative, of its worst output", order=-worst.error)
    return replace(cell, names_measure=True)


def _accuracy(model: ModelRecord, variant: VariantRecord, *, is_baseline: bool) -> Cell:
    every = model.variants if is_baseline else (variant,)
    accuracy = next(filter(None, (each.accuracy for each in every)), None)
    if accuracy is None:
        return _mean_precision(every, is_baseline=is_baseline)
    rate = accuracy.baseline_top1 if is_baseline else accuracy.variant_top1
    change = "" if is_baseline else words.number("points", accuracy.drop)
    interval = words.span("percent", rate.interval)
    return _cell(words.percent(rate.value), interval, change, order=rate.value)


def _mean_precision(every: Sequence[VariantRecord], *, is_baseline: bool) -> Cell:
    """Return a detector's mAP50-95, shown in the place of a classifier's accuracy."""
    precision = next(filter(None, (each.precision for each in every)), None)
    if precision is None:
        labelled = (_labelled(each, is_baseline=is_baseline) for each in every)
        return next(filter(None, labelled), _cell(None))
    value, interval, change = precision.baseline_map, precision.baseline_interval, ""
    if not is_baseline:
        value, interval = precision.variant_map, precision.variant_interval
        change = words.number("points", precision.drop)
    span = words.span("percent", interval)
    cell = _cell(f"mAP {words.percent(value)}", span, change, order=value)
    return replace(cell, names_measure=True)


def _of_task(variant: VariantRecord, column: str) -> Cell | None:
    """Return the main figure of a variant's task, None if there is none."""
    main = main_figure(variant, column)
    if main is None:
        return None
    figure, kind = main
    order = figure.value if GATES.get(figure.name).sense == "min" else -figure.value
    text = f"{short_name(figure.name, kind)} {words.number(kind, figure.value)}"
    cell = _cell(text, words.span(kind, figure.interval), order=order)
    return replace(cell, names_measure=True, gate=figure.name)


def _labelled(variant: VariantRecord, *, is_baseline: bool) -> Cell | None:
    """Return the main figure with labels of a variant's task, or of its baseline."""
    if not is_baseline:
        return _of_task(variant, "accuracy")
    main = main_figure(variant, "accuracy")
    if main is None or main[0].baseline is None:
        return None
    figure, kind = main
    own: Kind = "percent" if kind == "points" else kind
    text = f"{short_name(figure.name)} {words.number(own, figure.baseline)}"
    cell = _cell(text, order=figure.baseline)
    return replace(cell, names_measure=True)


def _latency(model: ModelRecord, variant: VariantRecord, *, is_baseline: bool) -> Cell:
    every = model.variants if is_baseline else (variant,)
    latency = next(filter(None, (each.latency for each in every)), None)
    if latency is None:
        return _cell(None)
    if is_baseline:
        return _cell("1", words.milliseconds(latency.baseline.median_s), order=1.0)
    return _cell(
        words.times(latency.ratio),
        words.span("times", latency.ratio_interval),
        words.milliseconds(latency.variant.median_s),
        order=latency.ratio,
    )


def _memory(variant: VariantRecord) -> Cell:
    memory = variant.memory
    if memory is None or memory.peak is None:
        return _cell(None)
    grown = memory.grown or 0
    details = []
    if memory.before is not None:
        details.append(f"adds {words.size(max(0, memory.peak - memory.before))}")
    if grown:
        details.append(f"grows by {words.size(grown)}")
    return _cell(words.size(memory.peak + grown), *details, order=memory.peak + grown)
