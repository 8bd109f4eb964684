"""The repair: from goals through a table of units and a knapsack to a few judged candidates."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property

import msgspec
import numpy as np

from edgeq import __version__
from edgeq.config.digest import spec_sha256
from edgeq.config.methods import FLOAT32, METHODS
from edgeq.config.presets import MOST_ERROR
from edgeq.config.structs import Precision, Spec
from edgeq.errors import ConversionError, ImageError, SpecError, WorkerError
from edgeq.history.moment import moment_text
from edgeq.measure.clusters import effective, find_clusters
from edgeq.measure.statistics import normal_quantile
from edgeq.pipeline.run import Run
from edgeq.pipeline.schedule import Say
from edgeq.quantize.recipes import INT8_PERCENTILE, INT16_PERCENTILE
from edgeq.record.repair import MixRecord, PointRecord, Repair, TriedRecord, UnitRecord
from edgeq.registry import unknown
from edgeq.repair.bench import Bench
from edgeq.repair.checking import Checked, is_additive, mix_of, revert_one_by_one
from edgeq.repair.choosing import (
    MOST_CANDIDATES,
    Candidate,
    Choice,
    candidate_of,
    choose_mixes,
    ladder,
)
from edgeq.repair.clock import Clock
from edgeq.repair.goals import Goal, corrected, provable_with
from edgeq.repair.table import Aim, Doubles, ErrorTable, Mix, gate_error
from edgeq.repair.training import trained_file
from edgeq.repair.trying import (
    ERROR,
    RATIO,
    Court,
    Verdicts,
    judge_candidate,
    judge_trained,
    value_of,
)
from edgeq.store.content import Store

USUAL: Precision = "int8"
"""The method that a repair starts from by default: the one that fails most often."""

PERCENTILES = (95.0, 99.0, 100.0)
"""Percentiles of the activation ranges that are tried in place of the method's own."""

DEFAULT_PERCENTILES: dict[Precision | None, float] = {
    "int8": INT8_PERCENTILE,
    "int16x8": INT16_PERCENTILE,
}

LEAST_HELP = 0.05
"""Other ranges count as a help if they remove more than this share of the error."""

TABLE_SHARE = 0.5
"""Share of the time that measuring units may take, so that time is left for candidates."""

BORDERS: dict[str, Precision] = {"int8_float_io": "int8", "int8_uint8_io": "int8"}
"""Methods that differ from a precision of units only in the model's input and output."""

BY_SIZE: tuple[Precision, ...] = (
    "weight_only_int8",
    "weight_only_int4",
    "dynamic_range",
    "float16",
    "int8",
)
"""Precisions that are tried if size is minimized, in the order in which they are measured."""

BY_TIME: tuple[Precision, ...] = ("int8", "weight_only_int8", "dynamic_range")
"""Precisions that are tried if latency is minimized. Those that compute in float32 are left out, as
they are no faster."""


@dataclass(frozen=True)
class Request:
    """The user's request for a repair.

    Attributes:
        model: Name of the model; None for the only model of the spec.
        start: The method to keep for as many units as possible; None for no preference.
        goals: Goals in addition to the gates, which must pass in any case.
        aim: What to minimize.
        budget_s: Seconds that the repair may take; None for no limit. At least one candidate is
            judged, however long that takes.
    """

    model: str | None = None
    start: str | None = None
    goals: tuple[Goal, ...] = ()
    aim: Aim = "size"
    budget_s: float | None = None


@dataclass
class _Stages:
    """Stopwatch for the stages of a repair.

    Attributes:
        seconds: Seconds of each stage, by its name.
    """

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timing(self, name: str) -> Iterator[None]:
        """Add the seconds that a block takes to a stage."""
        start = time.monotonic()
        try:
            yield
        finally:
            spent = time.monotonic() - start
            self.seconds[name] = round(self.seconds.get(name, 0.0) + spent, 2)


@dataclass(frozen=True)
class _Target:
    """The error that candidates should reach.

    Attributes:
        error: The greatest relative error that the evaluation samples can prove to be small enough,
            assuming that errors spread over them as the method's errors spread over the calibration
            samples.
        method: The method from whose error this follows.
    """

    error: float
    method: str


def repair(
    spec: Spec, request: Request, *, store: Store | None = None, say: Say = lambda _: None
) -> Repair:
    """Find the smallest or fastest mix of precisions that passes the gate and reaches the goals.

    Units are measured on calibration samples only. The gate then judges at most
    ``MOST_CANDIDATES`` candidates on the evaluation set, the cheapest first. Their intervals are
    corrected for the number of candidates that might be tried.

    Raises:
        SpecError: A name is unknown, the evaluation set can't prove a goal, or no mix reaches it.
        ImageError: There is no calibration or evaluation set.
        ModelError: The model has one unit, or its layers can't be grouped.
        EdgeqError: The model or the images can't be used.
    """
    started, clock, stages = datetime.now(UTC), Clock(request.budget_s), _Stages()
    model = _model_of(spec, request.model)
    _precision_of(request.start)
    run = Run(spec, store=store or Store(spec.path(spec.store)), say=say)
    with stages.timing("baseline and calibration set"):
        bench = Bench(run, model)
        images = run.inputs(model).images.evaluation
        if images is None:
            raise ImageError(
                "there is no evaluation set to judge candidates on",
                where=spec.origin,
                remedy="Set `evaluation` in [images]",
            )
    court = Court(spec, model, run.store, say, {}, spec.confidence)
    with stages.timing("goals on the evaluation set"):
        values = {
            goal.text: value_of(court, goal, goal.reference)
            for goal in request.goals
            if goal.reference is not None
        }
    limits = {goal.gate.name: goal.limit(values.get(goal.text)) for goal in request.goals}
    worth = int(effective(len(images.photos), find_clusters(images.groups())))
    most = provable_with(
        [(goal.gate, limits[goal.gate.name]) for goal in request.goals],
        worth,
        spec.confidence,
        MOST_CANDIDATES,
    )
    court = replace(court, limits=limits, confidence=corrected(spec.confidence, most))
    search = _Search(bench, request, clock, stages, _Figures(limits, worth, court.confidence, most))
    tried: list[TriedRecord] = []
    candidates = search.candidates
    with stages.timing("candidates"):
        for number, candidate in enumerate(candidates, 1):
            if tried and clock.is_over:
                break
            say(f"{model}: judging candidate {number} of {len(candidates)}")
            method = request.start or candidate.method
            verdicts = judge_candidate(court, method, candidate.units, candidate.percentile)
            # A candidate with another percentile has a measured error, which needs no correction.
            is_measured = candidate.percentile is not None
            predicted = candidate.error * (1.0 if is_measured else search.correction)
            tried.append(_tried(candidate, method, verdicts, predicted))
            if tried[-1].passed:
                break
    train = spec.repairing.train
    if train is not None and not any(attempt.passed for attempt in tried):
        with stages.timing("training"):
            tried.append(_trained(bench, court, train, candidates[len(tried) - 1], request))
    found = Repair(
        edgeq=__version__,
        started=moment_text(started),
        duration_s=round(clock.passed_s, 2),
        stages=stages.seconds,
        spec_sha256=spec_sha256(spec),
        model=model,
        aim=request.aim,
        goals=tuple(goal.text for goal in request.goals),
        limits=limits,
        samples=search.table.images,
        evaluation=len(images.photos),
        float_bytes=search.table.float_bytes,
        confidence=court.confidence,
        additive=is_additive(search.mixes),
        mixes=tuple(
            MixRecord(name=mix.name, predicted=mix.predicted, measured=mix.measured)
            for mix in search.mixes
        ),
        units=(),
        curve=tuple(
            PointRecord(bytes=point.bytes, error=point.error) for point in search.choice.curve
        ),
        tried=tuple(tried),
        helped=tuple(ranges.sentence for ranges in search.ranges),
        left_out=tuple(sorted(bench.left_out)),
    )
    return msgspec.structs.replace(found, units=_units(search.table, found, candidates))


@dataclass(frozen=True)
class _Figures:
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


@dataclass(frozen=True)
class Ranges:
    """The effect of other activation ranges on a method's error.

    Attributes:
        usual: The method's own percentile.
        percentile: The other percentile.
        before: The method's relative error on the calibration samples.
        after: Its relative error with the other percentile.
    """

    usual: float
    percentile: float
    before: float
    after: float

    @property
    def helps(self) -> bool:
        """Whether the error is clearly smaller."""
        return self.after < (1.0 - LEAST_HELP) * self.before

    @property
    def sentence(self) -> str:
        """The effect in a sentence without a full stop."""
        verdict = "helps" if self.helps else "does not help"
        return (
            f"Ranges at the {self.percentile:g}th percentile in place of the {self.usual:g}th: "
            f"error {self.before:.3f} -> {self.after:.3f}, which {verdict}"
        )


class _Search:
    """The search from the table of units to the candidates; each step is computed on first use."""

    def __init__(
        self,
        bench: Bench,
        request: Request,
        clock: Clock,
        stages: _Stages,
        figures: _Figures,
    ) -> None:
        self.bench = bench
        self.request = request
        self.clock = clock
        self.stages = stages
        self.figures = figures
        self.start = _precision_of(request.start)

    @cached_property
    def names(self) -> tuple[Precision, ...]:
        """The precisions that units may have, in the order in which they are measured."""
        usual = BY_TIME if self.request.aim == "latency" else BY_SIZE
        if self.start is None:
            return usual
        calibrated = {"int8", "int16x8"} - {self.start}
        every = (self.start, *usual)
        return tuple(dict.fromkeys(name for name in every if name not in calibrated))

    @cached_property
    def kept(self) -> Precision | None:
        """The precision of the variant's method if it is fixed, None if the mix decides.

        For latency it is always fixed, as times are only known relative to one method.
        """
        return self.start or (USUAL if self.request.aim == "latency" else None)

    @cached_property
    def table(self) -> ErrorTable:
        """The table of all units, with errors, bytes and, if latency is minimized, times."""
        budget_s = self.request.budget_s
        clock = Clock(None if budget_s is None else TABLE_SHARE * budget_s)
        with self.stages.timing("table of units"):
            table = self.bench.table(self.names, clock, keep=self.start)
        if self.request.aim == "size" or self.kept is None:
            return table
        with self.stages.timing("times of units"):
            times = self.bench.seconds(self.kept, self.names, self.clock)
        rows = (
            replace(
                row,
                seconds={
                    name: times[row.name, name] for name in self.names if (row.name, name) in times
                },
            )
            for row in table.rows
        )
        return replace(table, rows=tuple(rows))

    @cached_property
    def target(self) -> _Target:
        """The error that candidates should reach.

        Raises:
            EdgeqError: The method from whose error it follows can't be made or run.
        """
        goal = next((goal for goal in self.request.goals if goal.gate.name == ERROR), None)
        method = (goal and goal.reference) or self.request.start or USUAL
        with self.stages.timing("check of the prediction"):
            squares = self.bench.squares_of(self.bench.made(method))
        if goal is None:
            return _Target(min(gate_error(squares), MOST_ERROR), method)
        limit = self.figures.limits[ERROR]
        return _Target(limit / (1.0 + self._half_width(squares)), method)

    def _half_width(self, squares: Doubles) -> float:
        """Return the expected half-width of a candidate's interval, as a share of its error."""
        errors = np.sqrt(squares).max(axis=1)
        if not np.isfinite(errors).all() or not errors.mean():
            return 0.0
        spread = float(errors.std(ddof=1) / errors.mean()) if len(errors) > 1 else 0.0
        quantile = normal_quantile(0.5 + self.figures.confidence / 2.0)
        return quantile * spread / math.sqrt(self.figures.evaluation)

    @cached_property
    def choice(self) -> Choice:
        """The result of the knapsack.

        Raises:
            SpecError: Only float32 reaches the goal.
        """
        choice = choose_mixes(
            self.table,
            self.request.aim,
            ladder(self.target.error),
            kept=self.kept,
            most=self.figures.most,
        )
        if choice.candidates:
            return choice
        squares = [row.square(name) for row in self.table.rows for name in row.cells]
        goals = ", ".join(goal.text for goal in self.request.goals) or "every gate passes"
        raise SpecError(
            f"no precision reaches the goal ({goals}): it takes a relative error of "
            f"{self.target.error:.2g}, and the most exact unit alone has "
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
            measured = gate_error(self.bench.squares_of(self.bench.made(first.method)))
            mixes.append(Checked(f"{first.method} everywhere", self.table.error(whole), measured))
        variant = self.bench.made(first.method, first.units)
        measured = gate_error(self.bench.squares_of(variant))
        return (*mixes, Checked("the first candidate", first.error, measured))

    @property
    def correction(self) -> float:
        """Factor for predictions: measured divided by predicted error of the first candidate."""
        first = self.mixes[-1]
        usable = first.predicted > 0 and math.isfinite(first.measured)
        return first.measured / first.predicted if usable else 1.0

    @cached_property
    def ranges(self) -> tuple[Ranges, ...]:
        """The effect of other activation ranges on the method that is to be kept."""
        if self.start not in DEFAULT_PERCENTILES or self.request.start is None:
            return ()
        usual = DEFAULT_PERCENTILES[self.start]
        with self.stages.timing("calibration"):
            before = self._error_of(self.request.start)
            return tuple(
                Ranges(usual, percentile, before, self._error_of(self.request.start, percentile))
                for percentile in PERCENTILES
                if percentile != usual and not self.clock.is_over
            )

    def _error_of(self, method: str, percentile: float | None = None) -> float:
        """Return the relative error of a whole method on the calibration samples."""
        return gate_error(self.bench.squares_of(self.bench.made(method, (), percentile)))

    @property
    def recalibrated(self) -> tuple[Candidate, ...]:
        """The method that is to be kept with other ranges only, if that is enough; else empty."""
        mix = None if self.start is None else mix_of(self.table, self.start)
        best = min(self.ranges, key=lambda ranges: ranges.after, default=None)
        if mix is None or best is None or not best.helps:
            return ()
        plain = candidate_of(self.table, mix, self.request.aim, self.start)
        if plain is None or best.after > ladder(self.target.error)[0]:
            return ()
        return (replace(plain, error=best.after, percentile=best.percentile),)

    @cached_property
    def candidates(self) -> tuple[Candidate, ...]:
        """The candidates to judge, the cheapest first; other ranges cost nothing."""
        return (*self.recalibrated, *self._mixed)[: self.figures.most]

    @property
    def _mixed(self) -> tuple[Candidate, ...]:
        choice = self.choice
        with self.stages.timing("check of the prediction"):
            if is_additive(self.mixes):
                return choice.candidates
        self.bench.run.say(
            f"{self.bench.model}: squared errors don't add up; units are reverted one by one"
        )
        kept = self.kept or choice.candidates[0].method
        with self.stages.timing("units one by one"):
            reverted = revert_one_by_one(
                self.table, self.request.aim, kept, ladder(self.target.error), self._measure
            )
            return tuple(reverted)[: self.figures.most] or choice.candidates

    def _measure(self, candidate: Candidate) -> float | None:
        """Return the relative error of a mix on the calibration samples.

        None if no time is left, infinity if the mix can't be made or run.
        """
        if self.clock.is_over:
            return None
        try:
            variant = self.bench.made(candidate.method, candidate.units)
            return gate_error(self.bench.squares_of(variant))
        except (ConversionError, WorkerError):
            return math.inf


def _model_of(spec: Spec, name: str | None) -> str:
    """Return the name of the model to repair.

    Raises:
        SpecError: There is no such model, or no model is named and the spec has several.
    """
    if name is None and len(spec.models) == 1:
        return next(iter(spec.models))
    if name is None:
        raise SpecError(
            "the spec has several models",
            where=spec.origin,
            remedy=f"Name one of them: edgeq repair {next(iter(spec.models))}",
        )
    if name not in spec.models:
        raise unknown("model", name, spec.models, where=spec.origin)
    return name


def _precision_of(method: str | None) -> Precision | None:
    """Return the precision that a method gives to units.

    Raises:
        SpecError: The method can't be applied to single units.
    """
    if method is None:
        return None
    METHODS.get(method, where="--from")
    every: tuple[Precision, ...] = (*BY_SIZE, "int16x8")
    known: dict[str, Precision] = {name: name for name in every} | BORDERS
    if method not in known:
        raise SpecError(
            f"units can't be made by {method} one by one",
            where="--from",
            remedy=f"Start from one of {', '.join(sorted(known))}",
        )
    return known[method]


def _tried(candidate: Candidate, method: str, verdicts: Verdicts, predicted: float) -> TriedRecord:
    error, ratio = verdicts.of(ERROR), verdicts.of(RATIO)
    return TriedRecord(
        method=method,
        units=dict(candidate.units),
        percentile=candidate.percentile,
        predicted_bytes=candidate.bytes,
        predicted_error=predicted,
        bytes=verdicts.bytes,
        error=None if error is None else error.value,
        error_interval=None if error is None else error.interval,
        latency_ratio=None if ratio is None else ratio.value,
        passed=not verdicts.lacks,
        lacks=verdicts.lacks,
    )


def _trained(
    bench: Bench, court: Court, function: str, candidate: Candidate, request: Request
) -> TriedRecord:
    """Train the most exact mix with the user's function, and return its record."""
    spec, method = court.spec, request.start or candidate.method
    folder = spec.path(spec.reports) / "latest"
    court.say(f"{court.model}: training by {function}")
    path = trained_file(bench, method, dict(candidate.units), function, folder)
    verdicts = judge_trained(court, path, None if candidate.units else method)
    tried = _tried(candidate, method, verdicts, candidate.error)
    return msgspec.structs.replace(tried, file=str(path), predicted_error=None)


def _units(
    table: ErrorTable, found: Repair, candidates: Sequence[Candidate]
) -> tuple[UnitRecord, ...]:
    """Return the table for the record, with the chosen precision of each unit."""
    judged = zip(candidates, found.tried, strict=False)
    mix: Mix = next((candidate.mix for candidate, tried in judged if tried is found.best), {})
    return tuple(
        UnitRecord(
            name=row.name,
            weight_bytes=row.weight_bytes,
            errors={name: table.share(row.name, name) for name in row.cells},
            saved={name: -cell.bytes for name, cell in row.cells.items()},
            seconds={str(name): seconds for name, seconds in row.seconds.items()},
            chosen=mix.get(row.name, FLOAT32),
        )
        for row in table.rows
    )
