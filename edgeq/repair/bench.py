"""Making mixes of a model's units and measuring them on calibration samples.

Files with a single quantized unit are large, because everything else in them is float32. They are
measured and deleted; the store keeps only the numbers.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq.config.methods import METHODS, choose
from edgeq.config.structs import CLASSIFICATION, Precision
from edgeq.errors import ConversionError, ImageError, ModelError, WorkerError
from edgeq.io.files import sha256_file
from edgeq.models.child import idle, log_path
from edgeq.pipeline.dependencies import runtime_facts
from edgeq.pipeline.needs import table_of
from edgeq.pipeline.readout import Readout, readout
from edgeq.pipeline.run import Run
from edgeq.pipeline.schedule import Countdown
from edgeq.quantize.engine import Calibration, Job
from edgeq.quantize.fitting import precision_recipe, unit_recipe
from edgeq.quantize.litert_engine import quantize_litert, statistics_of
from edgeq.quantize.make import ENGINES, make_variant
from edgeq.quantize.recipes import LitertRecipe, mixed
from edgeq.quantize.statistics import Statistics
from edgeq.quantize.variant import Variant
from edgeq.repair import table as arithmetic
from edgeq.repair.choosing import Candidate
from edgeq.repair.clock import Clock
from edgeq.repair.table import Cell, ErrorTable, Row, gate_error, relative_squares
from edgeq.run.results import Loaded
from edgeq.run.session import Session
from edgeq.store.cached import keep as cached
from edgeq.tflite.model_file import read_model
from edgeq.tflite.units import Unit, units_of

IMAGES = 16
"""Number of calibration samples, evenly spread over the set, on which errors are measured."""

ENGINE = "litert"
CELLS = "repair_cells"
OUTPUTS = "repair_outputs"
SIZES = "repair_sizes"

Reals = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

Squares = tuple[tuple[float, ...], ...]
"""Squared errors of each output for each image, as they are stored."""

Key = tuple[str, Precision]
"""A unit's name and its precision."""

Cells = Mapping[Key, Cell]


@dataclass(frozen=True)
class QuantizedUnit:
    """One unit at one precision, everything else in float32: a cell of the table."""

    unit: Unit
    precision: Precision

    @property
    def key(self) -> Key:
        """The unit's name and the precision."""
        return self.unit.name, self.precision


class Bench:
    """A float model and its calibration samples, with the measurements that a repair needs.

    Raises:
        ImageError: There is no calibration set.
        ModelError: The model has only one unit, or its layers can't be grouped.
        EdgeqError: The baseline or the calibration set can't be used.
    """

    def __init__(self, run: Run, model: str) -> None:
        self.run = run
        self.model = model
        self.inputs = run.inputs(model)
        self.baseline = self.inputs.baseline
        calibration = self.inputs.images.calibration
        if calibration is None:
            raise ImageError(
                "there is no calibration set to measure errors on",
                where=run.spec.origin,
                remedy=f"Set `calibration` in {table_of(run.spec, model)}; the evaluation set is "
                "only for judging",
            )
        self.calibration: Calibration = calibration
        self._recipes: dict[Precision, LitertRecipe] = {}
        self.percentile: float | None = None
        """Percentile of the activation ranges of all that is calibrated; None for each method's
        own."""
        self.left_out: list[str] = []
        """Units at a precision that could not be made or run, with the reason."""
        self.units = units_of(read_model(self.baseline.path))
        if len(self.units) == 1:
            raise ModelError(
                f"has one unit, {self.units[0].name!r}, so there is nothing to choose",
                where=self.baseline.path,
                remedy="Choose another method: `edgeq gate` judges several",
            )

    @cached_property
    def places(self) -> npt.NDArray[np.intp]:
        """Indices of the calibration samples on which errors are measured, shape ``(n,)``."""
        count = self.calibration.pixels.shape[0]
        return np.unique(np.linspace(0, count - 1, min(IMAGES, count)).round().astype(np.intp))

    @cached_property
    def pixels(self) -> npt.NDArray[Any]:
        """Pixels of the samples at ``places``, shape ``(n, h, w, 3)``."""
        return np.array(self.calibration.pixels.array()[self.places])

    @property
    def classifies(self) -> bool:
        """Whether the model is judged by class scores, so that their logits decide."""
        return self.inputs.reading.task == CLASSIFICATION

    @cached_property
    def float_outputs(self) -> tuple[Reals, ...]:
        """The baseline's deciding outputs, shape ``(n, d)`` each."""
        key = f"{self.model}/baseline"
        return self.run.executor.workers.ask(
            key, lambda session: self._outputs(session, self.baseline.path)
        )

    @cached_property
    def rewritten_bytes(self) -> int:
        """Size in bytes of the float file that the quantization library writes.

        Raises:
            ConversionError: The library failed.
        """
        recipe = mixed(LitertRecipe(steps=()), [(None, self.units[0].scopes)])
        facts = {"model": self.baseline.sha256, "tools": ENGINES.get(ENGINE).versions()}

        def measure() -> int:
            with self._job(self.model, recipe, facts, calibrated=False) as job:
                ENGINES.get(ENGINE).run(job)
                return job.output.stat().st_size

        return cached(self.run.store, SIZES, facts, measure, int)

    @cached_property
    def output_units(self) -> tuple[Unit, ...]:
        """The units that compute the model's outputs."""
        model = read_model(self.baseline.path)
        last = {
            operator.index
            for operator in model.operators
            if set(operator.outputs) & set(model.outputs)
        }
        return tuple(unit for unit in self.units if last & set(unit.operators))

    def quantized_units(
        self, names: Sequence[Precision], *, every: bool = False
    ) -> list[QuantizedUnit]:
        """Return every unit at each of several precisions."""
        return [
            QuantizedUnit(unit, name)
            for name in names
            for unit in self.units
            if every or _is_useful(unit, name)
        ]

    def cells(self, to_measure: Sequence[QuantizedUnit], clock: Clock) -> Cells:
        """Return the errors and bytes of single units, measured on all cores.

        Cells that are already in the store are not measured again. Those that can't be made or run
        are left out, and those for which no time is left.

        Raises:
            EdgeqError: The baseline can't be run.
        """
        self.float_outputs, self.rewritten_bytes  # noqa: B018 - once, before threads need them
        cells: dict[Key, Cell] = {}
        workers, cores = self.run.executor.workers, os.cpu_count()
        with idle.kept(), workers.kept(), ThreadPoolExecutor(cores) as pool:
            if any(METHODS.get(cell.precision).needs_calibration for cell in to_measure):
                pool.submit(self._prepare)  # the long one, while cells without it are measured
            futures = {pool.submit(self._cell, cell, clock): cell for cell in to_measure}
            countdown = Countdown(len(to_measure))
            for done, future in enumerate(as_completed(futures), 1):
                cell, measured = futures[future], future.result()
                self.run.say(f"{self.model}: measuring units, {countdown.text(done)}")
                if measured is not None:
                    cells[cell.key] = measured
        return cells

    def table(self, cells: Cells) -> ErrorTable:
        """Return cells as a table of all units."""
        names = dict.fromkeys(name for _, name in cells)
        return ErrorTable(
            rows=tuple(
                Row(
                    unit.name,
                    unit.weight_bytes,
                    {name: cells[unit.name, name] for name in names if (unit.name, name) in cells},
                )
                for unit in self.units
            ),
            float_bytes=self.rewritten_bytes,
            outputs=len(self.float_outputs),
            images=len(self.places),
        )

    def _prepare(self) -> None:
        """Measure the activation ranges; if that fails, each cell that needs them fails, too."""
        statistics_of(self.baseline, self.calibration, self.run.store)

    def _cell(self, cell: QuantizedUnit, clock: Clock) -> Cell | None:
        """Return one cell; None if there is no time left, or if it can't be made or run."""
        facts = self._facts(cell)
        if clock.is_over and self.run.store.find(CELLS, facts) is None:
            return None
        try:
            return cached(self.run.store, CELLS, facts, lambda: self._measured(cell), Cell)
        except (ConversionError, WorkerError) as error:
            self.left_out.append(f"{cell.unit.name} in {cell.precision}: {error.what}")
            return None  # the unit can't have this precision

    def _measured(self, cell: QuantizedUnit) -> Cell:
        with self.unit_file(cell) as path:
            return Cell(
                squares=self._squares(path),
                bytes=path.stat().st_size - self.rewritten_bytes,
            )

    @contextmanager
    def unit_file(self, cell: QuantizedUnit) -> Iterator[Path]:
        """Yield a file in which only one unit is quantized, and remove it afterwards.

        Raises:
            ConversionError: The quantization library failed.
        """
        what = f"{self.model}/{cell.unit.name} in {cell.precision}"
        needs = METHODS.get(cell.precision).needs_calibration
        with self._job(what, self._recipe(cell), self._facts(cell), calibrated=needs) as job:
            ENGINES.get(ENGINE).run(job)
            yield job.output

    @contextmanager
    def _job(
        self, what: str, recipe: LitertRecipe, facts: Mapping[str, object], *, calibrated: bool
    ) -> Iterator[Job]:
        """Yield a job whose output is removed afterwards."""
        calibration = self.calibration if calibrated else None
        log = log_path(self.run.store, CELLS, facts)
        with tempfile.TemporaryDirectory(prefix="edgeq-repair-") as folder:
            output = Path(folder) / "unit.tflite"
            yield Job(recipe, self.baseline, calibration, self.run.store, what, output, log)

    def outputs_of(self, path: Path) -> tuple[Reals, ...]:
        """Return a file's deciding outputs for the calibration samples, ``(n, d)`` each.

        Raises:
            WorkerError: The file does not run.
        """
        key = f"{self.model}/{path.name}"
        return self.run.executor.workers.ask(key, partial(self._outputs, path=path))

    def squares_of(self, variant: Variant) -> Doubles:
        """Return the squared errors of a whole variant, ``(images, outputs)``, kept in the store.

        Raises:
            WorkerError: The variant does not run.
        """
        facts = {**self._samples, "variant": variant.sha256}
        return self._cached(facts, partial(self._squares, variant.path))

    def error_of(
        self,
        method: str,
        units: Sequence[tuple[str, Precision]] = (),
        percentile: float | None = None,
    ) -> float:
        """Return the relative error of a mix on the calibration samples, see ``variant``.

        Raises:
            EdgeqError: The variant can't be made or run.
        """
        return gate_error(self.squares_of(self.variant(method, units, percentile)))

    def error_of_half(self, precision: Precision, start: int) -> float:
        """Return the relative error of a method with ranges from half of the calibration samples.

        Raises:
            EdgeqError: The variant can't be made or run.
        """
        recipe = precision_recipe(precision, self.baseline)
        facts = {
            **self._samples,
            "recipe": msgspec.to_builtins(recipe),
            "calibration": self.calibration.facts(),
            "half": start,
        }

        def measure() -> Squares:
            with self._job(f"{self.model}/{precision}", recipe, facts, calibrated=True) as job:
                half = job.output.with_name("half.npz")
                path = statistics_of(self.baseline, self.calibration, self.run.store)
                statistics = Statistics.load(path)
                replace(statistics, extents=statistics.extents[start::2]).save(half)
                quantize_litert(job, half)
                return self._squares(job.output)

        return gate_error(self._cached(facts, measure))

    def _cached(self, facts: Mapping[str, object], measure: Callable[[], Squares]) -> Doubles:
        return np.asarray(cached(self.run.store, OUTPUTS, facts, measure, Squares))

    def _squares(self, path: Path) -> Squares:
        """Return the squared errors of a file, for each image those of each output."""
        squares = relative_squares(
            self.float_outputs, self.outputs_of(path), logits=self.classifies
        )
        return tuple(map(tuple, squares.tolist()))

    def variant(
        self,
        method: str,
        units: Sequence[tuple[str, Precision]] = (),
        percentile: float | None = None,
    ) -> Variant:
        """Return the variant that a method makes with other precisions of units or other ranges.

        Raises:
            EdgeqError: The variant can't be made.
        """
        choice = choose(method, engine=ENGINE, units=tuple(units))
        own = self.percentile if percentile is None else percentile
        choice = replace(choice, percentile=own if choice.needs_calibration else None)
        return make_variant(choice, self.baseline, self.calibration, self.run.store)

    def percentile_of(self, candidate: Candidate) -> float | None:
        """Return the percentile of a candidate's ranges; None for the method's own, or without."""
        choice = choose(candidate.method, engine=ENGINE, units=candidate.units)
        return self.percentile if choice.needs_calibration else None

    def _outputs(self, session: Session, path: Path) -> tuple[Reals, ...]:
        loaded, read = self.load(session, path)
        inferred = session.infer(loaded.handle, self.pixels, self.baseline.preprocessing)
        rows = [np.asarray(output).reshape(len(self.pixels), -1) for output in inferred.outputs]
        return tuple(rows[place] for place in self._deciding(read))

    def load(self, session: Session, path: Path) -> tuple[Loaded, Readout]:
        """Load a file of the model, and return how its outputs are read.

        Raises:
            WorkerError: The file does not run.
        """
        read = readout(read_model(path), self.inputs.reading)
        run = self.run.executor.run
        loaded = session.load(path, threads=run.threads, kernels=run.kernels, edits=read.edits)
        return loaded, read

    def _deciding(self, read: Readout) -> tuple[int, ...]:
        """Return the indices of the deciding outputs among the outputs that a worker returns."""
        if not self.classifies:
            return tuple(place.at for place in read.judged)
        scores = read.scores if read.logits is None else read.logits
        if scores is None:
            raise ModelError("has no class scores", where=self.model)
        return (scores,)

    @cached_property
    def _samples(self) -> dict[str, object]:
        """The facts that every measurement depends on."""
        photos = self.calibration.images.photos
        return {
            "model": self.baseline.sha256,
            "samples": [photos[place].sha256 for place in self.places],
            "pixels": self.calibration.pixels.sha256,
            "preprocessing": msgspec.to_builtins(self.baseline.preprocessing),
            "kernels": self.run.executor.run.kernels,
            "threads": self.run.executor.run.threads,
            "target": self.run.executor.target.name,
            "tools": ENGINES.get(ENGINE).versions(),
            "arithmetic": sha256_file(Path(arithmetic.__file__)),
            **runtime_facts(),
        }

    def _recipe(self, cell: QuantizedUnit) -> LitertRecipe:
        """Return the recipe of a cell's file; the model's file is read once for all units."""
        if cell.precision not in self._recipes:
            self._recipes[cell.precision] = precision_recipe(cell.precision, self.baseline)
        recipe = unit_recipe(cell.unit, self._recipes[cell.precision])
        if recipe.percentile is None or self.percentile is None:
            return recipe
        return msgspec.structs.replace(recipe, percentile=self.percentile)

    def _facts(self, cell: QuantizedUnit) -> dict[str, object]:
        calibrated = METHODS.get(cell.precision).needs_calibration
        return {
            **self._samples,
            "recipe": msgspec.to_builtins(self._recipe(cell)),
            "calibration": self.calibration.facts() if calibrated else None,
        }


def _is_useful(unit: Unit, precision: Precision) -> bool:
    """Return whether a precision is of use for a unit.

    Only dense layers are tried with 4 bits: convolutions with 4 bits collapse and are slow.
    """
    return precision != "weight_only_int4" or unit.is_dense
