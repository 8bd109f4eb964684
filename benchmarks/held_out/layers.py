"""Faults of the stored weights: of one layer, of one channel of it, or of all layers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.held_out.kinds import INTEGER, Spot, kind, patched
from edgeq.faults.fault import Faulty, NotApplicableError
from edgeq.faults.good import Good, baseline_layers
from edgeq.faults.graph import (
    Graph,
    Layer,
    Reals,
    by_channel,
    is_integer,
    is_scaled,
    real,
    steps,
    store,
)

KERNEL_AXES = 4
DAMAGED = "damaged_tensor"
OTHER = "wrong_checkpoint"


def _changed(good: Good, at: Spot, change: Callable[[Reals], Reals]) -> Faulty:
    """Return the variant with the real weights of one layer changed, output channels first."""
    graph = good.graph()
    layer = at.nearest(graph, lambda one: bool(graph.values(one.weights).any()))
    before = real(graph, layer)
    store(graph, layer, change(before.copy()))
    return patched(graph, layer)


def _channel(weights: Reals, at: Spot) -> int:
    """Return a channel with weights that matter: one of the upper half by their spread."""
    spread = weights.reshape(len(weights), -1).std(axis=1)
    upper = np.argsort(spread)[len(weights) // 2 :]
    return int(at.generator().choice(upper))


def _square(graph: Graph) -> Callable[[Layer], bool]:
    def accept(layer: Layer) -> bool:
        shape = graph.values(layer.weights).shape
        return len(shape) == KERNEL_AXES and shape[1] == shape[2] > 1

    return accept


@kind("layer", DAMAGED, by_depth=True)
def zeroed(good: Good, at: Spot) -> Faulty:
    """The weights of one layer are 0."""
    return _changed(good, at, lambda weights: 0 * weights)


@kind("layer", DAMAGED, by_depth=True)
def negated(good: Good, at: Spot) -> Faulty:
    """The weights of one layer have the other sign."""
    return _changed(good, at, lambda weights: -weights)


@kind("layer", DAMAGED, by_depth=True)
def shuffled(good: Good, at: Spot) -> Faulty:
    """The weights of one layer are in another order."""

    def change(weights: Reals) -> Reals:
        return at.generator().permutation(weights.ravel()).reshape(weights.shape)

    return _changed(good, at, change)


@kind("layer", DAMAGED, by_depth=True)
def scaled(good: Good, at: Spot) -> Faulty:
    """The weights of one layer are 20 % smaller."""
    return _changed(good, at, lambda weights: 0.8 * weights)


@kind("layer", DAMAGED, by_depth=True)
def four_bits(good: Good, at: Spot) -> Faulty:
    """The weights of one layer are stored in 15 of the steps that their type has."""

    def change(weights: Reals) -> Reals:
        axes = tuple(range(1, weights.ndim))
        step = np.maximum(np.abs(weights).max(axis=axes, keepdims=True) / 7, 1e-30)
        return np.asarray(np.rint(weights / step) * step)

    return _changed(good, at, change)


@kind("layer", DAMAGED, formats=INTEGER, by_depth=True)
def truncated_layer(good: Good, at: Spot) -> Faulty:
    """The weights of one layer were truncated towards 0 in place of rounded."""
    graph = good.graph()
    baseline, others = baseline_layers(good, graph)
    layer = at.nearest(graph)
    weights = real(baseline, others[layer.operator])
    stored = by_channel(graph, layer)
    stored[...] = np.trunc(weights / steps(graph, layer)).clip(-127, 127).astype(stored.dtype)
    return patched(graph, layer)


@kind("layer", DAMAGED, OTHER, by_depth=True)
def foreign_layer(good: Good, at: Spot) -> Faulty:
    """The weights of one layer are those of another network: of the same spread, drawn anew."""

    def change(weights: Reals) -> Reals:
        return at.generator().normal(weights.mean(), weights.std(), weights.shape)

    return _changed(good, at, change)


@kind("layer", DAMAGED, by_depth=True)
def row_foreign(good: Good, at: Spot) -> Faulty:
    """The weights of one output channel are drawn anew."""

    def change(weights: Reals) -> Reals:
        row = _channel(weights, at)
        weights[row] = at.generator().normal(0, weights[row].std(), weights[row].shape)
        return weights

    return _changed(good, at, change)


@kind("layer", DAMAGED, by_depth=True)
def row_zeroed(good: Good, at: Spot) -> Faulty:
    """The weights of one output channel are 0."""

    def change(weights: Reals) -> Reals:
        weights[_channel(weights, at)] = 0
        return weights

    return _changed(good, at, change)


@kind("layer", DAMAGED, by_depth=True)
def row_negated(good: Good, at: Spot) -> Faulty:
    """The weights of one output channel have the other sign."""

    def change(weights: Reals) -> Reals:
        weights[_channel(weights, at)] *= -1
        return weights

    return _changed(good, at, change)


@kind("layer", DAMAGED, by_depth=True)
def rows_swapped(good: Good, at: Spot) -> Faulty:
    """The weights of two output channels are swapped, in the file's own steps."""
    graph = good.graph()
    layer = at.nearest(graph, lambda one: len(by_channel(graph, one)) > 1)
    stored = by_channel(graph, layer)
    one, other = at.generator().choice(len(stored), 2, replace=False)
    stored[[one, other]] = stored[[other, one]].copy()
    return patched(graph, layer)


@kind("layer", DAMAGED, by_depth=True)
def kernel_transposed(good: Good, at: Spot) -> Faulty:
    """Height and width of one layer's kernels are swapped."""
    graph = good.graph()
    layer = at.nearest(graph, _square(graph))
    values = graph.values(layer.weights)
    values[...] = values.transpose(0, 2, 1, 3).copy()
    return patched(graph, layer)


@kind("layer", DAMAGED, by_depth=True)
def bits_flipped(good: Good, at: Spot) -> Faulty:
    """One weight in two hundred of a layer, but 2 at least, has its second highest bit flipped."""
    graph = good.graph()
    layer = at.nearest(graph)
    values = graph.values(layer.weights).reshape(-1)
    width = values.dtype.itemsize
    count = max(2, values.size // 200)
    chosen = at.generator().choice(values.size, count, replace=False)
    values.view(np.uint8)[chosen * width + width - 1] ^= np.uint8(0x40)
    return patched(graph, layer)


@kind("layer", DAMAGED, formats=INTEGER, by_depth=True)
def clipped_layer(good: Good, at: Spot) -> Faulty:
    """The weights of one layer are clipped to half of their range."""

    def change(weights: Reals) -> Reals:
        axes = tuple(range(1, weights.ndim))
        end = np.abs(weights).max(axis=axes, keepdims=True) / 2
        return np.clip(weights, -end, end)

    return _changed(good, at, change)


@kind("layer", DAMAGED, "float16_range", formats=("float16",), by_depth=True)
def beyond_float16(good: Good, at: Spot) -> Faulty:
    """One channel's weights were beyond the range of float16 and are clipped to its ends."""

    def change(weights: Reals) -> Reals:
        row = _channel(weights, at)
        largest = np.abs(weights[row]).max()
        weights[row] = np.where(
            np.abs(weights[row]) > largest / 4, np.sign(weights[row]) * 65504, weights[row]
        )
        return weights

    return _changed(good, at, change)


def _noisy(good: Good, at: Spot, share: float, *, last: bool = False) -> Faulty:
    """Return the variant of weights with noise of a share of each layer's spread."""
    graph = good.graph()
    layers = graph.layers()[-1:] if last else graph.layers()
    generator = at.generator()
    baseline, others = baseline_layers(good, graph)
    for layer in layers:  # noise was there before the weights were quantized
        weights = real(baseline, others[layer.operator])
        store(graph, layer, weights + generator.normal(0, share * weights.std(), weights.shape))
    return patched(graph, layers[-1]) if last else Faulty(content=graph.patched())


@kind("weights", OTHER)
def noise_1(good: Good, at: Spot) -> Faulty:
    """All weights differ by 1 % of their layer's spread: a checkpoint some steps away."""
    return _noisy(good, at, 0.01)


@kind("weights", OTHER)
def noise_2(good: Good, at: Spot) -> Faulty:
    """All weights differ by 2 % of their layer's spread: another checkpoint."""
    return _noisy(good, at, 0.02)


@kind("weights", OTHER)
def noise_5(good: Good, at: Spot) -> Faulty:
    """All weights differ by 5 % of their layer's spread: a checkpoint of another epoch."""
    return _noisy(good, at, 0.05)


@kind("weights", OTHER, DAMAGED)
def classifier_noise_2(good: Good, at: Spot) -> Faulty:
    """The classifier's weights differ by 2 % of their spread: it alone was trained on."""
    return _noisy(good, at, 0.02, last=True)


@kind("weights", OTHER)
def second_half_noise_5(good: Good, at: Spot) -> Faulty:
    """The weights of the second half of the layers differ by 5 %: they alone were trained on."""
    graph = good.graph()
    layers, generator = graph.layers(), at.generator()
    for layer in layers[len(layers) // 2 :]:
        weights = real(graph, layer)
        store(graph, layer, weights + generator.normal(0, 0.05 * weights.std(), weights.shape))
    return Faulty(content=graph.patched())


@kind("weights", OTHER, needs={"square"})
def kernels_transposed(good: Good, at: Spot) -> Faulty:
    """Height and width of every kernel are swapped."""
    del at
    graph = good.graph()
    accept = _square(graph)
    for layer in graph.layers():
        if accept(layer):
            values = graph.values(layer.weights)
            values[...] = values.transpose(0, 2, 1, 3).copy()
    return Faulty(content=graph.patched())


@kind("weights", DAMAGED, formats=INTEGER)
def truncated(good: Good, at: Spot) -> Faulty:
    """All weights were truncated towards 0 in place of rounded."""
    del at
    graph = good.graph()
    baseline, others = baseline_layers(good, graph)
    for layer in graph.layers():
        weights, stored = real(baseline, others[layer.operator]), by_channel(graph, layer)
        stored[...] = np.trunc(weights / steps(graph, layer)).clip(-127, 127).astype(stored.dtype)
    return Faulty(content=graph.patched())


@kind("weights", DAMAGED, formats=INTEGER)
def six_bits(good: Good, at: Spot) -> Faulty:
    """All weights are multiples of four steps: they have 6 bits, not 8."""
    del at
    graph = good.graph()
    for layer in graph.layers():
        values = graph.values(layer.weights)
        values[...] = (np.rint(values / 4.0) * 4).clip(-124, 124).astype(values.dtype)
    return Faulty(content=graph.patched())


@kind("weights", OTHER, DAMAGED, formats=("float16",))
def bfloat16(good: Good, at: Spot) -> Faulty:
    """All weights went through bfloat16, which has 8 bits of precision for float16's 11."""
    del at
    graph = good.graph()
    for layer in graph.layers():
        values = graph.values(layer.weights)
        bits = values.astype(np.float32).view(np.uint32)
        rounded = (bits + np.uint32(0x7FFF) + ((bits >> 16) & 1)) & np.uint32(0xFFFF0000)
        values[...] = rounded.view(np.float32).astype(values.dtype)
    return Faulty(content=graph.patched())


@kind("weights", OTHER, DAMAGED)
def epsilon(good: Good, at: Spot) -> Faulty:
    """Every channel has the factor of another epsilon of its batch normalisation."""
    graph, generator = good.graph(), at.generator()
    for layer in graph.layers()[:-1]:
        weights = real(graph, layer)
        variance = np.exp(generator.normal(-4.0, 1.5, len(weights)))
        factor = np.sqrt((variance + 1e-3) / (variance + 1e-5))
        if is_scaled(graph, layer):
            graph.scales(layer.weights)[0][...] *= factor.astype(np.float32)
            if layer.bias is not None and is_integer(graph, layer.bias):
                graph.scales(layer.bias)[0][...] *= factor.astype(np.float32)
        else:
            store(graph, layer, weights * factor.reshape(-1, *(1 for _ in weights.shape[1:])))
    return Faulty(content=graph.patched())


@kind("weights", DAMAGED, OTHER, needs={"twins"})
def layers_exchanged(good: Good, at: Spot) -> Faulty:
    """Two layers of one shape have each other's weights and biases."""
    graph = good.graph()
    pairs = [
        (one, other)
        for number, one in enumerate(graph.layers())
        for other in graph.layers()[number + 1 :]
        if one.name == other.name
        and graph.values(one.weights).shape == graph.values(other.weights).shape
        and (one.bias is None) == (other.bias is None)
    ]
    if not pairs:
        raise NotApplicableError("no two layers have weights of one shape")
    one, other = pairs[int(at.generator().integers(len(pairs)))]
    biases = [_real_bias(graph, it) for it in (one, other)]
    parts = [(graph.values(one.weights), graph.values(other.weights))]
    if is_integer(graph, one.weights):
        parts += zip(graph.scales(one.weights), graph.scales(other.weights), strict=True)
    for ours, theirs in parts:
        held = ours.copy()
        ours[...], theirs[...] = theirs, held
    for it, bias in zip((one, other), reversed(biases), strict=True):
        if bias is not None:
            _store_bias(graph, it, bias)
    return patched(graph, one)


def _real_bias(graph: Graph, layer: Layer) -> Reals | None:
    if layer.bias is None:
        return None
    values = graph.values(layer.bias).astype(np.float64)
    integer = is_integer(graph, layer.bias)
    return np.asarray(values * graph.scales(layer.bias)[0]) if integer else values


def _store_bias(graph: Graph, layer: Layer, bias: Reals) -> None:
    """Store a real bias; in steps, in those that the layer's input and weights ask for."""
    if layer.bias is None:
        return
    values = graph.values(layer.bias)
    if is_integer(graph, layer.bias):
        scale = graph.scales(layer.bias)[0]
        scale[...] = graph.scales(layer.input)[0][0] * graph.scales(layer.weights)[0]
        ends = np.iinfo(values.dtype)
        bias = np.clip(np.rint(bias / scale), ends.min, ends.max)
    values[...] = bias.astype(values.dtype)
