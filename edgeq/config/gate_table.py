"""Reads ``[tool.edgeq.gates]``: limits for every variant, and subtables for single ones."""

from __future__ import annotations

import math
import re
from typing import Any

from edgeq.config.gate import Gate
from edgeq.config.gates import GATES, limits
from edgeq.config.ranges import shown
from edgeq.config.structs import Gates, Limits
from edgeq.config.tables import header, key_text
from edgeq.errors import SpecError
from edgeq.registry import unknown

_UNITS = {"": 1, "B": 1, "kB": 1000, "MB": 1000**2, "GB": 1000**3}
_UNITS |= {"KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
_WHOLE = {"bytes", "count"}
_SIZE = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)\s*")


def parse_gates(table: Any, *, where: str) -> Gates:
    """Parse the limits in a TOML table.

    A number is a limit, ``false`` switches the gate off, and sizes may be written ``"9.5 MB"``. A
    subtable holds the same for one method or variant.

    Raises:
        SpecError: A gate is unknown, or a limit is outside its range.
    """
    if not isinstance(table, dict):
        raise SpecError(
            "is not a table", where=f"{where}: gates", remedy=f"Write {header(where, 'gates')}"
        )
    every, off_every = _limits(
        {key: value for key, value in table.items() if not isinstance(value, dict)},
        f"{where}: gates",
    )
    by_method: dict[str, Limits] = {}
    off: dict[str, tuple[str, ...]] = {"": off_every} if off_every else {}
    for name, subtable in table.items():
        if isinstance(subtable, dict):
            place = f"{where}: {key_text('gates', name)}"
            by_method[name], off_here = _limits(subtable, place)
            if off_here:
                off[name] = off_here
    return Gates(every=every, by_method=by_method, off=off)


def parse_size(text: str) -> float:
    """Return a size such as ``"9.5 MB"`` or ``"64 MiB"`` in bytes.

    Raises:
        ValueError: The text is not a size.
    """
    match = _SIZE.fullmatch(text)
    if match is None or match[2] not in _UNITS:
        raise ValueError(text)
    size = float(match[1]) * _UNITS[match[2]]
    return float(round(size)) if math.isfinite(size) else size


def _limits(table: dict[str, Any], where: str) -> tuple[Limits, tuple[str, ...]]:
    chosen: Limits = {}
    off = []
    for name, value in table.items():
        gate = GATES.find(name)
        if gate is None:
            raise unknown("gate", name, limits(), where=where)
        if gate.is_proof:
            raise SpecError(
                f"{name!r} is a proof: it is always on and has no limit",
                where=where,
                remedy="Remove the key",
            )
        if value is False:
            off.append(name)
        else:
            chosen[name] = _limit(gate, value, where)
    return chosen, tuple(off)


def _limit(gate: Gate, value: Any, where: str) -> float:
    number = _number(gate, value, where)
    highest = math.inf if gate.maximum is None else gate.maximum
    if gate.unit in _WHOLE and math.isfinite(number) and number != int(number):
        what = f"{gate.name} = {value!r} is not a whole number"
        raise SpecError(what, where=where, remedy="Write a whole number")
    is_inside = math.isfinite(number) and gate.minimum <= number <= highest
    if is_inside and number != gate.unreachable:
        return number
    span = f"{'more than' if gate.unreachable == gate.minimum else 'at least'} {gate.minimum:g}"
    if gate.maximum is not None and gate.unreachable == gate.maximum:
        span += f" and less than {gate.maximum:g}"
    elif gate.maximum is not None:
        span = f"from {gate.minimum:g} to {gate.maximum:g}"
    what = f"{gate.name} = {shown(value)} is outside its range"
    raise SpecError(what, where=where, remedy=f"Valid: {span}")


def _number(gate: Gate, value: Any, where: str) -> float:
    if isinstance(value, str) and gate.unit == "bytes":
        try:
            return parse_size(value)
        except ValueError:
            raise SpecError(
                f"{gate.name} = {shown(value)} is not a size",
                where=where,
                remedy=f"Write bytes or a string with one of: {', '.join(filter(None, _UNITS))}",
            ) from None
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            return math.inf
    raise SpecError(
        f"{gate.name} = {shown(value)} is not a number",
        where=where,
        remedy="Write a number, or false to switch the gate off",
    )
