"""The engines: each writes the file of one variant with its library, in a child process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import msgspec

from edgeq.errors import MissingExtraError
from edgeq.models.child import log_path, run_child
from edgeq.models.float_model import FloatModel, export_saved_model
from edgeq.quantize.calibration import Calibration
from edgeq.quantize.recipes import LITERT, TENSORFLOW, LitertRecipe, TensorflowRecipe
from edgeq.registry import Registry
from edgeq.store import Store

STATISTICS = "statistics"
STATISTICS_FILE = "statistics.npz"
# Part of every address: raise it when the children make other files of the same request.
FORMAT = 1

Recipe = LitertRecipe | TensorflowRecipe


@dataclass(frozen=True)
class Job:
    """One variant to be made.

    Attributes:
        what: The variant and its model, for messages.
        recipe: How.
        model: Of what.
        calibration: With which photographs, None for recipes that need none.
        store: Where intermediate results are kept.
        output: The file to write.
        log: The file for all that the library prints.
    """

    what: str
    recipe: Recipe
    model: FloatModel
    calibration: Calibration | None
    store: Store
    output: Path
    log: Path


@dataclass(frozen=True)
class Engine:
    """A library that makes variants.

    Attributes:
        name: Name in ``edgeq.spec.methods.ENGINES``.
        packages: Packages whose versions decide what it makes.
        extra: The extra of edgeq that installs them, None for what is always there.
        recipes: By method.
        run: Writes the file of a job.
        prepare: Makes what all variants of a model share, where the store has it not yet: with a
            calibration set what is found with it. ``run`` does so too when it was not asked.
    """

    name: str
    packages: tuple[str, ...]
    extra: str | None
    recipes: dict[str, LitertRecipe] | dict[str, TensorflowRecipe]
    run: Callable[[Job], None]
    prepare: Callable[[FloatModel, Calibration | None, Store], object]

    def versions(self) -> dict[str, str]:
        """Return the versions of its packages.

        Raises:
            MissingExtraError: One is not installed.
        """
        found = {}
        for package in self.packages:
            try:
                found[package] = metadata.version(package)
            except metadata.PackageNotFoundError:
                raise MissingExtraError(
                    package, extra=self.extra or "all", needed_for=f"the engine {self.name!r}"
                ) from None
        return found


def run_litert(job: Job) -> None:
    """Make a variant with litert-quantizer, from the float ``.tflite`` file.

    Raises:
        ConversionError: The library failed.
        StoreError: The store can't be written.
    """
    recipe = job.recipe
    if not isinstance(recipe, LitertRecipe):
        raise TypeError(f"{recipe!r} is no recipe of the engine 'litert'")
    statistics = prepare_litert(job.model, job.calibration, job.store)
    request = {
        "task": "quantize",
        "model": str(job.model.path),
        "steps": msgspec.to_builtins(recipe.steps),
        "percentile": recipe.percentile,
        "statistics": None if statistics is None else str(statistics),
        "output": str(job.output),
    }
    run_child(
        "edgeq.quantize.litert_child", request, log=job.log, limits=job.model.limits, what=job.what
    )


def run_tensorflow(job: Job) -> None:
    """Make a variant with TensorFlow's converter, from the one shared SavedModel.

    Raises:
        ConversionError: The library failed.
        ModelError: The model has no SavedModel.
        StoreError: The store can't be written.
    """
    calibration = job.calibration
    request = {
        "saved_model": str(prepare_tensorflow(job.model, calibration, job.store)),
        "recipe": msgspec.to_builtins(job.recipe),
        "output": str(job.output),
        "pixels": None if calibration is None else str(calibration.pixels.path),
        "preprocessing": calibration and msgspec.to_builtins(calibration.preprocessing),
    }
    run_child(
        "edgeq.quantize.tensorflow_child",
        request,
        log=job.log,
        limits=job.model.limits,
        what=job.what,
    )


def prepare_litert(model: FloatModel, calibration: Calibration | None, store: Store) -> Path | None:
    """Return the file of the activations' extents, found once for all methods that need it.

    Raises:
        ConversionError: The library failed.
        StoreError: The store can't be written.
    """
    if calibration is None:
        return None
    facts = {
        "float_sha256": model.sha256,
        "calibration": calibration.facts(),
        "tools": LITERT_ENGINE.versions(),
        "format": FORMAT,
    }

    def make(folder: Path) -> None:
        request = {
            "task": "calibrate",
            "model": str(model.path),
            "pixels": str(calibration.pixels.path),
            "preprocessing": msgspec.to_builtins(calibration.preprocessing),
            "output": str(folder / STATISTICS_FILE),
        }
        log = log_path(store, STATISTICS, facts)
        what = f"calibration of {model.name}"
        run_child("edgeq.quantize.litert_child", request, log=log, limits=model.limits, what=what)

    return store.get_or_make(STATISTICS, facts, make).folder / STATISTICS_FILE


def prepare_tensorflow(model: FloatModel, _: Calibration | None, store: Store) -> Path:
    """Return the SavedModel that TensorFlow's converter starts from, exported once.

    Raises:
        ConversionError: The export failed.
        ModelError: The model has no SavedModel.
        StoreError: The store can't be written.
    """
    return export_saved_model(model, store)


LITERT_ENGINE = Engine(
    name="litert",
    packages=("litert-quantizer", "ai-edge-litert", "numpy"),
    extra=None,
    recipes=LITERT,
    run=run_litert,
    prepare=prepare_litert,
)
TENSORFLOW_ENGINE = Engine(
    name="tensorflow",
    packages=("tensorflow", "numpy"),
    extra="keras",
    recipes=TENSORFLOW,
    run=run_tensorflow,
    prepare=prepare_tensorflow,
)
ENGINES: Registry[Engine] = Registry(
    "engine", [(engine.name, engine) for engine in (LITERT_ENGINE, TENSORFLOW_ENGINE)]
)
