"""Faults in weights and biases: damaged, foreign, of fewer bits, folded otherwise."""

from __future__ import annotations

import numpy as np

from edgeq.faults.fault import Faulty, NotApplicableError, fault
from edgeq.faults.good import Good, baseline_layers
from edgeq.faults.graph import (
    Array,
    Graph,
    Layer,
    by_channel,
    channel_axis,
    graph_fault,
    is_integer,
    is_scaled,
    real,
    steps,
    store,
)

SEED, BIAS_SEED = 21, 22


@graph_fault("layer_zeroed", "weights", "high", "damaged_tensor")
def layer_zeroed(graph: Graph) -> None:
    """The weights of one layer are 0."""
    graph.values(graph.middle().weights)[...] = 0


@graph_fault("layer_negated", "weights", "high", "damaged_tensor")
def layer_negated(graph: Graph) -> None:
    """The weights of one layer have the opposite sign."""
    values = graph.values(graph.middle().weights)
    values[...] = np.where(values == _least(values), -_least(values + 1), -values)


@graph_fault("layer_shuffled", "weights", "high", "damaged_tensor")
def layer_shuffled(graph: Graph) -> None:
    """The weights of one layer are in another order."""
    values = graph.values(graph.middle().weights)
    values[...] = np.random.default_rng(SEED).permutation(values.ravel()).reshape(values.shape)


@graph_fault("layer_saturated", "weights", "high", "damaged_tensor")
def layer_saturated(graph: Graph) -> None:
    """The weights of one layer are all at the ends of their range."""
    values = graph.values(graph.middle().weights)
    values[...] = np.sign(values) * np.abs(values.astype(np.float32)).max()


@graph_fault("channels_shifted", "weights", "high", "damaged_tensor")
def channels_shifted(graph: Graph) -> None:
    """The output channels of one layer's weights are off by one."""
    layer = graph.middle("CONV_2D", "FULLY_CONNECTED")
    values = graph.values(layer.weights)
    values[...] = np.roll(values, 1, axis=0)


@graph_fault("few_bits", "weights", "high", "damaged_tensor")
def few_bits(graph: Graph) -> None:
    """All weights keep only three of their bits."""
    for layer in graph.layers():
        values = graph.values(layer.weights)
        largest = np.abs(values.astype(np.float32)).max()
        step = largest / 4 if largest else 1.0
        values[...] = np.clip(np.rint(values / step) * step, -largest, largest)


@fault("other_checkpoint", "weights", "high", "wrong_checkpoint")
def other_checkpoint(good: Good) -> bytes:
    """All weights are those of another network of the same shape."""
    return _redrawn(good, slice(None))


@fault("classifier_foreign", "weights", "high", "wrong_checkpoint")
def classifier_foreign(good: Good) -> bytes:
    """The last layer's weights are those of another network."""
    return _redrawn(good, slice(-1, None))


@fault("half_other_checkpoint", "weights", "high", "wrong_checkpoint")
def half_other_checkpoint(good: Good) -> bytes:
    """The second half of the layers has the weights of another network."""
    return _redrawn(good, slice(len(good.graph().layers()) // 2, None))


@graph_fault("kernels_transposed", "weights", "medium", "wrong_checkpoint")
def kernels_transposed(graph: Graph) -> None:
    """Height and width of every kernel are swapped."""
    swapped = 0
    for layer in graph.layers():
        values = graph.values(layer.weights)
        if values.ndim == 4 and values.shape[1] == values.shape[2] > 1:
            values[...] = values.transpose(0, 2, 1, 3).copy()
            swapped += 1
    if not swapped:
        raise NotApplicableError("no layer has a square kernel of more than one pixel")


@graph_fault("first_layer_bgr", "weights", "medium", "channel_order")
def first_layer_bgr(graph: Graph) -> None:
    """The first layer's weights are for the other order of channels."""
    values = graph.values(_first(graph))
    values[...] = values[..., ::-1].copy()


@fault("checkpoint_noise_1", "weights", "low", "wrong_checkpoint")
def checkpoint_noise_1(good: Good) -> bytes:
    """All weights differ by 1 % of their layer's spread: a checkpoint some steps later."""
    return _noisy(good, 0.01)


@fault("checkpoint_noise_2", "weights", "low", "wrong_checkpoint")
def checkpoint_noise_2(good: Good) -> bytes:
    """All weights differ by 2 % of their layer's spread: a checkpoint some hundred steps later."""
    return _noisy(good, 0.02)


@fault("checkpoint_noise_5", "weights", "medium", "wrong_checkpoint")
def checkpoint_noise_5(good: Good) -> bytes:
    """All weights differ by 5 % of their layer's spread: a checkpoint of another epoch."""
    return _noisy(good, 0.05)


def _noisy(good: Good, share: float) -> bytes:
    """Return the variant with noise that was added to the weights before quantization."""
    graph, generator = good.graph(), np.random.default_rng(SEED)
    baseline, others = baseline_layers(good, graph)
    for layer in graph.layers():
        weights = real(baseline, others[layer.operator])
        store(graph, layer, weights + generator.normal(0, share * weights.std(), weights.shape))
    return graph.patched()


@fault("weights_truncated", "weights", "low", "damaged_tensor")
def weights_truncated(good: Good) -> bytes:
    """All weights were truncated towards 0, not rounded."""
    graph = good.graph()
    baseline, others = baseline_layers(good, graph)
    truncated = 0
    for layer in graph.layers():
        if is_integer(graph, layer.weights):
            weights = real(baseline, others[layer.operator]) / steps(graph, layer)
            stored = by_channel(graph, layer)
            stored[...] = np.trunc(weights).clip(-127, 127).astype(stored.dtype)
            truncated += 1
    if not truncated:
        raise NotApplicableError("weights are stored as floats")
    return graph.patched()


@fault("rows_swapped", "weights", "medium", "damaged_tensor")
def rows_swapped(good: Good) -> Faulty:
    """The weights of two channels of a layer are swapped."""
    graph = good.graph()
    layer = graph.middle("CONV_2D", "FULLY_CONNECTED")
    values = graph.values(layer.weights)
    spread = values.reshape(len(values), -1).astype(np.float32).std(axis=1)
    first, second = np.argsort(spread)[-2:]
    values[[first, second]] = values[[second, first]].copy()
    return Faulty(content=graph.patched(), where=graph.name(layer.weights))


@fault("layer_bits_flipped", "weights", "medium", "damaged_tensor")
def layer_bits_flipped(good: Good) -> Faulty:
    """One in a hundred of a layer's weights has a high bit flipped."""
    graph = good.graph()
    layer = graph.middle()
    values = graph.values(layer.weights).reshape(-1)
    width = values.dtype.itemsize
    count = -(-values.size // 100)
    chosen = np.random.default_rng(SEED).choice(values.size, count, replace=False)
    values.view(np.uint8)[chosen * width + width - 1] ^= np.uint8(0x40)
    return Faulty(content=graph.patched(), where=graph.name(layer.weights))


@fault("epsilon_other", "weights", "low", "wrong_checkpoint")
def epsilon_other(good: Good) -> bytes:
    """Batch normalisation was folded into channels with another epsilon."""
    graph, generator = good.graph(), np.random.default_rng(SEED)
    for layer in graph.layers()[:-1]:
        variance = np.exp(generator.normal(-5.0, 1.5, len(by_channel(graph, layer))))
        factor = np.sqrt((variance + 1e-3) / (variance + 1e-5))
        if is_scaled(graph, layer):
            for tensor in (layer.weights, layer.bias):
                if tensor is not None and is_integer(graph, tensor):
                    graph.scales(tensor)[0][...] *= factor.astype(np.float32)
        elif not is_integer(graph, layer.weights):
            weights = real(graph, layer)
            store(graph, layer, weights * factor.reshape(-1, *(1 for _ in weights.shape[1:])))
    return graph.patched()


def _first(graph: Graph) -> int:
    layer = graph.layers()[0]
    if graph.values(layer.weights).shape[-1] != 3:
        raise NotApplicableError("the first layer does not take the image's channels")
    return layer.weights


def _redrawn(good: Good, which: slice) -> bytes:
    """Return the variant with weights of some layers replaced by others of like mean and spread."""
    graph = good.graph()
    for layer in graph.layers()[which]:
        values = graph.values(layer.weights)
        own = values.astype(np.float32)
        drawn = np.random.default_rng(SEED).normal(own.mean(), own.std(), values.shape)
        values[...] = np.clip(drawn, own.min(), own.max()).astype(values.dtype)
    return graph.patched()


def _least(values: Array) -> float:
    """Return the integer that has no counterpart of opposite sign; minus infinity for floats."""
    return float(np.iinfo(values.dtype).min) if values.dtype.kind == "i" else -np.inf


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


@graph_fault("biases_zeroed", "bias", "high", "damaged_tensor")
def biases_zeroed(graph: Graph) -> None:
    """All biases are 0, as if they had been left out."""
    for _, values in _biased(graph):
        values[...] = 0


@graph_fault("biases_negated", "bias", "high", "damaged_tensor")
def biases_negated(graph: Graph) -> None:
    """All biases have the opposite sign."""
    for _, values in _biased(graph):
        values[...] = -values


@graph_fault("biases_shuffled", "bias", "high", "damaged_tensor")
def biases_shuffled(graph: Graph) -> None:
    """Every layer's biases are in another order."""
    generator = np.random.default_rng(BIAS_SEED)
    for _, values in _biased(graph):
        values[...] = generator.permutation(values)


@graph_fault("bias_of_one_class", "bias", "high", "damaged_tensor")
def bias_of_one_class(graph: Graph) -> None:
    """One class of the last layer has a bias that outweighs all others."""
    values = graph.values(_biased(graph)[-1][0].bias or 0)
    largest = np.abs(values.astype(np.float64)).max()
    values[0] = min(50 * largest, 2.0**30)


@graph_fault("normalisation_lost", "bias", "high", "damaged_tensor")
def normalisation_lost(graph: Graph) -> None:
    """Weights and biases lack the factor per channel by which folding multiplies them."""
    changed = 0
    for layer in graph.layers():
        tensor = graph.main.tensors[layer.weights]
        quantization = tensor.quantization
        per_channel = quantization is not None and quantization.scale is not None
        if per_channel and len(quantization.scale) > 1:
            quantization.scale[...] = np.exp(np.log(quantization.scale).mean())
            changed += 1
        elif tensor.type == graph.schema.TensorType.FLOAT32:
            values = graph.values(layer.weights)
            rest = tuple(n for n in range(values.ndim) if n != channel_axis(layer))
            spread = np.maximum(values.std(axis=rest, keepdims=True), 1e-9)
            values[...] = values / spread * spread.mean()
            changed += 1
    if not changed:
        raise NotApplicableError("no weights have a factor per channel")
