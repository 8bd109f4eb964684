"""Frozen graphs: one plain graph from an image to a tensor, with its weights as constants.

TensorFlow's converter starts there without tracing, saving or loading anything. In child
processes alone, because it imports TensorFlow.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from edgeq.models.saved_model_source import SIGNATURE

INPUT = "args_0"
OUTPUT = "output_0"
"""The names that Keras's export gives, with ``SIGNATURE``."""

_INPUT, _OUTPUT = f"{INPUT}:0", "Identity:0"
"""Tensors of a traced function's graph."""


def write_graph(function: Any, path: Path) -> Any:
    """Freeze a concrete function, write its graph and return the frozen function.

    Raises:
        ValueError: Its tensors have not the names of a traced function's.
    """
    frozen = convert_variables_to_constants_v2(function, lower_control_flow=False)
    names = [tensor.name for tensor in (*frozen.inputs, *frozen.outputs)]
    if names != [_INPUT, _OUTPUT]:
        raise ValueError(f"the graph's tensors are {', '.join(names)}")
    path.write_bytes(frozen.graph.as_graph_def().SerializeToString())
    return frozen


def converter_of_graph(path: Path) -> Any:
    """Return the converter of a graph that ``write_graph`` wrote."""
    converter = tf.lite.TFLiteConverter.from_concrete_functions([_function(path)])
    converter.experimental_lower_to_saved_model = False
    return converter


@lru_cache(maxsize=1)
def _function(path: Path) -> Any:
    graph = tf.compat.v1.GraphDef.FromString(path.read_bytes())
    wrapped = tf.compat.v1.wrap_function(lambda: tf.compat.v1.import_graph_def(graph, name=""), [])
    return wrapped.prune(_INPUT, _OUTPUT)


def signed(content: bytes) -> bytes:
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
