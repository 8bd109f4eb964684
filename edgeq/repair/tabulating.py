"""Measuring the table of units, as far as the choice depends on it.

To measure a unit at a precision, a file must be made and run. Before that is done, the choice
counts on bounds: the bytes of the weights alone, and the error of a precision whose arithmetic is
finer. What the chosen candidates then contain is measured, and they are chosen again, until they
contain nothing but what was measured. They are the candidates of the complete table as well, up to
savings that don't count (``MIN_SAVING``), since what was not measured is at best as good as its
bound.

For mixes that are to be fast, each unit is also timed at other precisions than the method's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from edgeq.config.structs import Precision
from edgeq.errors import ConversionError, WorkerError
from edgeq.models.child import idle
from edgeq.pipeline.schedule import Countdown
from edgeq.repair.bench import Bench, Cells, Key, QuantizedUnit
from edgeq.repair.choosing import Candidate, choose_mixes
from edgeq.repair.clock import Clock
from edgeq.repair.request import Request
from edgeq.repair.table import Cell, ErrorTable
from edgeq.run.results import Feed
from edgeq.run.session import Session

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
ROUNDS, BLOCK, WARMUP = 16, 4, 2
"""How inferences of a mix and of the file that it is compared with are timed."""


def necessary_table(
    bench: Bench, request: Request, budgets: Sequence[float], most: int, clock: Clock
) -> ErrorTable:
    """Return the table of a model's units, measured as far as its candidates need it.

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

    Raises:
        EdgeqError: The baseline can't be run.
    """
    first, *others = request.precisions
    cells = bench.cells(bench.quantized_units([first], every=first == request.base), Clock())
    return bench.table({**cells, **bench.cells(bench.quantized_units(others), clock)})


def bound(cell: QuantizedUnit, cells: Cells, images: int) -> Cell:
    """Return what a measurement of a unit at a precision can't beat."""
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


def timed(
    bench: Bench,
    table: ErrorTable,
    method: Precision,
    names: Sequence[Precision],
    clock: Clock,
) -> ErrorTable:
    """Return a table with the time that each unit costs at each precision.

    Raises:
        EdgeqError: The method's own variant can't be made.
    """
    times = unit_seconds(bench, method, names, clock)
    rows = (
        replace(
            row,
            seconds={name: times[row.name, name] for name in names if (row.name, name) in times},
        )
        for row in table.rows
    )
    return replace(table, rows=tuple(rows))


def unit_seconds(
    bench: Bench, method: Precision, names: Sequence[Precision], clock: Clock
) -> Mapping[Key, float]:
    """Return the time of an inference with one unit at another precision than the method's.

    Times are measured while nothing else runs, in blocks that alternate with those of the method's
    own variant. Combinations that can't be made or run are left out, and those for which no time is
    left.

    Returns:
        Seconds in addition to those of the method's own variant, by unit and precision.

    Raises:
        EdgeqError: The method's own variant can't be made.
    """
    plain = bench.variant(method)
    times: dict[Key, float] = {(unit.name, method): 0.0 for unit in bench.units}
    to_time = [cell for cell in bench.quantized_units(names) if cell.precision != method]
    with idle.kept(), bench.run.executor.workers.kept():
        countdown = Countdown(len(to_time))
        for number, cell in enumerate(to_time):
            if clock.is_over:
                break
            bench.run.say(f"{bench.model}: timing units, {countdown.text(number)}")
            try:
                other = bench.variant(method, [cell.key])
                times[cell.key] = _slower(bench, plain.path, other.path)
            except (ConversionError, WorkerError) as error:
                bench.left_out.append(f"{cell.unit.name} in {cell.precision}: {error.what}")
    return times


def _slower(bench: Bench, first: Path, second: Path) -> float:
    """Return how many seconds longer the second file's median inference takes."""

    def time(session: Session) -> float:
        feeds = [
            Feed(bench.load(session, path)[0].handle, bench.pixels, bench.baseline.preprocessing)
            for path in (first, second)
        ]
        blocks = session.time(feeds, rounds=ROUNDS, block=BLOCK, warmup=WARMUP, budget_s=60.0)
        own, other = (float(np.median(samples)) for samples in blocks.samples)
        return other - own

    return bench.run.executor.workers.ask(f"{bench.model}/timing", time)
