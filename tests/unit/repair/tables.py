"""Tables of units for the tests of what is made of them."""

from __future__ import annotations

from edgeq.config.structs import Precision
from edgeq.repair.table import Cell, ErrorTable, Row

IMAGES = 4


def cell(error: float, size: int) -> Cell:
    """Return a cell whose error is the same on every image."""
    return Cell(squares=((error**2,),) * IMAGES, bytes=size)


def row(name: str, weight_bytes: int = 4000, **cells: tuple[float, int]) -> Row:
    """Return a unit with its cells as (error, bytes), by precision."""
    return Row(name, weight_bytes, {known(key): cell(*values) for key, values in cells.items()})


def known(name: str) -> Precision:
    """Return a precision by its name."""
    names: dict[str, Precision] = {
        "float32": "float32",
        "float16": "float16",
        "dynamic_range": "dynamic_range",
        "weight_only_int8": "weight_only_int8",
        "weight_only_int4": "weight_only_int4",
        "int8": "int8",
    }
    return names[name]


def table(*rows: Row, float_bytes: int = 100_000) -> ErrorTable:
    """Return a table of units with one output."""
    return ErrorTable(rows, float_bytes, outputs=1, images=IMAGES)
