"""Exports a float model in a child process (see ``models/serving.py``)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from edgeq.io import structs
from edgeq.models.downloads import bound_network
from edgeq.models.export_request import GRAPH_FILE, ExportRequest, ExportResponse
from edgeq.models.input_size import fixed_shape, size_of
from edgeq.models.serving import imported


def export(request: ExportRequest) -> ExportResponse:
    """Write the model that a request describes.

    Raises:
        ModelError: The source names nothing usable.
    """
    if request.kind == "torch":
        return _export_torch(request)
    if request.kind == "registered":
        return _export_registered(request)
    imported("tensorflow")
    if request.kind in {"saved_model", "onnx"}:
        return _export_module(request)
    return _export_keras(request)


def _export_keras(request: ExportRequest) -> ExportResponse:
    import keras

    from edgeq.models import saved_model_source
    from edgeq.models.keras_sources import DownloadFailedError, build_model, inputs_of, pixel_type

    try:
        model, notes = build_model(request)
    except DownloadFailedError as error:
        return ExportResponse(download_failed=str(error))
    shapes = {name: fixed_shape(each, request) for name, each in inputs_of(model, request).items()}
    (shape, *others) = shapes.values()
    size = size_of(shape, request)
    if others:
        saved_model_source.write(_serving(model, shapes), request)
        return ExportResponse(input_size=size, notes=notes)
    dtype = "float32" if request.arrays else pixel_type(model)
    if request.form == "litert" and _export_directly(model, shape, dtype, request):
        return ExportResponse(input_size=size, notes=notes)
    signature = [keras.InputSpec(shape=shape, dtype=dtype)]
    form = "litert" if request.form == "litert" else "tf_saved_model"
    model.export(request.output, format=form, input_signature=signature, verbose=False)
    return ExportResponse(input_size=size, notes=notes)


def _serving(model: Any, shapes: Mapping[str, tuple[int, ...]]) -> Any:
    """Return a module that serves a Keras model with several inputs."""
    import tensorflow as tf

    from edgeq.models.keras_sources import called, named_outputs
    from edgeq.models.saved_model_source import serving

    specs = [tf.TensorSpec(shape, tf.float32, name=name) for name, shape in shapes.items()]
    variables = [variable.value for variable in model.variables]
    return serving(lambda *tensors: named_outputs(called(model, tensors)), specs, variables)


def _export_directly(
    model: Any, shape: tuple[int, ...], dtype: str, request: ExportRequest
) -> bool:
    """Export without a SavedModel if possible (it usually is); return whether it was."""
    from edgeq.models.frozen_graph import UnsuitedModelError, write_litert

    path = Path(request.output)
    try:
        graph = path.with_name(GRAPH_FILE) if request.graph else None
        write_litert(model, shape, path, graph, dtype=dtype)
    except UnsuitedModelError as reason:
        logging.getLogger(__name__).warning("Exporting through a SavedModel, because %s", reason)
        return False
    return True


def _export_registered(request: ExportRequest) -> ExportResponse:
    from edgeq.models.float_file import require_float
    from edgeq.models.registered import write
    from edgeq.tflite.model_file import read_model

    path = Path(request.output)
    write(request.name, path)
    return ExportResponse(input_size=require_float(read_model(path), arrays=request.arrays))


def _export_module(request: ExportRequest) -> ExportResponse:
    from edgeq.models import saved_model_source

    if request.kind == "onnx":
        from edgeq.models.onnx_source import fixed_batch
    else:
        from edgeq.models.saved_model_source import fixed_batch

    module, size = fixed_batch(request)
    saved_model_source.write(module, request)
    return ExportResponse(input_size=size)


def _export_torch(request: ExportRequest) -> ExportResponse:
    from edgeq.models.torch_source import write_litert

    return ExportResponse(input_size=write_litert(request))


def work(request: dict[str, Any]) -> Mapping[str, object]:
    """Handle one request of the child protocol."""
    bound_network()
    response = export(structs.converted(request, ExportRequest))
    return dict(msgspec.to_builtins(response))
