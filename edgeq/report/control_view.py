"""What a variant was compared with beside its baseline, in one sentence. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from edgeq.io.structs import converted
from edgeq.judge.tensors import COST
from edgeq.measure.beside_control import BesideControl
from edgeq.record.structs import CaseRecord, ModelRecord
from edgeq.report import facts
from edgeq.words import Kind, duration, size, value

_LEAST_SECONDS = 1.0
"""A control that took less was there already, or cost nothing worth a line."""


def control_line(control: Mapping[str, object]) -> str:
    """Return what a variant's default limits compared it with; empty if they asked for nothing.

    Args:
        control: ``VariantRecord.control``.
    """
    if not control:
        return ""
    method = facts.text(control, "method")
    absent = facts.text(control, "absent")
    if absent is not None:
        return f"No control: {absent}. The limits alone judge"
    if control.get("itself") is True:
        return f"Its own control: it is edgeq's own {method} by the default recipe"
    beside = _read(control.get("beside"))
    reached = "" if beside is None else f": {', '.join(_figures(beside))} (this file's in brackets)"
    return f"Control: {_name(control)}{_cost(control)}{reached}"


def costs(model: ModelRecord) -> tuple[str, ...]:
    """Return what controls cost that were made for a model's variants, one sentence each."""
    said = {}
    for variant in model.variants:
        seconds = facts.number(variant.control, "seconds")
        if seconds is not None and seconds >= _LEAST_SECONDS and not _is_declared(variant.control):
            said[_name(variant.control)] = (
                f"{_name(variant.control)} was made and run to compare brought files with: "
                f"{duration(seconds)} of work, kept for later runs"
            )
    return tuple(said.values())


def scale_costs(cases: Iterable[CaseRecord]) -> tuple[str, ...]:
    """Return what one scale for all channels of a layer costs variants, one sentence each."""
    said = []
    for case in cases:
        cost = case.evidence.get(COST)
        if not isinstance(cost, dict):
            continue
        finer, own, other = (cost.get(key) for key in ("method", "own", "error"))
        ratio = cost.get("ratio")
        if isinstance(own, float) and isinstance(other, float) and isinstance(ratio, float):
            beside = f"relative error {value('number', own)}, {finer} {value('number', other)}"
            said.append(
                f"{case.method}: one scale for all channels of a layer costs "
                f"{value('times', ratio)} the error of a scale for each ({beside})"
            )
        else:
            said.append(
                f"{case.method}: what one scale for all channels of a layer costs is not known: "
                f"{cost.get('absent')}"
            )
    return tuple(said)


def _name(control: Mapping[str, object]) -> str:
    return f"edgeq's own {facts.text(control, 'method')} by {facts.text(control, 'engine')}"


def _is_declared(control: Mapping[str, object]) -> bool:
    return control.get("declared") is True


def _cost(control: Mapping[str, object]) -> str:
    took = facts.number(control, "seconds")
    bytes_ = facts.number(control, "bytes")
    parts = [] if bytes_ is None else [size(bytes_)]
    if took is not None and took >= _LEAST_SECONDS and not _is_declared(control):
        parts.append(f"made and run in {duration(took)} of work")
    return f" ({', '.join(parts)})" if parts else ""


def _figures(beside: BesideControl) -> list[str]:
    found = [
        _pair(f"relative error of {one.label}", "number", one.control, one.variant)
        for one in beside.errors
    ]
    if beside.drift is not None:
        drift = beside.drift
        found.append(_pair("probability drift", "number", drift.control, drift.variant))
    for name, paired in (("agreement", beside.agreement), ("top-1", beside.accuracy)):
        if paired is not None:
            found.append(_pair(name, "percent", paired.control, paired.variant))
    return found


def _pair(name: str, kind: Kind, control: float, variant: float) -> str:
    return f"{name} {value(kind, control)} ({value(kind, variant)})"


def _read(beside: object) -> BesideControl | None:
    """Return the figures of a record; None if it holds none, or those of a later version."""
    try:
        return None if beside is None else converted(beside, BesideControl)
    except msgspec.ValidationError:
        return None
