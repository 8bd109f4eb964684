"""Faults of outputs that are neither classes nor boxes, each of the tasks that it can happen to."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgeq.diagnosis.reading import COLUMN_ORDER, MAP_SHIFT, NOT_NORMALISED
from edgeq.faults.fault import STORED, Faulty, NotApplicableError, fault
from edgeq.faults.good import Good
from edgeq.faults.graph import Graph, Layer
from edgeq.faults.heads import moved
from edgeq.faults.rewiring import (
    activation,
    exchanged,
    insert_before,
    makers,
    name_of,
    replace,
    shape_of,
    takers,
)
from edgeq.judge.tensors import ONE_SCALE
from edgeq.measure.tasks.points import VALUES_PER_POINT
from edgeq.pipeline.task_measures import options_of

SEED = 27
SHIFTED_BY = 0.5
"""Share of a value's standard deviation by which values are shifted."""

SHIFT_DIVISOR = 32
"""Part of a map's shorter side by which it is shifted."""

MIN_STEP_RATIO = 8.0
"""Minimum factor between the steps of two outputs of unlike range."""

_KEEPING = frozenset(
    {
        *("RESHAPE", "SQUEEZE", "EXPAND_DIMS", "DEQUANTIZE", "QUANTIZE", "CAST"),
        *("LOGISTIC", "SOFTMAX", "TANH", "RELU", "RELU6", "L2_NORMALIZATION", "MUL", "DIV"),
        *("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "MEAN", "AVERAGE_POOL_2D"),
    }
)
"""Operators that leave the order of values or channels as it is."""


def judged_output(good: Good, graph: Graph) -> int:
    """Return the index of the tensor that the task judges."""
    return int(graph.main.outputs[good.variant.reading.output])


def giving_layer(good: Good, graph: Graph) -> Layer:
    """Return the layer that gives the values or channels of the judged output, in their order.

    Raises:
        NotApplicableError: No layer gives them directly.
    """
    layers, sources = {layer.output: layer for layer in graph.layers()}, makers(graph)
    tensor = judged_output(good, graph)
    columns = shape_of(graph, tensor)[-1]
    while tensor not in layers:
        operator = sources.get(tensor)
        if operator is None or name_of(graph, operator) not in _KEEPING:
            raise NotApplicableError("no layer gives the values of the output directly")
        computed = [int(index) for index in operator.inputs if int(index) in sources]
        # A vector is scaled by its own length, which is computed from it.
        tensor = max(computed, key=lambda at: np.prod(shape_of(graph, at)), default=-1)
    layer = layers[tensor]
    if layer.name == "DEPTHWISE_CONV_2D" or len(graph.values(layer.weights)) != columns:
        raise NotApplicableError("the last layer does not give one row for each value")
    return layer


def permuted(good: Good, order: np.ndarray[Any, np.dtype[np.intp]]) -> bytes:
    """Return the variant with the values or channels of its judged output in another order."""
    graph = good.graph()
    moved(graph, giving_layer(good, graph), np.arange(order.size), order)
    return graph.patched()


@fault("values_permuted", "weights", "high", COLUMN_ORDER, tasks=("embedding",))
def valuespermuted(good: Good) -> bytes:
    """The values of the embedding are in another order."""
    count = good.variant.baseline.tensors[good.variant.reading.output].shape[-1]
    return permuted(good, np.random.default_rng(SEED).permutation(count))


@fault("points_transposed", "weights", "high", COLUMN_ORDER, tasks=("keypoints",))
def points_transposed(good: Good) -> bytes:
    """Points are given as y and x."""
    count = good.variant.baseline.tensors[good.variant.reading.output].shape[-1]
    each = options_of(good.variant).values_per_point or VALUES_PER_POINT
    if count % each:
        raise NotApplicableError("the output does not have its points one after the other")
    order = np.arange(count).reshape(-1, each)
    order[:, :2] = order[:, 1::-1].copy()
    return permuted(good, order.ravel())


@fault("picture_channels_swapped", "weights", "high", COLUMN_ORDER, tasks=("image_to_image",))
def picture_channels_swapped(good: Good) -> bytes:
    """The channels of the picture are in the reverse order."""
    count = good.variant.baseline.tensors[good.variant.reading.output].shape[-1]
    if count == 1:
        raise NotApplicableError("the picture has one channel")
    return permuted(good, np.arange(count)[::-1])


@fault("foreground_swapped", "weights", "high", "label_order", tasks=("segmentation",))
def foreground_swapped(good: Good) -> bytes:
    """Foreground and background are swapped."""
    graph = good.graph()
    layer = giving_layer(good, graph)
    if len(graph.values(layer.weights)) != 1:
        raise NotApplicableError("the map has more than one channel")
    for tensor in (layer.weights, layer.bias):
        if tensor is not None:
            values = graph.values(tensor)
            values[...] = -values
    if graph.dtype(layer.output) == "int8":  # its range is mirrored too
        points = graph.scales(layer.output)[1]
        points[...] = -1 - points
    return graph.patched()


@fault("dimension_dead", "weights", "low", "damaged_tensor", tasks=("embedding",))
def dimension_dead(good: Good) -> Faulty:
    """One value of the embedding is the same for every sample."""
    graph = good.graph()
    layer = giving_layer(good, graph)
    values = graph.values(layer.weights)
    sizes = np.abs(values.reshape(len(values), -1).astype(np.float64)).sum(axis=1)
    values[int(sizes.argmax())] = 0
    return Faulty(content=graph.patched(), where=graph.name(layer.weights))


@fault("not_normalised", "graph", "medium", NOT_NORMALISED, tasks=("embedding",))
def not_normalised(good: Good) -> bytes:
    """The embedding is not scaled to the length 1."""
    graph = good.graph()
    sources, tensor = makers(graph), judged_output(good, graph)
    keeping = {"DEQUANTIZE", "QUANTIZE", "RESHAPE"}
    while tensor in sources and name_of(graph, sources[tensor]) in keeping:
        tensor = int(sources[tensor].inputs[0])
    scaling = sources.get(tensor)
    if scaling is None or name_of(graph, scaling) not in {"L2_NORMALIZATION", "MUL", "DIV"}:
        raise NotApplicableError("the graph does not scale the embedding in the end")
    replace(graph, tensor, int(scaling.inputs[0]))
    graph.main.operators = [
        operator for operator in graph.main.operators if operator is not scaling
    ]
    return graph.packed()


@fault("map_shifted", "graph", "medium", MAP_SHIFT, tasks=("segmentation", "image_to_image"))
def map_shifted(good: Good) -> bytes:
    """The map lies some pixels too far down and to the right."""
    graph = good.graph()
    output = judged_output(good, graph)
    shape, maker = shape_of(graph, output), makers(graph).get(output)
    if len(shape) < 3 or maker is None:
        raise NotApplicableError("the output is not a map of rows and columns")
    by = max(2, min(shape[1:3]) // SHIFT_DIVISOR)
    inner = activation(graph, output, "before_shift")
    wide = activation(
        graph, output, "shifted", (shape[0], shape[1] + by, shape[2] + by, *shape[3:])
    )
    sides = np.zeros((len(shape), 2), np.int32)
    sides[1:3, 0] = by
    amounts = graph.add_tensor(output, "shift/sides", "int32", sides)
    begin = graph.add_tensor(output, "shift/begin", "int32", np.zeros(len(shape), np.int32))
    size = graph.add_tensor(output, "shift/size", "int32", np.array(shape, np.int32))
    maker.outputs = exchanged(maker.outputs, output, inner)
    for operator in takers(graph)[output]:
        operator.inputs = exchanged(operator.inputs, output, inner)
    graph.main.operators += [
        graph.operator("PAD", [inner, amounts], [wide], "PadOptions"),
        graph.operator("SLICE", [wide, begin, size], [output], "SliceOptions"),
    ]
    return graph.packed()


@fault("values_shifted", "bias", "medium", "damaged_tensor", tasks=("keypoints", "regression"))
def values_shifted(good: Good) -> bytes:
    """All values are too large by half of their standard deviation."""
    graph = good.graph()
    layer = giving_layer(good, graph)
    if layer.bias is None:
        raise NotApplicableError("the last layer has no bias")
    rows = good.variant.baseline.tensors[good.variant.reading.output].rows[:, :]
    bias = graph.values(layer.bias)
    more = SHIFTED_BY * rows.astype(np.float64).std(axis=0).reshape(bias.shape)
    if graph.dtype(layer.bias) == "int32":
        more = np.rint(more / graph.scales(layer.bias)[0])
    bias[...] = bias + more.astype(bias.dtype)
    return graph.patched()


@fault("head_dead", "weights", "high", "damaged_tensor")
def head_dead(good: Good) -> Faulty:
    """One of several outputs is the same for every sample."""
    if good.variant.detects or len(good.graph().main.outputs) == 1:
        raise NotApplicableError("the model does not have several outputs beside boxes")
    graph = good.graph()
    last = graph.last_layers
    if len(last) < 2:  # one head for all outputs
        raise NotApplicableError("the outputs do not have layers of their own")
    graph.values(last[-1].weights)[...] = 0
    return Faulty(content=graph.patched(), where=graph.name(last[-1].weights))


@fault("outputs_share_scale", "graph", "high", ONE_SCALE, shown_by=STORED)
def outputs_share_scale(good: Good) -> bytes:
    """All outputs have the scale of the one with the widest range."""
    graph, sources = good.graph(), makers(good.graph())
    if good.variant.detects or len(graph.main.outputs) == 1:
        raise NotApplicableError("the model does not have several outputs beside boxes")
    stored = []
    for output in map(int, graph.main.outputs):
        maker = sources.get(output)
        leaving = maker is not None and name_of(graph, maker) == "DEQUANTIZE"
        tensor = int(maker.inputs[0]) if leaving else output  # type: ignore[union-attr]
        if graph.dtype(tensor) != "int8":
            raise NotApplicableError("the outputs are not quantized")
        stored.append(tensor)
    steps = [float(graph.scales(tensor)[0][0]) for tensor in stored]
    widest = stored[int(np.argmax(steps))]
    if max(steps) < MIN_STEP_RATIO * min(steps):
        raise NotApplicableError("the outputs have like ranges")
    sources = makers(graph)
    for tensor in dict.fromkeys(stored):
        if tensor == widest:
            continue
        own = activation(graph, tensor, "own_scale")
        graph.main.tensors[tensor].quantization = graph.main.tensors[widest].quantization
        maker = sources[tensor]
        maker.outputs = exchanged(maker.outputs, tensor, own)
        requantize = graph.operator("QUANTIZE", [own], [tensor])
        place = next(iter(takers(graph)[tensor]), None)
        if place is None:
            graph.main.operators.append(requantize)
        else:
            insert_before(graph, place, requantize)
    return graph.packed()
