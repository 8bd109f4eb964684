"""Engine ``litert``: litert-quantizer, which starts from the float ``.tflite`` file."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import cast

import msgspec

from edgeq.models.child import Files, log_path, run_child
from edgeq.models.float_model import FloatModel
from edgeq.quantize.engine import Calibration, Engine, Job, Shared
from edgeq.quantize.recipes import LITERT, LitertRecipe
from edgeq.store.content import Store
from edgeq.tflite.prepared import preparations

CHILD = "edgeq.quantize.litert_child"
STATISTICS = "statistics"
STATISTICS_FILE = "statistics.npz"


def run_litert(job: Job) -> None:
    """Make a variant from the float ``.tflite`` file with litert-quantizer.

    Raises:
        ConversionError: The library failed.
        StoreError: The store can't be written.
    """
    quantize_litert(job, prepare_litert(job))


def quantize_litert(job: Job, statistics: Path | None) -> None:
    """Make a variant with the ranges that follow from a file of ``Statistics``, if it needs any.

    Raises:
        ConversionError: The library failed.
    """
    recipe = cast("LitertRecipe", job.recipe)
    request = {
        "task": "quantize",
        "model": str(job.model.path),
        "steps": msgspec.to_builtins(recipe.steps),
        "percentile": recipe.percentile,
        "unsigned_io": recipe.unsigned_io,
        "statistics": None if statistics is None else str(statistics),
        "output": str(job.output),
    }
    files = Files.named(request, "model", "statistics")
    run_child(CHILD, request, log=job.log, limits=job.model.limits, what=job.what, files=files)


def prepare_litert(shared: Shared) -> Path | None:
    """Return the file of the activations' extents; None for recipes without calibration.

    Raises:
        ConversionError: The library failed.
        StoreError: The store can't be written.
    """
    if shared.calibration is None:
        return None
    return statistics_of(shared.model, shared.calibration, shared.store)


def statistics_of(model: FloatModel, calibration: Calibration, store: Store) -> Path:
    """Return the file of the activations' extents, computed once for all methods that need it.

    Raises:
        ConversionError: The library failed.
        StoreError: The store can't be written.
    """
    facts = LITERT_ENGINE.calibration_facts(model, calibration)

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
        files = Files.named(request, "model", "pixels")
        run_child(CHILD, request, log=log, limits=model.limits, what=what, files=files)

    return store.get_or_make(STATISTICS, facts, make).folder / STATISTICS_FILE


def changes_for_litert(model: FloatModel) -> tuple[str, ...]:
    """Return, as phrases, how litert-quantizer's input differs from a model's file.

    Raises:
        ModelError: The file is missing, not a model, truncated or damaged.
    """
    return _changes(model.path, model.sha256)


@lru_cache(maxsize=256)
def _changes(path: Path, _: str) -> tuple[str, ...]:
    return preparations(path)  # read once for all methods


LITERT_ENGINE = Engine(
    name="litert",
    packages=("litert-quantizer", "ai-edge-litert", "numpy"),
    extra=None,
    recipes=LITERT,
    format=4,
    run=run_litert,
    prepare=prepare_litert,
    changes=changes_for_litert,
)
