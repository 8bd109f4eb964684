"""Builds Keras models from their sources; imported in the export child only."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import keras
import msgspec
import numpy as np

from edgeq.errors import ModelError
from edgeq.models.export_request import ExportRequest, signature_name
from edgeq.models.function_source import function_of
from edgeq.models.input_size import ONE_INPUT
from edgeq.models.lite0_network import build, read_state
from edgeq.models.serving import one_line
from edgeq.tflite.image_input import RGB

_LACKING = re.compile(r"[Cc]ould not locate (\w+) '([^']+)'")
_UNSAFE = re.compile(r"safe_mode|unsafe deserialization")


class DownloadFailedError(Exception):
    """Keras could not download weights."""


def build_model(request: ExportRequest) -> tuple[Any, tuple[str, ...]]:
    """Return the Keras model of a request, and notes that a reader should know.

    The last model is kept, because the child that exported it also runs it.

    Raises:
        ModelError: The source names nothing usable.
        DownloadFailedError: Weights could not be downloaded.
    """
    return _build(msgspec.structs.replace(request, form="litert", graph=False, output=""))


@lru_cache(maxsize=1)
def _build(request: ExportRequest) -> tuple[Any, tuple[str, ...]]:
    keras.utils.set_random_seed(request.seed)
    if request.kind == "application":
        return _application(request)
    if request.kind == "keras_file":
        return _loaded(request), ()
    if request.kind == "lite0":
        return build(read_state(Path(request.name))), ()
    return function_of(request)(), ()


def _loaded(request: ExportRequest) -> Any:
    """Load the model in a ``.keras`` file."""
    try:
        return keras.saving.load_model(
            request.name, compile=False, safe_mode=not request.allow_code
        )
    except (TypeError, ValueError) as error:
        # Keras appends the whole configuration to its reason; only the name helps the reader.
        lacking = _LACKING.search(str(error))
        if lacking is not None:
            raise ModelError(
                f"Keras could not locate {lacking[1]} {lacking[2]!r}",
                remedy="Write a function that imports it and returns the loaded model, and set "
                'source = "package.module:function"',
            ) from error
        if not request.allow_code and _UNSAFE.search(str(error)):
            raise ModelError(
                "has code inside (a Lambda layer), which is not run",
                remedy="If you trust the file, set allow_code = true in the model's table",
            ) from error
        raise


def inputs_of(model: Any, request: ExportRequest) -> dict[str, tuple[int | None, ...]]:
    """Return the shapes of a Keras model's inputs by name, in the model's order.

    Raises:
        ModelError: The object is not a Keras model, or has several inputs that are not arrays.
    """
    if not isinstance(model, keras.Model):
        raise ModelError(
            f"gives a {type(model).__name__}, not a Keras model",
            where=request.name,
            remedy="Return a keras.Model",
        )
    inputs = list(model.inputs or [])
    if not inputs or (len(inputs) > 1 and not request.arrays):
        raise ModelError(
            f"has {len(inputs)} inputs",
            where=request.name,
            remedy=f"Build subclassed models first. {ONE_INPUT}",
        )
    return {signature_name(tensor.name): tuple(tensor.shape) for tensor in inputs}


def pixel_type(model: Any) -> str:
    """Return the type in which a Keras model's only input takes pixels: its own if integer."""
    (entry,) = model.inputs
    dtype = str(keras.backend.standardize_dtype(entry.dtype))
    return dtype if dtype.startswith(("int", "uint")) else "float32"


def called(model: Any, inputs: Sequence[Any]) -> Any:
    """Return a Keras model's outputs, as it gives them at inference."""
    structure = getattr(model, "_inputs_struct", None)
    several = len(inputs) > 1 and structure is not None
    given = keras.tree.pack_sequence_as(structure, list(inputs)) if several else inputs[0]
    return model(given, training=False)


def named_outputs(outputs: Any) -> Mapping[str, Any]:
    """Return what a Keras model gives, by the names that an export gives to it."""
    if isinstance(outputs, Mapping):
        return outputs
    return {f"output_{at}": output for at, output in enumerate(keras.tree.flatten(outputs))}


def _application(request: ExportRequest) -> tuple[Any, tuple[str, ...]]:
    make = getattr(keras.applications, request.name)
    options: dict[str, Any] = {"weights": request.weights}
    if request.input_size is not None:
        options["input_shape"] = (*request.input_size, RGB)
    try:
        model = make(**options)
    except Exception as error:
        if request.weights == "imagenet" and _is_download(error):
            raise DownloadFailedError(one_line(error)) from error
        raise
    if request.weights in (None, "imagenet"):
        return model, ()
    return model, _square_deviation(model)


def _is_download(error: Exception) -> bool:
    return isinstance(error, OSError) or "URL fetch failure" in str(error)


def _square_deviation(model: Any) -> tuple[str, ...]:
    """Correct the input scaling of EfficientNet B0 to B7 for weights loaded from a file.

    The ImageNet weights hold the deviation where Keras expects the variance. Keras compensates
    with an extra Rescaling layer, but only for ``weights="imagenet"``. For a file with the same
    weights it does not, and the predictions are plausible but wrong. Squaring the value is
    equivalent. See https://github.com/tensorflow/tensorflow/issues/49930.
    """
    known = (0.229, 0.224, 0.225)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization) and len(layer.get_weights()) > 1:
            mean, variance, *rest = layer.get_weights()
            if np.allclose(np.ravel(variance), known, atol=1e-3):
                layer.set_weights([mean, np.square(variance), *rest])
                layer.finalize_state()
                return ("The input variance was squared, as the ImageNet weights require",)
    return ()
