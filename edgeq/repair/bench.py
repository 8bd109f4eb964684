"""Making mixes of a model's units and measuring them on calibration samples.

Files with a single quantized unit are large, because everything else in them is float32. They are
measured and deleted; the store keeps only the numbers.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq import repair
from edgeq.config.methods import FLOAT32, METHODS, choose
from edgeq.config.structs import CLASSIFICATION, Precision
from edgeq.errors import ConversionError, ImageError, ModelError, WorkerError
from edgeq.models.child import log_path
from edgeq.models.children import idle
from edgeq.pipeline.dependencies import runtime_facts
from edgeq.pipeline.readout import Readout, readout
from edgeq.pipeline.run import Run
from edgeq.quantize.calibration import Calibration
from edgeq.quantize.engine import Job, Shared
from edgeq.quantize.engines import ENGINES
from edgeq.quantize.fitting import precision_recipe, unit_recipe
from edgeq.quantize.make import make_variant
from edgeq.quantize.recipes import LitertRecipe
from edgeq.quantize.variant import Variant
from edgeq.repair.clock import Clock
from edgeq.repair.table import Cell, ErrorTable, Row, gate_error, relative_squares
from edgeq.run.results import Feed, Loaded
from edgeq.run.session import Session
from edgeq.store.cached import keep as cached
from edgeq.store.cached import sources
from edgeq.tflite.model_file import read_model
from edgeq.tflite.units import Unit, units_of

IMAGES = 16
"""Number of calibration samples, evenly spread over the set, on which errors are measured."""

ROUNDS, BLOCK, WARMUP = 16, 4, 2
"""How inferences of a unit's file and of the file that it is compared with are timed."""

ENGINE = "litert"
CELLS = "repair_cells"
OUTPUTS = "repair_outputs"

Reals = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class QuantizedUnit:
    """One unit at one precision, everything else in float32: a cell of the table.

    Attributes:
        unit: The unit that is quantized.
        precision: Its precision.
    """

    unit: Unit
    precision: Precision


class Bench:
    """A float model and its calibration samples, with the measurements that a repair needs.

    Args:
        run: The run that the bench belongs to.
        model: Name of the model.

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
                "there is no calibration set, and errors are measured on nothing else",
                where=run.spec.origin,
                remedy="Set `calibration` in [images]; the evaluation set is not searched on",
            )
        self.calibration: Calibration = calibration
        self._recipes: dict[Precision, LitertRecipe] = {}
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
    def pixels(self) -> npt.NDArray[np.uint8]:
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

    def table(
        self, names: Sequence[Precision], clock: Clock, *, base: Precision | None = None
    ) -> ErrorTable:
        """Return the errors and bytes of every single unit at several precisions.

        Cells that are already in the store are not measured again. If the clock runs out, the
        remaining cells are left out, except those of the first precision; a unit may then have
        fewer precisions to choose from.

        Args:
            names: The precisions. Those that are of no use for a unit are left out.
            clock: The clock that limits the time.
            base: A precision that is measured for all units, whatever their kind.

        Raises:
            EdgeqError: The baseline can't be run.
        """
        self.float_outputs  # noqa: B018 - measured once, before several threads need it
        to_measure = [
            QuantizedUnit(unit, name)
            for name in names
            for unit in self.units
            if name == base or _is_useful(unit, name)
        ]
        cells: dict[tuple[str, Precision], Cell] = {}
        with idle.kept(), self.run.executor.workers.kept(), ThreadPoolExecutor(clock.cores) as pool:
            if any(METHODS.get(name).needs_calibration for name in names if name != FLOAT32):
                pool.submit(self._prepare)  # the long one, while cells without it are measured
            patient = Clock()
            futures = {
                pool.submit(
                    self._cell, cell, patient if cell.precision == names[0] else clock
                ): cell
                for cell in to_measure
            }
            for done, future in enumerate(as_completed(futures), 1):
                cell, measured = futures[future], future.result()
                self.run.say(f"{self.model}: measuring units, {done} of {len(to_measure)}")
                if measured is not None:
                    cells[cell.unit.name, cell.precision] = measured
        return ErrorTable(
            rows=tuple(
                Row(
                    unit.name,
                    unit.weight_bytes,
                    {name: cells[unit.name, name] for name in names if (unit.name, name) in cells},
                )
                for unit in self.units
            ),
            float_bytes=self.baseline.path.stat().st_size,
            outputs=len(self.float_outputs),
            images=len(self.places),
        )

    def _prepare(self) -> None:
        """Measure the activation ranges; if that fails, each cell that needs them fails, too."""
        engine = ENGINES.get(ENGINE)
        store, recipe = self.run.store, LitertRecipe(steps=())
        engine.prepare(Shared(recipe, self.baseline, self.calibration, store))

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
                bytes=path.stat().st_size - self.baseline.path.stat().st_size,
            )

    @contextmanager
    def unit_file(self, cell: QuantizedUnit) -> Iterator[Path]:
        """Yield a file in which only one unit is quantized, and remove it afterwards.

        Raises:
            ConversionError: The quantization library failed.
        """
        what = f"{self.model}/{cell.unit.name} in {cell.precision}"
        recipe = self._recipe(cell)
        needs = METHODS.get(cell.precision).needs_calibration
        with tempfile.TemporaryDirectory(prefix="edgeq-repair-") as folder:
            output = Path(folder) / "unit.tflite"
            log = log_path(self.run.store, CELLS, self._facts(cell))
            ENGINES.get(ENGINE).run(
                Job(
                    what,
                    recipe,
                    self.baseline,
                    self.calibration if needs else None,
                    self.run.store,
                    output,
                    log,
                )
            )
            yield output

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
        measure = partial(self._squares, variant.path)
        return np.asarray(
            cached(self.run.store, OUTPUTS, facts, measure, tuple[tuple[float, ...], ...])
        )

    def error_of(
        self,
        method: str,
        units: Sequence[tuple[str, Precision]] = (),
        percentile: float | None = None,
    ) -> float:
        """Return the relative error of a mix on the calibration samples, see ``made``.

        Raises:
            EdgeqError: The variant can't be made or run.
        """
        return gate_error(self.squares_of(self.made(method, units, percentile)))

    def _squares(self, path: Path) -> tuple[tuple[float, ...], ...]:
        """Return the squared errors of a file, for each image those of each output."""
        squares = relative_squares(
            self.float_outputs, self.outputs_of(path), logits=self.classifies
        )
        return tuple(map(tuple, squares.tolist()))

    def made(
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
        choice = replace(choice, percentile=percentile)
        return make_variant(choice, self.baseline, self.calibration, self.run.store)

    def seconds(
        self, method: Precision, names: Sequence[Precision], clock: Clock
    ) -> Mapping[tuple[str, Precision], float]:
        """Return the time of an inference with one unit at another precision than the method's.

        Times are measured while nothing else runs, in blocks that alternate with those of the
        method's own variant. Combinations that can't be made or run are left out, and those for
        which no time is left.

        Returns:
            Seconds in addition to those of the method's own variant, by unit and precision.
        """
        plain = self.made(method)
        times: dict[tuple[str, Precision], float] = {}
        to_time = [
            QuantizedUnit(unit, name)
            for unit in self.units
            for name in names
            if name != method and _is_useful(unit, name)
        ]
        times |= {(unit.name, method): 0.0 for unit in self.units}
        with idle.kept(), self.run.executor.workers.kept():
            for done, cell in enumerate(to_time, 1):
                if clock.is_over:
                    break
                self.run.say(f"{self.model}: timing units, {done} of {len(to_time)}")
                try:
                    other = self.made(method, [(cell.unit.name, cell.precision)])
                    times[cell.unit.name, cell.precision] = self._slower(plain.path, other.path)
                except (ConversionError, WorkerError) as error:
                    self.left_out.append(f"{cell.unit.name} in {cell.precision}: {error.what}")
        return times

    def _slower(self, first: Path, second: Path) -> float:
        """Return how many seconds longer the second file's median inference takes."""

        def time(session: Session) -> float:
            feeds = [
                Feed(self._load(session, path)[0].handle, self.pixels, self.baseline.preprocessing)
                for path in (first, second)
            ]
            timed = session.time(feeds, rounds=ROUNDS, block=BLOCK, warmup=WARMUP, budget_s=60.0)
            own, other = (float(np.median(samples)) for samples in timed.samples)
            return other - own

        return self.run.executor.workers.ask(f"{self.model}/timing", time)

    def _outputs(self, session: Session, path: Path) -> tuple[Reals, ...]:
        loaded, read = self._load(session, path)
        inferred = session.infer(loaded.handle, self.pixels, self.baseline.preprocessing)
        rows = [np.asarray(output).reshape(len(self.pixels), -1) for output in inferred.outputs]
        return tuple(rows[place] for place in self._deciding(read))

    def _load(self, session: Session, path: Path) -> tuple[Loaded, Readout]:
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
            "arithmetic": sources(repair),
            **runtime_facts(),
        }

    def _recipe(self, cell: QuantizedUnit) -> LitertRecipe:
        """Return the recipe of a cell's file; the model's file is read once for all units."""
        if cell.precision not in self._recipes:
            self._recipes[cell.precision] = precision_recipe(cell.precision, self.baseline)
        return unit_recipe(cell.unit, self._recipes[cell.precision])

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
