"""Frozen graphs: one plain graph from an image to a tensor, with its weights as constants.

TensorFlow's converter starts from one without tracing, saving or loading anything. Imports
TensorFlow, so it is used in child processes only.

Keras's own export writes a SavedModel for the converter, which traces the model several times and
loads it twice. Tracing one function and freezing its variables gives the same operators, weight
bytes and outputs in a quarter of the time (``benchmarks/exports.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils
from tensorflow.python.framework import convert_to_constants

from edgeq.models.protobuf import SERVING

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
        function: A concrete function with the same input and output.
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
    # The public function also makes a function of the graph, which takes ten times as long as
    # freezing it. The converter takes no more than the nodes.
    variables = convert_to_constants._FunctionConverterDataInEager(  # noqa: SLF001
        func=function, lower_control_flow=False, aggressive_inlining=False
    )
    content, indices = convert_to_constants._replace_variables_by_constants(variables)  # noqa: SLF001
    frozen = {function.graph.internal_captures[index].name for index in indices}
    names = [tensor.name for tensor in (*function.inputs, *function.outputs)]
    left = [name for name in names if name not in frozen]
    if left != [_INPUT, _OUTPUT]:
        raise ValueError(f"the graph's tensors are {', '.join(left)}")
    return FrozenGraph(content, function)


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


def with_flex(converter: Any) -> Any:
    """Configure a converter the way Keras's export does, and return it.

    Models that need Flex operators are converted, so that the operators can be named and refused.
    """
    converter.target_spec.supported_ops = [
        tf.lite.OpsSet.TFLITE_BUILTINS,
        tf.lite.OpsSet.SELECT_TF_OPS,
    ]
    return converter


class UnsuitedModelError(Exception):
    """The model is more than one plain graph from an image to a tensor."""


def write_litert(
    model: Any,
    shape: Sequence[int],
    path: Path,
    graph: Path | None = None,
    *,
    dtype: str = "float32",
) -> None:
    """Convert a Keras model to a ``.tflite`` file.

    The frozen graph is written to ``graph`` unless that is None. The shape includes the batch.

    Raises:
        UnsuitedModelError: The model returns more than one tensor, has functions or tables, or
            changes its variables, or the converter refuses the plain graph. Keras's own export
            may still work.
    """
    image = tf.TensorSpec(tuple(shape), dtype, name=INPUT)
    traced = tf.function(lambda image: model(image, training=False), input_signature=[image])
    function = traced.get_concrete_function()
    _require_plain(function)
    try:
        frozen = freeze(function)
        content = with_flex(frozen.converter()).convert()
    except Exception as error:  # the converter's own class is private, and it raises others too
        raise UnsuitedModelError(f"the converter: {error}") from error
    path.write_bytes(signed(content))
    if graph is not None:
        write_graph(frozen, graph)


def _require_plain(function: Any) -> None:
    if not isinstance(function.structured_outputs, tf.Tensor):
        raise UnsuitedModelError("it gives more than one tensor")
    graph = function.graph.as_graph_def()
    if graph.library.function:
        raise UnsuitedModelError("it calls functions")
    for node in graph.node:
        if "Assign" in node.op or "Table" in node.op:
            raise UnsuitedModelError(f"it needs {node.op}")
