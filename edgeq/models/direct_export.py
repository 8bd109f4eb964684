"""Converts Keras models to float ``.tflite`` files without a SavedModel; only in the export child.

Keras's own export writes a SavedModel for the converter, which traces the model several times and
loads it twice. Tracing one function and freezing its variables gives the same operators, weight
bytes and outputs in a quarter of the time (``benchmarks/exports.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from edgeq.models.frozen_graph import INPUT, freeze, signed, write_graph
from edgeq.models.saved_model_source import with_flex


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

    Args:
        model: Keras model that takes one image.
        shape: Shape of the input, including the batch.
        path: Output file.
        graph: Output file for the frozen graph, or None to skip it.
        dtype: Type of the input.

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
