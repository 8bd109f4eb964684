"""Faults in biases and in the normalisation that was folded into them."""

from __future__ import annotations

import numpy as np

from edgeq.faults.fault import NotApplicableError, fault
from edgeq.faults.good import Good
from edgeq.faults.graph import Array, Graph, Layer

SEED = 22


def _biased(graph: Graph) -> list[tuple[Layer, Array]]:
    """Return the layers with a bias that is not 0, each with its values."""
    biased = [
        (layer, values)
        for layer in graph.layers()
        if layer.bias is not None and (values := graph.values(layer.bias)).any()
    ]
    if not biased:
        raise NotApplicableError("no layer has a stored bias")
    return biased


@fault("biases_zeroed", "bias", "high", "damaged_tensor")
def biases_zeroed(good: Good) -> bytes:
    """All biases are 0, as if they had been left out."""
    graph = good.graph()
    for _, values in _biased(graph):
        values[...] = 0
    return graph.patched()


@fault("biases_negated", "bias", "high", "damaged_tensor")
def biases_negated(good: Good) -> bytes:
    """All biases have the opposite sign."""
    graph = good.graph()
    for _, values in _biased(graph):
        values[...] = -values
    return graph.patched()


@fault("biases_shuffled", "bias", "high", "damaged_tensor")
def biases_shuffled(good: Good) -> bytes:
    """Every layer's biases are in another order."""
    graph = good.graph()
    generator = np.random.default_rng(SEED)
    for _, values in _biased(graph):
        values[...] = generator.permutation(values)
    return graph.patched()


@fault("bias_of_one_class", "bias", "high", "damaged_tensor")
def bias_of_one_class(good: Good) -> bytes:
    """One class of the last layer has a bias that outweighs all others."""
    graph = good.graph()
    values = graph.values(_biased(graph)[-1][0].bias or 0)
    largest = np.abs(values.astype(np.float64)).max()
    values[0] = min(50 * largest, 2.0**30)
    return graph.patched()


@fault("normalisation_lost", "bias", "high", "damaged_tensor")
def normalisation_lost(good: Good) -> bytes:
    """Weights and biases lack the factor per channel by which folding multiplies them."""
    graph = good.graph()
    changed = 0
    for layer in graph.layers():
        tensor = graph.main.tensors[layer.weights]
        quantization = tensor.quantization
        per_channel = quantization is not None and quantization.scale is not None
        if per_channel and len(quantization.scale) > 1:
            quantization.scale[...] = np.exp(np.log(quantization.scale).mean())
            changed += 1
        elif tensor.type == graph.schema.TensorType.FLOAT32:
            axis = 3 if layer.name == "DEPTHWISE_CONV_2D" else 0
            values = graph.values(layer.weights)
            rest = tuple(n for n in range(values.ndim) if n != axis)
            spread = np.maximum(values.std(axis=rest, keepdims=True), 1e-9)
            values[...] = values / spread * spread.mean()
            changed += 1
    if not changed:
        raise NotApplicableError("no weights have a factor per channel")
    return graph.patched()
