"""Retraining the best mix with the user's own training function (``[repair] train``).

This is also the module of the child process that calls the function (``models/serving.py``).
"""

from __future__ import annotations

import importlib
import shutil
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from edgeq.config.methods import choose
from edgeq.config.structs import Precision
from edgeq.errors import ModelError
from edgeq.io import structs
from edgeq.io.files import sha256_file
from edgeq.models.child import run_child
from edgeq.models.function_source import check_function
from edgeq.quantize.litert_engine import LITERT_ENGINE
from edgeq.quantize.make import make_variant
from edgeq.tflite.model_file import read_model

if TYPE_CHECKING:
    from edgeq.repair.bench import Bench

FILE = "repaired.tflite"


class Train(msgspec.Struct, frozen=True, kw_only=True):
    """A request to retrain a model.

    Attributes:
        function: The training function, as ``package.module:function``.
        root: The project's folder, which is searched first for the function's module.
        model: Path of the float ``.tflite`` file.
        recipe: How the variant is made: ``method``, and the precisions of ``units``.
        output: Path of the file to write.
    """

    function: str
    root: str
    model: str
    recipe: dict[str, Any]
    output: str


def trained_file(
    bench: Bench, method: str, units: Mapping[str, Precision], function: str, folder: Path
) -> Path:
    """Return the file of a mix made from weights that the user's training function returns.

    The function is called with the path of the float ``.tflite`` file and the recipe, ``{"method":
    ..., "units": {...}}``. It returns the path of a float file of the same network.

    Raises:
        ModelError: There is no such function, or what it returns is not a model.
        ConversionError: The function failed; the error gives the reason in one line, and the log.
    """
    spec, baseline = bench.run.spec, bench.baseline
    check_function(function, spec.root, f"{spec.origin}: repair.train")
    folder.mkdir(parents=True, exist_ok=True)
    output = folder / "trained_float.tflite"
    run_child(
        __name__,
        {
            "function": function,
            "root": str(spec.root),
            "model": str(baseline.path),
            "recipe": {"method": method, "units": dict(units)},
            "output": str(output),
        },
        log=folder / "training.log",
        limits=baseline.limits,
        what=f"training of {baseline.name} by {function}",
        fresh=True,
        pooled=False,
    )
    trained = replace(baseline, path=output, sha256=sha256_file(output), original=None)
    choice = choose(method, engine=LITERT_ENGINE.name, units=tuple(sorted(units.items())))
    variant = make_variant(choice, trained, bench.calibration, bench.run.store)
    path = folder / FILE
    shutil.copyfile(variant.path, path)
    return path


def work(request: dict[str, Any]) -> dict[str, object]:
    """Call the training function and copy the float file whose path it returns.

    Raises:
        ModelError: The function did not return the path of a model.
    """
    task = structs.converted(request, Train)
    sys.path.insert(0, task.root)
    module, _, name = task.function.partition(":")
    train = getattr(importlib.import_module(module), name)
    trained = train(Path(task.model), task.recipe)
    if not isinstance(trained, str | Path):
        raise ModelError(
            f"returned {type(trained).__name__}, not the path of a float .tflite file",
            where=task.function,
        )
    read_model(Path(trained))
    shutil.copyfile(trained, task.output)
    return {"bytes": Path(task.output).stat().st_size}
