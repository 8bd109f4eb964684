"""Timing each unit at other precisions than the method's, for mixes that are to be fast."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from edgeq.config.structs import Precision
from edgeq.errors import ConversionError, WorkerError
from edgeq.models.children import idle
from edgeq.pipeline.eta import Countdown
from edgeq.repair.bench import Bench, Key
from edgeq.repair.clock import Clock
from edgeq.repair.table import ErrorTable
from edgeq.run.results import Feed
from edgeq.run.session import Session

ROUNDS, BLOCK, WARMUP = 16, 4, 2
"""How inferences of a mix and of the file that it is compared with are timed."""


def timed(
    bench: Bench,
    table: ErrorTable,
    method: Precision,
    names: Sequence[Precision],
    clock: Clock,
) -> ErrorTable:
    """Return a table with the time that each unit costs at each precision.

    Args:
        bench: The model and its calibration samples.
        table: The table.
        method: The method that times are relative to.
        names: The precisions.
        clock: The clock that limits the time; what is not timed by then is left out.

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
