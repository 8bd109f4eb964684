"""Engine ``tensorflow``: TensorFlow's converter, which starts from the export's frozen graph."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import msgspec

from edgeq.config.structs import Make
from edgeq.models.child import Files, log_path, run_child
from edgeq.models.exporting import CHILD_KIND
from edgeq.models.float_model import FloatModel, converter_start
from edgeq.quantize.engine import Calibration, Engine, Job, Shared
from edgeq.quantize.recipes import TENSORFLOW, TensorflowRecipe
from edgeq.store.content import LOGS, Store
from edgeq.tflite.model_file import read_model

CHILD = "edgeq.quantize.tensorflow_child"
CALIBRATED = "calibrated"
CALIBRATED_FILE = "calibrated.tflite"


def run_tensorflow(job: Job) -> None:
    """Make a variant with TensorFlow's converter.

    Raises:
        ConversionError: The library failed.
        ModelError: The converter can't start from the model.
        StoreError: The store can't be written.
    """
    recipe = _recipe(job)
    start = prepare_tensorflow(job)
    request: dict[str, object] = {"output": str(job.output)}
    if _shares_calibration(job):
        request |= {"task": "quantize", "calibrated": str(start), "io_type": recipe.io_type}
        request |= {"per_channel": recipe.per_channel}
    else:
        request |= {"task": "convert", "start": str(start), "recipe": msgspec.to_builtins(recipe)}
        request |= _photographs(job.calibration, job.model)
    _run(request, log=job.log, limits=job.model.limits, what=job.what)


def prepare_tensorflow(shared: Shared) -> Path:
    """Return the file that the converter starts from, made once for all methods.

    That is the exported graph, or the calibrated file for recipes that share one.

    Raises:
        ConversionError: The export or the calibration failed.
        ModelError: The converter can't start from the model.
        StoreError: The store can't be written.
    """
    start = converter_start(shared.model, shared.store)
    calibration, model = shared.calibration, shared.model
    if calibration is None or not _shares_calibration(shared):
        return start
    facts = TENSORFLOW_ENGINE.calibration_facts(model, calibration)

    def make(folder: Path) -> None:
        request = {
            "task": "calibrate",
            "start": str(start),
            "output": str(folder / CALIBRATED_FILE),
            **_photographs(calibration, model),
        }
        log = log_path(shared.store, CALIBRATED, facts)
        _run(request, log=log, limits=model.limits, what=f"calibration of {model.name}")

    return shared.store.get_or_make(CALIBRATED, facts, make).folder / CALIBRATED_FILE


def start_tensorflow(limits: Make, store: Store) -> None:
    """Import TensorFlow in a child process that stays idle, if children are reused.

    Raises:
        ConversionError: TensorFlow could not be imported.
        StoreError: The log can't be written.
    """
    log = store.root / LOGS / "tensorflow.log"
    request = {"task": "start"}
    run_child(
        CHILD, request, log=log, limits=limits, what="TensorFlow", kind=CHILD_KIND, fresh=True
    )


def _run(request: dict[str, object], *, log: Path, limits: Make, what: str) -> None:
    files = Files.named(request, "start", "pixels", "calibrated")
    run_child(CHILD, request, log=log, limits=limits, what=what, kind=CHILD_KIND, files=files)


def _recipe(shared: Shared) -> TensorflowRecipe:
    return cast("TensorflowRecipe", shared.recipe)


def _shares_calibration(shared: Shared) -> bool:
    return shared.calibration is not None and _recipe(shared).shares_calibration


def _photographs(calibration: Calibration | None, model: FloatModel) -> dict[str, object]:
    """Return the part of a request that describes the photographs."""
    if calibration is None:
        return {}
    preprocessing = msgspec.to_builtins(calibration.preprocessing)
    file = read_model(model.path)
    return {
        "pixels": str(calibration.pixels.path),
        "preprocessing": preprocessing,
        "shapes": [file.tensors[index].shape for index in file.inputs],
        "types": [file.tensors[index].dtype for index in file.inputs],
    }


TENSORFLOW_ENGINE = Engine(
    name="tensorflow",
    packages=("tensorflow", "numpy"),
    extra="keras",
    recipes=TENSORFLOW,
    format=2,
    run=run_tensorflow,
    prepare=prepare_tensorflow,
    start=start_tensorflow,
)
