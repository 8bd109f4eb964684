"""The search from the table of units through a knapsack to the candidates."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from edgeq.config.presets import MOST_ERROR
from edgeq.errors import ConversionError, SpecError, WorkerError
from edgeq.measure.statistics import normal_quantile
from edgeq.repair.bench import Bench
from edgeq.repair.calibrating import Ranges, other_ranges
from edgeq.repair.checking import Checked, is_additive, mix_of, revert_one_by_one
from edgeq.repair.choosing import Candidate, Choice, candidate_of, choose_mixes, ladder
from edgeq.repair.clock import Clock, Stages
from edgeq.repair.request import USUAL, Request, precision_of
from edgeq.repair.table import Doubles, ErrorTable, gate_error
from edgeq.repair.trying import ERROR

TABLE_SHARE = 0.5
"""Share of the time that measuring units may take, so that time is left for candidates."""


@dataclass(frozen=True)
class Figures:
    """The figures that follow from the goals and the evaluation set.

    Attributes:
        limits: The limit of each goal's gate, by gate.
        evaluation: Number of independent evaluation samples.
        confidence: Confidence of each candidate's intervals.
        most: Number of candidates that may be tried.
    """

    limits: Mapping[str, float]
    evaluation: int
    confidence: float
    most: int


class Search:
    """The search for candidates; each step is computed on first use.

    Args:
        bench: The model and its calibration samples.
        request: The user's request.
        figures: What follows from the goals and the evaluation set.
        clock: The clock that limits the time.
        stages: The stopwatch for the steps.
    """

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
        """The candidates to judge, the cheapest first; other ranges cost nothing.

        Raises:
            SpecError: Only float32 reaches the goal.
            EdgeqError: The baseline, or the method from whose error the goal follows, can't be run.
        """
        return (*self._recalibrated, *self._mixed)[: self.figures.most]

    @cached_property
    def table(self) -> ErrorTable:
        """The table of all units, with errors, bytes and, if latency is minimized, times."""
        request, budget_s = self.request, self.request.budget_s
        clock = Clock(None if budget_s is None else TABLE_SHARE * budget_s)
        with self.stages.timing("table of units"):
            table = self.bench.table(request.precisions, clock, base=precision_of(request.start))
        if request.aim == "size" or request.base is None:
            return table
        with self.stages.timing("times of units"):
            times = self.bench.seconds(request.base, request.precisions, self.clock)
        rows = (
            replace(
                row,
                seconds={
                    name: times[row.name, name]
                    for name in request.precisions
                    if (row.name, name) in times
                },
            )
            for row in table.rows
        )
        return replace(table, rows=tuple(rows))

    @cached_property
    def choice(self) -> Choice:
        """The result of the knapsack.

        Raises:
            SpecError: Only float32 reaches the goal.
        """
        choice = choose_mixes(
            self.table,
            self.request.aim,
            ladder(self._most_error),
            base=self.request.base,
            most=self.figures.most,
        )
        if choice.candidates:
            return choice
        squares = [row.square(name) for row in self.table.rows for name in row.cells]
        goals = ", ".join(goal.text for goal in self.request.goals) or "every gate passes"
        raise SpecError(
            f"no precision reaches the goal ({goals}): it takes a relative error of "
            f"{self._most_error:.2g}, and the most exact unit alone has "
            f"{min(squares, default=0.0) ** 0.5:.2g}",
            where="--until",
            remedy="Allow a greater error, or ship the float model",
        )

    @cached_property
    def mixes(self) -> tuple[Checked, ...]:
        """Predicted and measured errors of the first candidate's method and of the candidate.

        The method is left out if the candidate has no exceptions, or if its error is not predicted.
        """
        first = self.choice.candidates[0]
        mixes = []
        whole = mix_of(self.table, first.method)
        if whole is not None and first.units:
            measured = self.bench.error_of(first.method)
            mixes.append(Checked(f"{first.method} everywhere", self.table.error(whole), measured))
        measured = self.bench.error_of(first.method, first.units)
        return (*mixes, Checked("the first candidate", first.error, measured))

    @cached_property
    def ranges(self) -> tuple[Ranges, ...]:
        """The effect of other activation ranges on the method that is to stay."""
        if self.request.start is None:
            return ()
        with self.stages.timing("calibration"):
            return tuple(other_ranges(self.bench, self.request.start, self.clock))

    def predicted(self, candidate: Candidate) -> float:
        """Return the error of a candidate as the table predicts it, corrected by a measured mix.

        The error of a candidate with another percentile is measured, and needs no correction.
        """
        first = self.mixes[-1]
        usable = first.predicted > 0 and math.isfinite(first.measured)
        if candidate.percentile is not None or not usable:
            return candidate.error
        return candidate.error * first.measured / first.predicted

    @cached_property
    def _most_error(self) -> float:
        """The greatest error of a candidate that the evaluation samples can prove small enough.

        The errors are assumed to spread over the evaluation samples as those of the method from
        which the goal follows spread over the calibration samples.

        Raises:
            EdgeqError: That method can't be made or run.
        """
        goal = next((goal for goal in self.request.goals if goal.gate.name == ERROR), None)
        method = (goal and goal.reference) or self.request.start or USUAL
        with self.stages.timing("check of the prediction"):
            squares = self.bench.squares_of(self.bench.made(method))
        if goal is None:
            return min(gate_error(squares), MOST_ERROR)
        return self.figures.limits[ERROR] / (1.0 + self._half_width(squares))

    def _half_width(self, squares: Doubles) -> float:
        """Return the expected half-width of a candidate's interval, as a share of its error."""
        errors = np.sqrt(squares).max(axis=1)
        if not np.isfinite(errors).all() or not errors.mean():
            return 0.0
        spread = float(errors.std(ddof=1) / errors.mean()) if len(errors) > 1 else 0.0
        quantile = normal_quantile(0.5 + self.figures.confidence / 2.0)
        return quantile * spread / math.sqrt(self.figures.evaluation)

    @property
    def _recalibrated(self) -> tuple[Candidate, ...]:
        """The method that is to stay with other ranges only, if that is enough; else empty."""
        base = precision_of(self.request.start)
        mix = None if base is None else mix_of(self.table, base)
        best = min(self.ranges, key=lambda ranges: ranges.after, default=None)
        if mix is None or best is None or not best.helps:
            return ()
        plain = candidate_of(self.table, mix, self.request.aim, base)
        if plain is None or best.after > ladder(self._most_error)[0]:
            return ()
        return (replace(plain, error=best.after, percentile=best.percentile),)

    @property
    def _mixed(self) -> tuple[Candidate, ...]:
        """The mixes of the knapsack, or those found one by one if errors don't add up."""
        choice = self.choice
        with self.stages.timing("check of the prediction"):
            if is_additive(self.mixes):
                return choice.candidates
        self.bench.run.say(
            f"{self.bench.model}: squared errors don't add up; units are reverted one by one"
        )
        base = self.request.base or choice.candidates[0].method
        with self.stages.timing("units one by one"):
            reverted = revert_one_by_one(
                self.table, self.request.aim, base, ladder(self._most_error), self._measure
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
