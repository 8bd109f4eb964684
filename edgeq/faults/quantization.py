"""Faults in quantization parameters: scales, zero points, granularity, axis."""

from __future__ import annotations

import numpy as np

from edgeq.faults.fault import ANYTHING, INPUT, STORED, NotApplicableError, fault
from edgeq.faults.good import Good
from edgeq.faults.graph import ACTIVATIONS, Graph, Layer, graph_fault

SEED = 20


def _per_channel(graph: Graph) -> list[Layer]:
    """Return the layers whose weights have a scale per channel."""
    scales = [graph.main.tensors[layer.weights].quantization for layer in graph.layers()]
    layers = [
        layer
        for layer, own in zip(graph.layers(), scales, strict=True)
        if own is not None and own.scale is not None and len(own.scale) > 1
    ]
    if not layers:
        raise NotApplicableError("no weights have a scale per channel")
    return layers


@graph_fault("weight_scale_halved", "quantization", "medium", "damaged_tensor", shown_by=STORED)
def weight_scale_halved(graph: Graph) -> None:
    """The weights of one layer are read with half their scale."""
    graph.scales(graph.middle().weights)[0][...] *= np.float32(0.5)


@graph_fault("weight_scales_shuffled", "quantization", "high", "damaged_tensor", shown_by=STORED)
def weight_scales_shuffled(graph: Graph) -> None:
    """The scales of all layers' channels are in another order."""
    generator = np.random.default_rng(SEED)
    for layer in _per_channel(graph):
        scales, _ = graph.scales(layer.weights)
        scales[...] = generator.permutation(scales)


@graph_fault(
    "per_tensor_for_per_channel", "quantization", "high", "damaged_tensor", shown_by=STORED
)
def per_tensor_for_per_channel(graph: Graph) -> None:
    """Every layer's weights are read with the first channel's scale."""
    for layer in _per_channel(graph):
        scales, _ = graph.scales(layer.weights)
        scales[...] = scales[0]


@fault("wrong_axis", "quantization", "high", "damaged_tensor", shown_by=ANYTHING)
def wrong_axis(good: Good) -> bytes:
    """The scales of one layer's weights belong to another axis."""
    graph = good.graph()
    layers = _per_channel(graph)
    tensor = graph.main.tensors[layers[len(layers) // 2].weights]
    own = tensor.quantization
    own.quantizedDimension = (own.quantizedDimension + 1) % len(tensor.shape)
    return graph.packed()


@graph_fault("activation_zero_point", "quantization", "high", "saturated_activations")
def activation_zero_point(graph: Graph) -> None:
    """The zero point of one layer's activations is at the wrong end of their range."""
    _to_other_end(graph, _activation(graph, graph.middle()))


@graph_fault("activation_scale_tiny", "quantization", "high", "saturated_activations")
def activation_scale_tiny(graph: Graph) -> None:
    """The scale of one layer's activations is divided by 16, so that they saturate."""
    graph.scales(_activation(graph, graph.middle()))[0][...] *= np.float32(1 / 16)


@graph_fault("activation_scale_huge", "quantization", "high", "damaged_tensor")
def activation_scale_huge(graph: Graph) -> None:
    """The scale of one layer's activations is multiplied by 16, so that few steps are left."""
    graph.scales(_activation(graph, graph.middle()))[0][...] *= np.float32(16)


@graph_fault("activation_scale_nan", "quantization", "high", "damaged_tensor", shown_by=ANYTHING)
def activation_scale_nan(graph: Graph) -> None:
    """The scale of one layer's activations is NaN."""
    graph.scales(_activation(graph, graph.middle()))[0][...] *= np.float32(np.nan)


@graph_fault("input_zero_point", "quantization", "high", "input_range", shown_by=INPUT)
def input_zero_point(graph: Graph) -> None:
    """The input's zero point is at the wrong end of its range."""
    _to_other_end(graph, int(graph.main.inputs[0]))


@graph_fault("input_scale", "quantization", "high", "input_range", shown_by=INPUT)
def input_scale(graph: Graph) -> None:
    """The input's scale is divided by 8, so that most pixels saturate."""
    graph.scales(int(graph.main.inputs[0]))[0][...] /= np.float32(8)


@graph_fault("output_scale", "quantization", "medium", "output_quantization")
def output_scale(graph: Graph) -> None:
    """The scale of the last layer's output is divided by 4, so that high scores saturate."""
    graph.scales(_activation(graph, graph.layers()[-1]))[0][...] /= np.float32(4)


def _to_other_end(graph: Graph, tensor: int) -> None:
    """Move a zero point to the farther end of its type's range."""
    points = graph.scales(tensor)[1]
    ends = np.iinfo(graph.dtype(tensor))
    middle = (ends.min + ends.max) / 2
    points[...] = np.where(points > middle, ends.min, ends.max)


def _activation(graph: Graph, layer: Layer) -> int:
    """Return the activation that a layer computes, if it is quantized."""
    if graph.dtype(layer.output) not in ACTIVATIONS:
        raise NotApplicableError("the variant's activations are not quantized")
    return layer.output
