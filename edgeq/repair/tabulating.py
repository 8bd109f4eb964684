"""Measuring the table of units, as far as the choice depends on it.

To measure a unit at a precision, a file must be made and run. Before that is done, the choice
counts on bounds: the bytes of the weights alone, and the error of a precision whose arithmetic is
finer. What the chosen candidates then contain is measured, and they are chosen again, until they
contain nothing but what was measured. They are the candidates of the complete table as well, up to
savings that don't count (``LEAST_SAVING``), since what was not measured is at best as good as its
bound.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from edgeq.config.structs import Precision
from edgeq.repair.bench import Bench, Cells, Key, QuantizedUnit
from edgeq.repair.choosing import Candidate, choose_mixes
from edgeq.repair.clock import Clock
from edgeq.repair.request import Request
from edgeq.repair.table import Cell, ErrorTable

BITS: Mapping[Precision, int] = {
    "weight_only_int4": 4,
    "weight_only_int8": 8,
    "dynamic_range": 8,
    "int8": 8,
    "int16x8": 8,
    "float16": 16,
}
"""Bits of a stored weight."""

FLOAT_BITS = 32

FINER: Precision = "weight_only_int8"
"""Float arithmetic with weights of 8 bits: what others with no more bits do more coarsely."""


def necessary_table(
    bench: Bench, request: Request, budgets: Sequence[float], most: int, clock: Clock
) -> ErrorTable:
    """Return the table of a model's units, measured as far as its candidates need it.

    Args:
        bench: The model and its calibration samples.
        request: The user's request; what is minimized must be size.
        budgets: Error budgets of the candidates, the greatest first.
        most: Greatest number of candidates.
        clock: The clock that limits the time, except for the first precision.

    Raises:
        EdgeqError: The baseline can't be run.
    """
    first, *others = request.precisions
    cells = dict(bench.cells(bench.quantized_units([first], every=first == request.base), Clock()))
    unmeasured = {cell.key: cell for cell in bench.quantized_units(others)}
    while not clock.is_over:
        bounds = {key: bound(cell, cells, len(bench.places)) for key, cell in unmeasured.items()}
        table = bench.table({**cells, **bounds})
        choice = choose_mixes(table, request.aim, budgets, base=request.base, most=most)
        needed = [unmeasured.pop(key) for key in _keys(choice.candidates) if key in unmeasured]
        if not needed:
            break
        cells |= bench.cells(needed, clock)
    return bench.table(cells)


def complete_table(bench: Bench, request: Request, clock: Clock) -> ErrorTable:
    """Return the table of a model's units at every precision that may be tried.

    Args:
        bench: The model and its calibration samples.
        request: The user's request.
        clock: The clock that limits the time, except for the first precision.

    Raises:
        EdgeqError: The baseline can't be run.
    """
    first, *others = request.precisions
    cells = bench.cells(bench.quantized_units([first], every=first == request.base), Clock())
    return bench.table({**cells, **bench.cells(bench.quantized_units(others), clock)})


def bound(cell: QuantizedUnit, cells: Cells, images: int) -> Cell:
    """Return what a measurement of a unit at a precision can't beat.

    Args:
        cell: The unit and its precision.
        cells: The cells that were measured.
        images: Number of images on which errors are measured.
    """
    bits = BITS[cell.precision]
    finer = cells.get((cell.unit.name, FINER)) if bits <= BITS[FINER] else None
    outputs = next((len(known.squares[0]) for known in cells.values()), 1)
    return Cell(
        squares=((0.0,) * outputs,) * images if finer is None else finer.squares,
        bytes=-cell.unit.weight_bytes * (FLOAT_BITS - bits) // FLOAT_BITS,
    )


def _keys(candidates: Sequence[Candidate]) -> Iterator[Key]:
    for candidate in candidates:
        yield from candidate.mix.items()
