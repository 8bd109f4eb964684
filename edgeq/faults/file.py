"""Faults in the file: damaged, another model's, or not what it claims to be."""

from __future__ import annotations

import numpy as np

from edgeq.faults.fault import STORED, NotApplicableError, fault
from edgeq.faults.good import Good
from edgeq.faults.graph import Graph, graph_fault

SEED = 25
FLIPS = 40
_GRAPH_START = 64


@fault("cut_short", "file", "high", "damaged_file")
def cut_short(good: Good) -> bytes:
    """The last tenth of the file is missing, as after an interrupted copy."""
    return good.content[: len(good.content) * 9 // 10]


@fault("cut_in_half", "file", "high", "damaged_file")
def cut_in_half(good: Good) -> bytes:
    """The second half of the file is missing."""
    return good.content[: len(good.content) // 2]


@fault("graph_bits_flipped", "file", "high", "damaged_file")
def graph_bits_flipped(good: Good) -> bytes:
    """Some bits of the graph's description are flipped."""
    base = good.content
    data = np.frombuffer(base, np.uint8).copy()
    places = np.arange(_GRAPH_START, len(data))
    for buffer in good.graph().model.buffers:  # leave out stored numbers: only tables remain
        if buffer.data is not None and len(buffer.data) > _GRAPH_START:
            start = base.find(buffer.data.tobytes())
            places[start - _GRAPH_START : start - _GRAPH_START + len(buffer.data)] = 0
    places = places[places > 0]
    chosen = np.random.default_rng(SEED).choice(places, FLIPS, replace=False)
    data[chosen] ^= np.uint8(0x40)
    return data.tobytes()


@graph_fault("weight_bits_flipped", "file", "high", "damaged_tensor", shown_by=STORED)
def weight_bits_flipped(graph: Graph) -> None:
    """One weight in twenty has its highest bit flipped."""
    generator = np.random.default_rng(SEED)
    for layer in graph.layers():
        values = graph.values(layer.weights).reshape(-1)
        width = values.dtype.itemsize
        chosen = generator.choice(values.size, -(-values.size // 20), replace=False)
        values.view(np.uint8)[chosen * width + width - 1] ^= np.uint8(0x80)


@fault("unquantized", "file", "high", "wrong_types")
def unquantized(good: Good) -> bytes:
    """The file is the float model under the variant's name."""
    return good.baseline


@fault("another_model", "file", "high", "wrong_checkpoint")
def another_model(good: Good) -> bytes:
    """The file is another, much smaller network with the same input and output."""
    graph = good.graph()
    last = graph.layers()[-1]
    source = int(graph.main.inputs[0])
    while (first := graph.layers()[0]).input != source:
        source = first.input
    channels = graph.main.tensors[source].shape[-1]
    weights = graph.values(last.weights)
    shape = (len(weights), *(1 for _ in weights.shape[1:-1]), int(channels))
    if last.name != "FULLY_CONNECTED":
        raise NotApplicableError("the last layer is not a FULLY_CONNECTED")
    drawn = np.random.default_rng(SEED).normal(0, 30, shape)
    data = graph.add_tensor(
        last.weights,
        "other/weights",
        graph.dtype(last.weights),
        np.clip(drawn, -127, 127).astype(weights.dtype),
    )
    graph.main.tensors[data].quantization = graph.main.tensors[last.weights].quantization
    axes = graph.add_tensor(source, "other/axes", "int32", np.array([1, 2], np.int32))
    pooled = graph.add_tensor(last.input, "other/features", graph.dtype(source))
    graph.main.tensors[pooled].shape = [1, int(channels)]
    graph.main.tensors[pooled].shapeSignature = None
    graph.main.tensors[pooled].quantization = graph.main.tensors[source].quantization
    mean = graph.operator("MEAN", [source, axes], [pooled], "ReducerOptions")
    dense = graph.main.operators[last.operator]
    dense.inputs = [pooled, data]
    before = [each for each in graph.main.operators[: first.operator] if source in each.outputs]
    graph.main.operators = [*before, mean, *graph.main.operators[last.operator :]]
    return graph.packed()


@fault("float_island", "file", "medium", "wrong_types")
def float_island(good: Good) -> bytes:
    """One convolution computes in float between quantized ones."""
    graph = good.graph()
    layer = graph.middle("CONV_2D")
    if graph.dtype(layer.output) != "int8" or graph.dtype(layer.input) != "int8":
        raise NotApplicableError("the variant's activations are not int8")
    entry = graph.add_tensor(layer.input, "island/input", "float32")
    result = graph.add_tensor(layer.output, "island/output", "float32")
    stored = [_as_float(graph, tensor) for tensor in (layer.weights, layer.bias)]
    operators = list(graph.main.operators)
    convolution = operators[layer.operator]
    convolution.inputs, convolution.outputs = [entry, *stored], [result]
    operators.insert(layer.operator, graph.operator("DEQUANTIZE", [layer.input], [entry]))
    operators.insert(layer.operator + 2, graph.operator("QUANTIZE", [result], [layer.output]))
    graph.main.operators = operators
    return graph.packed()


def _as_float(graph: Graph, tensor: int | None) -> int:
    if tensor is None:
        return -1
    values, (scale, points) = graph.values(tensor), graph.scales(tensor)
    shape = (len(scale), *(1 for _ in values.shape[1:]))
    real = (values.astype(np.float32) - points.reshape(shape)) * scale.reshape(shape)
    name = f"island/{graph.main.tensors[tensor].name}"
    return graph.add_tensor(tensor, name, "float32", real.astype(np.float32))
