"""Frozen graphs: one plain graph from an image to a tensor, with its weights as constants.

TensorFlow's converter starts from one without tracing, saving or loading anything. Imports
TensorFlow, so it is used in child processes only.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from edgeq.models.saved_model_file import SERVING

INPUT = "args_0"
OUTPUT = "output_0"
"""Names that Keras's export gives to the input and output, along with ``SERVING``."""

_INPUT, _OUTPUT = f"{INPUT}:0", "Identity:0"
"""Names of these tensors in the graph of a traced function."""


@dataclass(frozen=True)
class FrozenGraph:
    """A graph without variables.

    Attributes:
        content: The nodes, as a ``GraphDef``.
        function: A concrete function whose graph has these nodes.
    """

    content: Any
    function: Any

    def converter(self) -> Any:
        """Return a TensorFlow converter for the graph."""
        converter = tf.lite.TFLiteConverter.from_concrete_functions([self.function])
        converter.experimental_lower_to_saved_model = False
        ends = ([self.function.graph.get_tensor_by_name(name)] for name in (_INPUT, _OUTPUT))
        parts = (self.content, *ends, self.function)
        # Freezing it again would take longer than everything else. A TensorFlow version without
        # this hook freezes it again, with the same result.
        converter._freeze_concrete_function = lambda: parts  # noqa: SLF001
        return converter


def freeze(function: Any) -> FrozenGraph:
    """Freeze a traced function: return its graph with the variables as constants.

    Raises:
        ValueError: The tensors do not have the names that tracing gives.
    """
    frozen = convert_variables_to_constants_v2(function, lower_control_flow=False)
    names = [tensor.name for tensor in (*frozen.inputs, *frozen.outputs)]
    if names != [_INPUT, _OUTPUT]:
        raise ValueError(f"the graph's tensors are {', '.join(names)}")
    return FrozenGraph(frozen.graph.as_graph_def(), frozen)


def write_graph(graph: FrozenGraph, path: Path) -> None:
    """Write a graph's nodes to a file; the function is not stored."""
    path.write_bytes(graph.content.SerializeToString())


@lru_cache(maxsize=1)
def read_graph(path: Path) -> FrozenGraph:
    """Read a graph written by ``write_graph``."""
    content = tf.compat.v1.GraphDef.FromString(path.read_bytes())
    importing = partial(tf.compat.v1.import_graph_def, content, name="")
    return FrozenGraph(content, tf.compat.v1.wrap_function(importing, []))


def signed(content: bytes) -> bytes:
    """Return a model's bytes with the signature that a SavedModel export would have."""
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    (graph,) = model.subgraphs
    signature = schema.SignatureDefT()
    signature.signatureKey = SERVING
    signature.inputs = [_named(INPUT, graph.inputs[0])]
    signature.outputs = [_named(OUTPUT, graph.outputs[0])]
    signature.subgraphIndex = 0
    model.signatureDefs = [signature]
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _named(name: str, tensor: int) -> Any:
    tensor_map = schema.TensorMapT()
    tensor_map.name, tensor_map.tensorIndex = name, tensor
    return tensor_map
