"""Faults of the weights' scales and of the biases."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.held_out.kinds import INTEGER, Array, Spot, kind, patched
from edgeq.faults.fault import Faulty, NotApplicableError
from edgeq.faults.good import Good, baseline_layers
from edgeq.faults.graph import Graph, Layer, is_integer, is_scaled, real, store

DAMAGED = "damaged_tensor"


def _scaled(graph: Graph) -> Callable[[Layer], bool]:
    return lambda layer: is_scaled(graph, layer)


def _rescaled(graph: Graph, layer: Layer, factor: Array) -> None:
    """Multiply the scales of a layer's weights, and make its bias what the new ones ask for."""
    graph.scales(layer.weights)[0][...] *= factor.astype(np.float32)
    if layer.bias is None or not is_integer(graph, layer.bias):
        return
    scale, values = graph.scales(layer.bias)[0], graph.values(layer.bias)
    ends = np.iinfo(values.dtype)
    values[...] = np.clip(np.rint(values / factor), ends.min, ends.max).astype(values.dtype)
    scale[...] *= factor.astype(np.float32)


def _requantized(good: Good, at: Spot, factor: float) -> Faulty:
    """Return the variant with one layer's weights quantized anew, with other scales."""
    graph = good.graph()
    baseline, others = baseline_layers(good, graph)
    layer = at.nearest(graph, lambda one: is_integer(graph, one.weights))
    _rescaled(graph, layer, np.full(len(graph.scales(layer.weights)[0]), factor))
    store(graph, layer, real(baseline, others[layer.operator]))
    return patched(graph, layer)


@kind("scales", DAMAGED, formats=INTEGER, by_depth=True)
def range_halved(good: Good, at: Spot) -> Faulty:
    """One layer's weights were quantized with half the scale, so that large ones are clipped."""
    return _requantized(good, at, 0.5)


@kind("scales", "few_bits", DAMAGED, formats=INTEGER, by_depth=True)
def range_tripled(good: Good, at: Spot) -> Faulty:
    """One layer's weights were quantized with three times the scale, so that few steps are left."""
    return _requantized(good, at, 3.0)


def _one_scale(graph: Graph, layer: Layer, baseline: Graph, other: Layer) -> None:
    """Quantize a layer's weights anew with the largest of its channels' scales for all."""
    scales = graph.scales(layer.weights)[0]
    _rescaled(graph, layer, scales.max() / scales.astype(np.float64))
    store(graph, layer, real(baseline, other))


@kind("scales", "one_scale_per_tensor", DAMAGED, formats=INTEGER, by_depth=True)
def per_tensor_layer(good: Good, at: Spot) -> Faulty:
    """One layer's weights have one scale for all channels."""
    graph = good.graph()
    baseline, others = baseline_layers(good, graph)
    layer = at.nearest(graph, _scaled(graph))
    _one_scale(graph, layer, baseline, others[layer.operator])
    return patched(graph, layer)


@kind("scales", "one_scale_per_tensor", formats=INTEGER)
def per_tensor(good: Good, at: Spot) -> Faulty:
    """Every layer's weights have one scale for all channels."""
    del at
    graph = good.graph()
    baseline, others = baseline_layers(good, graph)
    for layer in graph.layers():
        if is_scaled(graph, layer):
            _one_scale(graph, layer, baseline, others[layer.operator])
    return Faulty(content=graph.patched())


@kind("scales", DAMAGED, formats=INTEGER, by_depth=True)
def scales_swapped(good: Good, at: Spot) -> Faulty:
    """The scales of two of a layer's channels are swapped."""
    graph = good.graph()
    layer = at.nearest(graph, _scaled(graph))
    scales = graph.scales(layer.weights)[0]
    one = int(at.generator().integers(len(scales)))
    other = int(np.abs(np.log(scales) - np.log(scales[one])).argmax())
    scales[[one, other]] = scales[[other, one]].copy()
    return patched(graph, layer)


@kind("scales", DAMAGED, formats=INTEGER, by_depth=True)
def scales_off_by_one(good: Good, at: Spot) -> Faulty:
    """The scales of one layer's channels are those of the channel before."""
    graph = good.graph()
    layer = at.nearest(graph, _scaled(graph))
    scales = graph.scales(layer.weights)[0]
    scales[...] = np.roll(scales, 1)
    return patched(graph, layer)


@kind("scales", DAMAGED, formats=INTEGER, by_depth=True)
def scale_larger(good: Good, at: Spot) -> Faulty:
    """The scales of one layer's weights are 10 % larger than those that they were stored with."""
    graph = good.graph()
    layer = at.nearest(graph, lambda one: is_integer(graph, one.weights))
    graph.scales(layer.weights)[0][...] *= np.float32(1.1)
    return patched(graph, layer)


def _biased(good: Good, at: Spot, change: Callable[[Array], Array]) -> Faulty:
    """Return the variant with the stored bias of one layer changed."""
    graph = good.graph()

    def accept(one: Layer) -> bool:
        if one.bias is None:
            return False
        bias = graph.values(one.bias)
        return bool((change(bias.astype(np.float64)).astype(bias.dtype) != bias).any())

    layer = at.nearest(graph, accept)
    if layer.bias is None:  # pragma: no cover - accept asked for one
        raise NotApplicableError("the layer has no bias")
    values = graph.values(layer.bias)
    changed = change(values.astype(np.float64))
    if values.dtype.kind == "i":
        ends = np.iinfo(values.dtype)
        changed = np.clip(np.rint(changed), ends.min, ends.max)
    values[...] = changed.astype(values.dtype)
    return patched(graph, layer)


@kind("bias", DAMAGED, "bias", needs={"bias"}, by_depth=True)
def bias_zeroed(good: Good, at: Spot) -> Faulty:
    """The bias of one layer is 0."""
    return _biased(good, at, lambda bias: 0 * bias)


@kind("bias", DAMAGED, "bias", needs={"bias"}, by_depth=True)
def bias_doubled(good: Good, at: Spot) -> Faulty:
    """The bias of one layer is twice as large."""
    return _biased(good, at, lambda bias: 2 * bias)


@kind("bias", DAMAGED, "bias", needs={"bias"}, by_depth=True)
def bias_shifted(good: Good, at: Spot) -> Faulty:
    """The bias of one layer is shifted by half of its spread."""
    return _biased(good, at, lambda bias: bias + bias.std() / 2)


@kind("bias", DAMAGED, "bias", needs={"bias"}, by_depth=True)
def bias_rolled(good: Good, at: Spot) -> Faulty:
    """The bias of each of a layer's channels is that of the channel before."""
    return _biased(good, at, lambda bias: np.roll(bias, 1))


@kind("bias", DAMAGED, "bias", needs={"bias"}, by_depth=True)
def bias_of_one_channel(good: Good, at: Spot) -> Faulty:
    """The bias of one channel is off by four times the spread of the layer's."""

    def change(bias: Array) -> Array:
        bias = bias.copy()
        bias[at.generator().integers(len(bias))] += 4 * max(float(bias.std()), 1e-3)
        return bias

    return _biased(good, at, change)


@kind("bias", DAMAGED, "bias", needs={"bias"})
def biases_zeroed(good: Good, at: Spot) -> Faulty:
    """The biases of all layers but the last are 0."""
    del at
    graph = good.graph()
    for layer in graph.layers()[:-1]:
        if layer.bias is not None:
            graph.values(layer.bias)[...] = 0
    return Faulty(content=graph.patched())
