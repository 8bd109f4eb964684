"""Converts ONNX models by onnx2tf; imported in the export child only.

onnx2tf guesses which tensors lie with their channels first, and checks its guesses by running the
model in ONNX Runtime. It writes into the file that it converts, and asks the internet for a sample
picture unless a file of that name lies in the working directory. It therefore gets a copy, in a
folder of its own, next to such a file.
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx2tf
import onnxruntime
import tensorflow as tf

from edgeq import words
from edgeq.errors import ModelError
from edgeq.models.export_request import ExportRequest, signature_name
from edgeq.models.input_size import NO_IMAGE, ONE_INPUT, channels_first, fixed_shape, size_of
from edgeq.models.saved_model_source import serving
from edgeq.models.serving import one_line

_SAMPLES = "calibration_image_sample_data_20x128x128x3_float32.npy"
_SAMPLES_SHAPE = (20, 128, 128, 3)
_FILE = "model.onnx"
_COPY, _FOLDED = "copy.onnx", "folded.onnx"
_TYPES = {
    onnx.TensorProto.FLOAT: tf.float32,
    onnx.TensorProto.INT32: tf.int32,
    onnx.TensorProto.INT64: tf.int64,
}
"""The types that an input may have, in TensorFlow."""
_STANDARD = ("", "ai.onnx")
_MAX_NAMED = 6
_ASK_EXPORT = (
    "Export the model without it, or name another source: the Keras model, the PyTorch model "
    '("torch:package.module:function"), or a .tflite file that you converted'
)


def fixed_batch(request: ExportRequest) -> tuple[Any, tuple[int, int]]:
    """Return a module whose function ``serve`` takes one sample, and the image's size.

    An image has its channels last; arrays have the shapes that they have in the ONNX model.
    Inputs and outputs have the names that ``signature_name`` makes of the ONNX model's, an image
    has ``image``.

    Raises:
        ModelError: The file is not an ONNX model, takes something else, or has operators that
            onnx2tf does not convert.
    """
    model = read(request)
    entries = inputs_of(model, request)
    _require_known(model, request.name)
    if request.arrays:
        size = NO_IMAGE
        own = fixed = {entry.name: fixed_shape(shape_of(entry), request) for entry in entries}
        option = "keep_shape_absolutely_input_names"
        inputs = {signature_name(name): shape for name, shape in own.items()}
    else:
        (entry,) = entries
        image, first = layout(shape_of(entry), request)
        _, *sides, channels = image
        size = size_of(image, request)
        own = {entry.name: (1, channels, *sides) if first else image}
        fixed = {} if first else own
        option = "keep_nwc_or_nhwc_or_ndhwc_input_names"
        inputs = {"image": image}
    converted = _convert(_with_shapes(model, own), {option: list(fixed) or None}, request)
    names = [signature_name(output.name) for output in model.graph.output]

    def serve(*tensors: Any) -> Any:
        outputs = converted(tensors[0] if len(tensors) == 1 else list(tensors), training=False)
        every = outputs if isinstance(outputs, list | tuple) else [outputs]
        return {name: tf.identity(output) for name, output in zip(names, every, strict=True)}

    specs = [
        tf.TensorSpec(shape, _TYPES[entry.type.tensor_type.elem_type], name=name)
        for entry, (name, shape) in zip(entries, inputs.items(), strict=True)
    ]
    return serving(serve, specs, converted), size


def read(request: ExportRequest) -> Any:
    """Return an ONNX model with its weights.

    Raises:
        ModelError: The file is not an ONNX model, or a file with its weights is missing.
    """
    try:
        model = onnx.load(request.name)
        onnx.checker.check_model(model)
    except Exception as error:  # Protocol Buffers and onnx raise classes of their own
        raise ModelError(
            f"is not a valid ONNX model: {one_line(error)}",
            where=request.name,
            remedy="Export it again; files with external weights must lie next to it",
        ) from error
    return model


def inputs_of(model: Any, request: ExportRequest) -> list[Any]:
    """Return the inputs of a model; weights that old exporters list as inputs don't count.

    Raises:
        ModelError: It has several inputs that are not arrays, or one of another type than float32,
            which arrays of whole numbers may have.
    """
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [entry for entry in model.graph.input if entry.name not in weights]
    if not inputs or (len(inputs) > 1 and not request.arrays):
        raise ModelError(f"has {len(inputs)} inputs", where=request.name, remedy=ONE_INPUT)
    for entry in inputs:
        kind = entry.type.tensor_type.elem_type
        if kind not in _TYPES or (kind != onnx.TensorProto.FLOAT and not request.arrays):
            raise ModelError(
                f"its input {entry.name!r} is {onnx.TensorProto.DataType.Name(kind).lower()}",
                where=request.name,
                remedy="Export it with a float32 input, before any quantization",
            )
    return inputs


def shape_of(entry: Any) -> tuple[int | None, ...]:
    """Return the shape of an input, with None for open dimensions."""
    every = entry.type.tensor_type.shape.dim
    return tuple(side.dim_value if side.HasField("dim_value") else None for side in every)


def layout(shape: Sequence[int | None], request: ExportRequest) -> tuple[tuple[int, ...], bool]:
    """Return the shape of an image input with the channels last, and whether they come first.

    Raises:
        ModelError: The input is not one image, or leaves its size open.
    """
    first = channels_first(shape)
    batch, *rest = shape or (None,)
    if first:
        channels, *sides = rest
        rest = [*sides, channels]
    return fixed_shape((batch, *rest), request), first


def _require_known(model: Any, name: str) -> None:
    """Refuse operators that onnx2tf has no code for."""
    unknown = sorted(
        {
            f"{node.domain}.{node.op_type}" if node.domain not in _STANDARD else node.op_type
            for node in model.graph.node
            if node.domain not in _STANDARD
            or importlib.util.find_spec(f"onnx2tf.ops.{node.op_type}") is None
        }
    )
    if unknown:
        raise ModelError(
            f"has operators that onnx2tf does not convert: {words.names(unknown, _MAX_NAMED)}",
            where=name,
            remedy=_ASK_EXPORT,
        )


def _with_shapes(model: Any, shapes: Mapping[str, Sequence[int]]) -> Any:
    """Return a model whose inputs have a batch of 1 and fixed sizes; open outputs stay open."""
    fixed = type(model)()
    fixed.CopyFrom(model)
    for entry in fixed.graph.input:
        own = entry.type.tensor_type.shape.dim
        for dimension, side in zip(own, shapes.get(entry.name, ()), strict=False):
            dimension.dim_value = side
    del fixed.graph.value_info[:]  # shapes inside, which may contradict the fixed ones
    for output in fixed.graph.output:
        output.type.tensor_type.ClearField("shape")
    return fixed


def _convert(model: Any, options: Mapping[str, Any], request: ExportRequest) -> Any:
    """Return the Keras model that onnx2tf makes.

    If it gives up, or makes a model that does not run, it gets the model once more with everything
    folded that the fixed size makes constant, such as the arithmetic on shapes that an export with
    an open size contains.
    """
    with tempfile.TemporaryDirectory(prefix="edgeq-") as scratch, contextlib.chdir(scratch):
        np.save(_SAMPLES, np.random.default_rng(0).random(_SAMPLES_SHAPE, np.float32))
        onnx.save(model, _FILE)
        shutil.copyfile(_FILE, _COPY)
        try:
            return _keras_model(_COPY, options)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - it exits where it gives up
            logging.getLogger(__name__).warning("Folding constants, because %s", one_line(error))
            try:
                _fold(Path(_FILE), Path(_FOLDED))
                return _keras_model(_FOLDED, options)
            except (Exception, SystemExit):  # noqa: BLE001 - the first reason is about the user's own model
                raise ModelError(
                    f"onnx2tf can't convert it: {one_line(error)}",
                    where=request.name,
                    remedy=f"The log has its own words. {_ASK_EXPORT}",
                ) from error


def _keras_model(path: str, options: Mapping[str, Any]) -> Any:
    converted = onnx2tf.convert(
        input_onnx_file_path=path,
        output_folder_path="out",
        **options,
        not_use_onnxsim=True,
        disable_model_save=True,
        verbosity="info",
    )
    blank = [tf.zeros(entry.shape, entry.dtype) for entry in converted.inputs]
    converted(blank[0] if len(blank) == 1 else blank, training=False)
    return converted


def _fold(source: Path, target: Path) -> None:
    """Write a model with its constants folded and its shapes known, in standard operators."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(target)
    onnxruntime.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])
