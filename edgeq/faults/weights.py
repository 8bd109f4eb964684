"""Faults of weights: a layer damaged, foreign, or of fewer bits."""

from __future__ import annotations

import numpy as np

from edgeq.faults.fault import NotApplicableError, fault
from edgeq.faults.good import Good
from edgeq.faults.graph import Array, Graph

SEED = 21
_KERNEL_AXES = 4
_RGB = 3


@fault("layer_zeroed", "weights", "high", "damaged_tensor")
def layer_zeroed(good: Good) -> bytes:
    """The weights of one layer are 0."""
    graph = good.graph()
    graph.values(graph.middle().weights)[...] = 0
    return graph.patched()


@fault("layer_negated", "weights", "high", "damaged_tensor")
def layer_negated(good: Good) -> bytes:
    """The weights of one layer have the other sign."""
    graph = good.graph()
    values = graph.values(graph.middle().weights)
    values[...] = np.where(values == _least(values), -_least(values + 1), -values)
    return graph.patched()


@fault("layer_shuffled", "weights", "high", "damaged_tensor")
def layer_shuffled(good: Good) -> bytes:
    """The weights of one layer are in another order."""
    graph = good.graph()
    values = graph.values(graph.middle().weights)
    values[...] = np.random.default_rng(SEED).permutation(values.ravel()).reshape(values.shape)
    return graph.patched()


@fault("layer_saturated", "weights", "high", "damaged_tensor")
def layer_saturated(good: Good) -> bytes:
    """The weights of one layer are all at the ends of their range."""
    graph = good.graph()
    values = graph.values(graph.middle().weights)
    values[...] = np.sign(values) * np.abs(values.astype(np.float32)).max()
    return graph.patched()


@fault("channels_shifted", "weights", "high", "damaged_tensor")
def channels_shifted(good: Good) -> bytes:
    """The output channels of one layer's weights are off by one."""
    graph = good.graph()
    layer = graph.middle("CONV_2D", "FULLY_CONNECTED")
    values = graph.values(layer.weights)
    values[...] = np.roll(values, 1, axis=0)
    return graph.patched()


@fault("few_bits", "weights", "high", "damaged_tensor")
def few_bits(good: Good) -> bytes:
    """All weights keep three bits of their width alone."""
    graph = good.graph()
    for layer in graph.layers():
        values = graph.values(layer.weights)
        largest = np.abs(values.astype(np.float32)).max()
        step = largest / 4 if largest else 1.0
        values[...] = np.clip(np.rint(values / step) * step, -largest, largest)
    return graph.patched()


@fault("other_checkpoint", "weights", "high", "wrong_checkpoint")
def other_checkpoint(good: Good) -> bytes:
    """All weights are those of another network of the same shape."""
    graph = good.graph()
    for layer in graph.layers():
        _redraw(graph.values(layer.weights))
    return graph.patched()


@fault("classifier_foreign", "weights", "high", "wrong_checkpoint")
def classifier_foreign(good: Good) -> bytes:
    """The last layer's weights are those of another network."""
    graph = good.graph()
    _redraw(graph.values(graph.layers()[-1].weights))
    return graph.patched()


@fault("half_other_checkpoint", "weights", "high", "wrong_checkpoint")
def half_other_checkpoint(good: Good) -> bytes:
    """The second half of the layers has the weights of another network."""
    graph = good.graph()
    layers = graph.layers()
    for layer in layers[len(layers) // 2 :]:
        _redraw(graph.values(layer.weights))
    return graph.patched()


@fault("kernels_transposed", "weights", "medium", "wrong_checkpoint")
def kernels_transposed(good: Good) -> bytes:
    """Height and width of every kernel are swapped."""
    graph = good.graph()
    swapped = 0
    for layer in graph.layers():
        values = graph.values(layer.weights)
        if values.ndim == _KERNEL_AXES and values.shape[1] == values.shape[2] > 1:
            values[...] = values.transpose(0, 2, 1, 3).copy()
            swapped += 1
    if not swapped:
        raise NotApplicableError("no layer has a square kernel of more than one pixel")
    return graph.patched()


@fault("first_layer_bgr", "weights", "medium", "channel_order")
def first_layer_bgr(good: Good) -> bytes:
    """The first layer's weights are for the other order of channels."""
    graph = good.graph()
    values = graph.values(_first(graph))
    values[...] = values[..., ::-1].copy()
    return graph.patched()


def _first(graph: Graph) -> int:
    layer = graph.layers()[0]
    if graph.values(layer.weights).shape[-1] != _RGB:
        raise NotApplicableError("the first layer does not take the image's channels")
    return layer.weights


def _redraw(values: Array) -> None:
    """Replace weights by others of the same mean and spread."""
    real = values.astype(np.float32)
    drawn = np.random.default_rng(SEED).normal(real.mean(), real.std(), values.shape)
    values[...] = np.clip(drawn, real.min(), real.max()).astype(values.dtype)


def _least(values: Array) -> float:
    """Return the value without a counterpart of the other sign, where integers have one."""
    if values.dtype.kind != "i":
        return float("-inf")
    return float(np.iinfo(values.dtype).min)
