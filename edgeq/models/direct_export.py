"""Keras models to float ``.tflite`` files with no SavedModel in between; in the export child alone.

Keras's own export writes a SavedModel for the converter, which traces the model several times and
loads it twice. One traced function with its variables frozen gives the same operators, bytes of
weights and answers in a fourth of the time: ``benchmarks/exports.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from edgeq.models.saved_model_source import SIGNATURE, converter_of

INPUT = "args_0"
OUTPUT = "output_0"
"""The names that Keras's export gives, with ``SIGNATURE``."""


class UnsuitedModelError(Exception):
    """A model that is more than one plain graph from an image to a tensor."""


def write_litert(model: Any, shape: Sequence[int], path: Path) -> None:
    """Convert a Keras model.

    Args:
        model: Takes one float32 image.
        shape: Of the input, with the batch.
        path: Where the file goes.

    Raises:
        UnsuitedModelError: The model gives more than one tensor, has functions or tables, changes
            its variables, or the converter refuses the plain graph. Keras's own export may do.
    """
    image = tf.TensorSpec(tuple(shape), tf.float32, name=INPUT)
    traced = tf.function(lambda image: model(image, training=False), input_signature=[image])
    function = traced.get_concrete_function()
    _require_plain(function)
    converter = converter_of(function, model)
    converter.experimental_lower_to_saved_model = False
    try:
        content = converter.convert()
    except Exception as error:  # the converter's own class is private, and it raises others too
        raise UnsuitedModelError(f"the converter: {error}") from error
    path.write_bytes(_signed(content))


def _require_plain(function: Any) -> None:
    if not isinstance(function.structured_outputs, tf.Tensor):
        raise UnsuitedModelError("it gives more than one tensor")
    graph = function.graph.as_graph_def()
    if graph.library.function:
        raise UnsuitedModelError("it calls functions")
    for node in graph.node:
        if "Assign" in node.op or "Table" in node.op:
            raise UnsuitedModelError(f"it needs {node.op}")


def _signed(content: bytes) -> bytes:
    """Return a model's bytes with the signature that an exported SavedModel has."""
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    (graph,) = model.subgraphs
    signature = schema.SignatureDefT()
    signature.signatureKey = SIGNATURE
    signature.inputs = [_named(INPUT, graph.inputs[0])]
    signature.outputs = [_named(OUTPUT, graph.outputs[0])]
    signature.subgraphIndex = 0
    model.signatureDefs = [signature]
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _named(name: str, tensor: int) -> Any:
    found = schema.TensorMapT()
    found.name, found.tensorIndex = name, tensor
    return found
