"""Conversion of stored weights to real numbers and back, for a variant and its baseline."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from edgeq.faults.fault import NotApplicableError
from edgeq.faults.good import Good
from edgeq.faults.graph import Graph, Layer

Array = npt.NDArray[Any]
Reals = npt.NDArray[np.float64]


def channel_axis(layer: Layer) -> int:
    """Return the axis of the output channels in a layer's weights."""
    return 3 if layer.name == "DEPTHWISE_CONV_2D" else 0


def by_channel(graph: Graph, layer: Layer) -> Array:
    """Return a layer's stored weights as a view with the output channels first."""
    return np.moveaxis(graph.values(layer.weights), channel_axis(layer), 0)


def is_integer(graph: Graph, tensor: int) -> bool:
    """Return whether a tensor is stored as integers."""
    return graph.dtype(tensor) in {"int8", "uint8", "int16", "int32"}


def is_scaled(graph: Graph, layer: Layer) -> bool:
    """Return whether a layer's weights have several channels with a scale each."""
    quantization = graph.main.tensors[layer.weights].quantization
    scale = None if quantization is None else quantization.scale
    return scale is not None and len(scale) == len(by_channel(graph, layer)) > 1


def steps(graph: Graph, layer: Layer) -> Reals:
    """Return the scales of a layer's weights in a shape that broadcasts over ``by_channel``.

    They are 1 for weights that are stored as floats.
    """
    shape = by_channel(graph, layer).shape
    if not is_integer(graph, layer.weights):
        return np.ones([1] * len(shape))
    scale = graph.scales(layer.weights)[0].astype(np.float64)
    return scale.reshape(-1, *(1 for _ in shape[1:]))


def real(graph: Graph, layer: Layer) -> Reals:
    """Return a layer's weights as real numbers, output channels first."""
    weights = by_channel(graph, layer).astype(np.float64)
    return np.asarray(weights * steps(graph, layer), np.float64)


def store(graph: Graph, layer: Layer, weights: Reals) -> None:
    """Store real weights, output channels first, in a layer's own steps or as its floats."""
    stored = by_channel(graph, layer)
    if is_integer(graph, layer.weights):
        weights = np.clip(np.rint(weights / steps(graph, layer)), -127, 127)
    stored[...] = weights.astype(stored.dtype)


def baseline_of(good: Good) -> Graph:
    """Return the graph of the baseline."""
    return Graph(good.baseline, good.variant.baseline.path)


def baseline_layers(good: Good, graph: Graph) -> tuple[Graph, dict[int, Layer]]:
    """Return the baseline's graph, and its layers by the indices of the variant's operators.

    Raises:
        NotApplicableError: The variant's layers do not correspond to the baseline's one by one.
    """
    baseline = baseline_of(good)
    ours, theirs = graph.layers(), baseline.layers()
    alike = len(ours) == len(theirs) and all(
        graph.values(own.weights).shape == baseline.values(other.weights).shape
        for own, other in zip(ours, theirs, strict=True)
    )
    if not alike:
        raise NotApplicableError("the variant's layers are not those of the baseline")
    pairs = zip(ours, theirs, strict=True)
    return baseline, {own.operator: other for own, other in pairs}
