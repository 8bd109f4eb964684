"""The search from the table of units through a knapsack to the candidates.

To measure a unit at a precision, a file must be made and run. Before that is done, the choice
counts on bounds: the bytes of the weights alone, and the error of a precision whose arithmetic is
finer. What the chosen candidates then contain is measured, and they are chosen again, until they
contain nothing but what was measured. They are the candidates of the complete table as well, up to
savings that don't count (``MIN_SAVING``), since what was not measured is at best as good as its
bound.

For mixes that are to be fast, each unit is also timed at other precisions than the method's.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from edgeq.config.methods import FLOAT32, METHODS
from edgeq.config.presets import MAX_ERROR
from edgeq.config.structs import Precision
from edgeq.errors import ConversionError, SpecError, WorkerError
from edgeq.measure.statistics import unbounded_mean
from edgeq.models.child import idle
from edgeq.pipeline.schedule import Countdown
from edgeq.record.repair import MixRecord
from edgeq.repair.bench import Bench, Cells, Key, QuantizedUnit
from edgeq.repair.calibrating import Change, Halves, finer_scales, halves, other_ranges, rebuilt
from edgeq.repair.choosing import (
    Candidate,
    Choice,
    candidate_of,
    choose_mixes,
    is_additive,
    ladder,
    mix_of,
    revert_one_by_one,
)
from edgeq.repair.clock import Clock, Stages
from edgeq.repair.goals import Goal
from edgeq.repair.request import USUAL, Request
from edgeq.repair.table import Cell, Doubles, ErrorTable, gate_error
from edgeq.repair.trying import ERROR
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


TABLE_SHARE = 0.5
"""Share of the time that measuring units may take, so that time is left for candidates."""


@dataclass(frozen=True)
class Figures:
    """The figures that follow from the goals and the evaluation set.

    ``evaluation`` counts independent evaluation samples, ``most`` the candidates that may be tried.
    """

    limits: Mapping[str, float]
    evaluation: int
    confidence: float
    most: int


class Search:
    """The search for candidates; each step is computed on first use."""

    def __init__(
        self, bench: Bench, request: Request, figures: Figures, clock: Clock, stages: Stages
    ) -> None:
        self.bench = bench
        self.request = request
        self.figures = figures
        self.clock = clock
        self.stages = stages

    @cached_property
    def candidates(self) -> tuple[Candidate, ...]:
        """The candidates to judge, the cheapest first.

        Raises:
            SpecError: Only float32 reaches the goal.
            EdgeqError: The baseline, or the method from whose error the goal follows, can't be run.
        """
        choice = self.choice
        with self.stages.timing("check of the prediction"):
            additive = is_additive(self.mixes)
        if additive:
            candidates = choice.candidates
        else:
            with self.stages.timing("units one by one"):
                candidates = self._reverted
        return tuple(replace(own, percentile=self.bench.percentile_of(own)) for own in candidates)

    @cached_property
    def table(self) -> ErrorTable:
        """The table of units, with errors, bytes and, if latency is minimized, times."""
        request, budget_s = self.request, self.request.budget_s
        self.bench.percentile = self.percentile
        clock = Clock(None if budget_s is None else TABLE_SHARE * budget_s)
        budgets = ladder(self._provable_error)
        with self.stages.timing("table of units"):
            if request.aim == "size":
                return necessary_table(self.bench, request, budgets, self.figures.most, clock)
            table = complete_table(self.bench, request, clock)
        with self.stages.timing("times of units"):
            return timed(self.bench, table, request.base or USUAL, request.precisions, self.clock)

    @cached_property
    def choice(self) -> Choice:
        """The result of the knapsack.

        If no mix is exact enough to be proved, those that may at least reach the goal are chosen.

        Raises:
            SpecError: Only float32 reaches the goal.
        """
        choices = (self._choice(ladder(error)) for error in (self._provable_error, self._limit))
        choice = next((choice for choice in choices if choice.candidates), None)
        if choice is not None:
            return choice
        squares = [row.square(name) for row in self.table.rows for name in row.cells]
        goals = ", ".join(goal.text for goal in self.request.goals) or "every gate passes"
        raise SpecError(
            f"no precision reaches the goal ({goals}): it takes a relative error of "
            f"{self._limit:.2g}, and the most exact unit alone has "
            f"{min(squares, default=0.0) ** 0.5:.2g}",
            where="--until",
            remedy="Allow a greater error, or ship the float model",
        )

    def _choice(self, budgets: Sequence[float]) -> Choice:
        request, most = self.request, self.figures.most
        return choose_mixes(self.table, request.aim, budgets, base=request.base, most=most)

    @cached_property
    def mixes(self) -> tuple[MixRecord, ...]:
        """Predicted and measured errors of the first candidate's method and of the candidate.

        The method is left out if the candidate has no exceptions, or if its error is not predicted.
        """
        first = self.choice.candidates[0]
        mixes = []
        whole = mix_of(self.table, first.method)
        if whole is not None and first.units:
            measured = self.bench.error_of(first.method)
            predicted = self.table.error(whole)
            name = f"{first.method} everywhere"
            mixes.append(MixRecord(name=name, predicted=predicted, measured=measured))
        measured = self.bench.error_of(first.method, first.units)
        name = "the first candidate"
        return (*mixes, MixRecord(name=name, predicted=first.error, measured=measured))

    @cached_property
    def changes(self) -> tuple[Change, ...]:
        """The effect of each change to the whole method that the repair starts from.

        Raises:
            EdgeqError: The method can't be made or run.
        """
        start, method = self.request.start, self.request.method
        if start is None or method is None:
            return ()
        with self.stages.timing("calibration"):
            name, scales = self.request.variant, finer_scales(self.bench, start)
            return (
                *([] if name is None else [rebuilt(self.bench, name, start)]),
                *([] if scales is None else [scales]),
                *other_ranges(self.bench, method, self.clock),
            )

    @cached_property
    def halves(self) -> Halves | None:
        """What fewer calibration samples would do; None without a method, ranges or time."""
        if self.request.method is None or self.clock.is_over:
            return None
        with self.stages.timing("calibration"):
            return halves(self.bench, self.request.method)

    @property
    def helped(self) -> tuple[str, ...]:
        """What changes to the whole method do, in sentences without a full stop."""
        sentences = [change.sentence for change in self.changes]
        return (*sentences, *([] if self.halves is None else [self.halves.sentence]))

    @cached_property
    def percentile(self) -> float | None:
        """The percentile of the activation ranges that helps most; None for the method's own."""
        helpful = [change for change in self.changes if change.percentile and change.helps]
        best = min(helpful, key=lambda change: change.after, default=None)
        return None if best is None else best.percentile

    def with_float_outputs(self, candidate: Candidate) -> Candidate:
        """Return a candidate whose outputs are computed in float32, with weights of 8 bits.

        Raises:
            EdgeqError: The baseline can't be run.
        """
        units = [
            QuantizedUnit(unit, FINER)
            for unit in self.bench.output_units
            if candidate.mix[unit.name] != FLOAT32
            and METHODS.get(candidate.mix[unit.name]).needs_calibration
        ]
        self.table = self.table.extended(self.bench.cells(units, Clock()))
        mix = {**candidate.mix, **dict(cell.key for cell in units)}
        method = self.request.base or candidate.method
        changed = candidate_of(self.table, mix, self.request.aim, method) or candidate
        return replace(changed, percentile=self.bench.percentile_of(changed))

    def predicted(self, candidate: Candidate) -> float:
        """Return the error of a candidate as the table predicts it, corrected by a measured mix."""
        first = self.mixes[-1]
        usable = first.predicted > 0 and math.isfinite(first.measured)
        return candidate.error * (first.measured / first.predicted if usable else 1.0)

    @cached_property
    def _reference(self) -> Doubles:
        """Squared errors of the method from whose error the goal follows, or which fails."""
        goal = self._error_goal
        method = (goal and goal.reference) or self.request.method or USUAL
        with self.stages.timing("check of the prediction"):
            return self.bench.squares_of(self.bench.variant(method))

    @property
    def _error_goal(self) -> Goal | None:
        return next((goal for goal in self.request.goals if goal.gate.name == ERROR), None)

    @property
    def _limit(self) -> float:
        """The greatest error that a candidate may have: the goal, or else that of the method."""
        if self._error_goal is not None:
            return self.figures.limits[ERROR]
        return min(gate_error(self._reference), MAX_ERROR)

    @property
    def _provable_error(self) -> float:
        """The greatest error of a candidate that the evaluation samples can prove small enough.

        The errors are assumed to spread over the evaluation samples as those of the method from
        which the goal follows spread over the calibration samples.
        """
        if self._error_goal is None:
            return self._limit
        return self._limit / (1.0 + self._half_width(self._reference))

    def _half_width(self, squares: Doubles) -> float:
        """Return by what share the high end of a candidate's interval exceeds its error."""
        errors = np.sqrt(squares)[:, int(np.sqrt(squares).mean(axis=0).argmax())]
        mean = float(errors.mean())
        if not math.isfinite(mean) or not mean:
            return 0.0
        worth = float(self.figures.evaluation)
        interval = unbounded_mean(errors, self.figures.confidence, worth=worth)
        return 0.0 if interval is None else interval[1] / mean - 1.0

    @property
    def _reverted(self) -> tuple[Candidate, ...]:
        """The mixes that are found by reverting units one by one, as errors don't add up."""
        choice, request = self.choice, self.request
        self.bench.run.say(
            f"{self.bench.model}: squared errors don't add up; units are reverted one by one"
        )
        base = request.base or choice.candidates[0].method
        if request.aim == "size":
            self.table = complete_table(self.bench, request, self.clock)
        reverted = revert_one_by_one(
            self.table, request.aim, base, ladder(self._provable_error), self._measure
        )
        return tuple(reverted)[: self.figures.most] or choice.candidates

    def _measure(self, candidate: Candidate) -> float | None:
        """Return the relative error of a mix on the calibration samples.

        None if no time is left, infinity if the mix can't be made or run.
        """
        if self.clock.is_over:
            return None
        try:
            return self.bench.error_of(candidate.method, candidate.units)
        except (ConversionError, WorkerError):
            return math.inf
