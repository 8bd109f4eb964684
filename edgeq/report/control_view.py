"""The control that a variant was compared with in addition to its baseline, in words. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from edgeq.measure.beside_control import BesideControl
from edgeq.record.measured import RecordedControl
from edgeq.record.structs import CaseRecord, ModelRecord
from edgeq.report.words import joined
from edgeq.words import Kind, duration, size, value

_MIN_SECONDS = 1.0
"""Least seconds that are reported. A control that took less was cached or cost next to nothing."""


def control_line(control: RecordedControl | None) -> str:
    """Return what a variant's default limits compared it with; empty if they need no control."""
    if control is None:
        return ""
    if control.absent:
        return f"No control: {control.absent}. The variant is judged by its limits alone"
    if control.itself:
        return f"Its own control: it is edgeq's own {control.method} by the default recipe"
    beside = control.beside
    reached = "" if beside is None else f": {', '.join(_figures(beside))} (this file's in brackets)"
    return f"Control: {_name(control)}{_cost(control)}{reached}"


def costs(model: ModelRecord) -> tuple[str, ...]:
    """Return the cost of the controls made for a model's variants, a sentence for each engine."""
    by_engine: dict[str, dict[str, float]] = {}
    for control in (variant.control for variant in model.variants):
        seconds = None if control is None else _seconds(control)
        if control is not None and seconds is not None:
            by_engine.setdefault(control.engine or "", {})[control.method or ""] = seconds
    return tuple(
        f"edgeq's own {joined([*made])} by {engine} {'was' if len(made) == 1 else 'were'} made and "
        f"run to compare brought files with: {duration(sum(made.values()))} of work, kept for "
        "later runs"
        for engine, made in by_engine.items()
    )


def scale_costs(cases: Iterable[CaseRecord]) -> tuple[str, ...]:
    """Return the cost of one scale per layer compared with one per channel, a sentence each."""
    sentences = []
    for case in cases:
        cost = case.known.beside_finer
        if cost is None:
            continue
        if cost.own is None or cost.error is None or cost.ratio is None:
            sentences.append(
                f"{case.variant}: what one scale for all channels of a layer costs is not known: "
                f"{cost.absent}"
            )
        else:
            own, finer = value("number", cost.own), value("number", cost.error)
            sentences.append(
                f"{case.variant}: one scale for all channels of a layer costs "
                f"{value('times', cost.ratio)} the error of a scale for each "
                f"(relative error {own}, {cost.method} {finer})"
            )
    return tuple(sentences)


def _name(control: RecordedControl) -> str:
    return f"edgeq's own {control.method} by {control.engine}"


def _seconds(control: RecordedControl) -> float | None:
    """Return the seconds of a control made only for comparison, None if not worth reporting."""
    seconds = control.seconds or 0.0
    return seconds if seconds >= _MIN_SECONDS and not control.declared else None


def _cost(control: RecordedControl) -> str:
    seconds = _seconds(control)
    parts = [] if control.bytes is None else [size(control.bytes)]
    if seconds is not None:
        parts.append(f"made and run in {duration(seconds)} of work")
    return f" ({', '.join(parts)})" if parts else ""


def _figures(beside: BesideControl) -> list[str]:
    figures = [
        _pair(f"relative error of {error.label}", "number", error.control, error.variant)
        for error in beside.errors
    ]
    if beside.drift is not None:
        drift = beside.drift
        figures.append(_pair("probability drift", "number", drift.control, drift.variant))
    for name, paired in (("agreement", beside.agreement), ("top-1", beside.accuracy)):
        if paired is not None:
            figures.append(_pair(name, "percent", paired.control, paired.variant))
    return figures


def _pair(name: str, kind: Kind, control: float, variant: float) -> str:
    return f"{name} {value(kind, control)} ({value(kind, variant)})"
