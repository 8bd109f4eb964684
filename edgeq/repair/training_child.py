"""The child process that calls the user's training, with the protocol of ``models/serving.py``."""

from __future__ import annotations

import importlib
import shutil
import sys
from pathlib import Path
from typing import Any

import msgspec

from edgeq.errors import ModelError
from edgeq.io import structs
from edgeq.tflite.model_file import read_model


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
