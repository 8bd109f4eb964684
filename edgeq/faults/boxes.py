"""Faults of detectors: boxes elsewhere, scores cut off, heads swapped, one scale for all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec
import numpy as np

from edgeq.config.structs import DETECTION
from edgeq.errors import ModelError
from edgeq.faults.fault import RANGES, STORED, Faulty, NotApplicableError, fault
from edgeq.faults.good import Good
from edgeq.faults.graph import Graph, Layer
from edgeq.faults.heads import Rows, class_rows, moved, require_detector
from edgeq.faults.rewiring import (
    activation,
    insert_after,
    makers,
    name_of,
    operators,
    replace,
    shape_of,
)
from edgeq.judge.tensors import LOST, ONE_SCALE, ORDER
from edgeq.tflite.activations import activations
from edgeq.tflite.edits import apply_edits, ranges_edits
from edgeq.tflite.model_file import read_model

LOGIT_SHIFT = 3.0
"""Added to what a sigmoid or hyperbolic tangent turns into the place within a cell."""

SCALE_DIVISOR = 4.0
BOX = 4
_RELATIVE = frozenset({"yolov5", "yolov8"})
"""Decoders whose boxes the graph has computed, relative to the input."""


def box_rows(good: Good, graph: Graph) -> Iterator[tuple[Layer, Rows]]:
    """Yield the last layers that give boxes, with the rows of x, y, width and height of each.

    Raises:
        NotApplicableError: No layer gives exactly these four.
    """
    values = BOX + 1 + require_detector(good)
    has_boxes = False
    for layer in graph.last_layers:
        count = len(graph.values(layer.weights))
        for start in (
            range(0, count, values) if count % values == 0 else [0] if count == BOX else []
        ):
            has_boxes = True
            yield layer, np.arange(start, start + BOX)
    if not has_boxes:
        raise NotApplicableError("no layer gives x, y, width and height of boxes")


@fault("boxes_shifted", "bias", "medium", "damaged_tensor", tasks=(DETECTION,))
def boxes_shifted(good: Good) -> bytes:
    """Boxes lie up to a cell too far right."""
    graph = good.graph()
    for layer, rows in box_rows(good, graph):
        if layer.bias is None:
            raise NotApplicableError("the layer of the boxes has no bias")
        bias = graph.values(layer.bias)
        step = 1.0
        if graph.dtype(layer.bias) == "int32":
            scales = graph.scales(layer.bias)[0]
            step = float(scales[rows[0] if len(scales) > 1 else 0])
        bias[rows[0]] += np.asarray(
            np.rint(LOGIT_SHIFT / step) if step != 1 else LOGIT_SHIFT, bias.dtype
        )
    return graph.patched()


@fault("boxes_transposed", "weights", "high", "damaged_tensor", tasks=(DETECTION,))
def boxes_transposed(good: Good) -> bytes:
    """Boxes are given as y, x, height and width."""
    graph = good.graph()
    for layer, rows in box_rows(good, graph):
        moved(graph, layer, rows, rows[[1, 0, 3, 2]])
    return graph.patched()


@fault(
    "scores_clipped",
    "quantization",
    "high",
    "output_quantization",
    shown_by=RANGES,
    tasks=(DETECTION,),
)
def scores_clipped(good: Good) -> bytes:
    """The range of what becomes scores is a quarter as wide, so that high scores are cut off."""
    graph = good.graph()
    layers = {layer.output for layer, _ in class_rows(good, graph)}
    path = good.variant.path
    every = activations(read_model(path), None)
    ranges = {
        index: (float(entry.tensor.scales[0]) / SCALE_DIVISOR, int(entry.tensor.zero_points[0]))
        for entry in every
        if entry.tensor.index in layers
        for index in entry.group
    }
    if not ranges:
        raise NotApplicableError("the variant's activations are not quantized")
    try:
        return apply_edits(good.content, ranges_edits(path, ranges))
    except ModelError as error:
        raise NotApplicableError(error.what) from error


@fault("outputs_swapped", "graph", "high", ORDER)
def outputs_swapped(good: Good) -> bytes:
    """The outputs are in another order."""
    graph = good.graph()
    outputs = [int(index) for index in graph.main.outputs]
    if len(outputs) == 1:
        raise NotApplicableError("the model has a single output")
    graph.main.outputs = [*outputs[1:], outputs[0]]
    return graph.packed()


@fault("heads_swapped", "graph", "high", LOST, tasks=(DETECTION,))
def heads_swapped(good: Good) -> Faulty:
    """The output joins its heads in another order: scores are where boxes are expected."""
    require_detector(good)
    graph = good.graph()
    sources, columns = makers(graph), len(graph.main.outputs)
    pending = [int(index) for index in graph.main.outputs]
    while pending and columns == 1:
        operator = sources.get(pending.pop())
        if operator is None:
            continue
        if name_of(graph, operator) in {"DEQUANTIZE", "QUANTIZE", "RESHAPE"}:
            pending.append(int(operator.inputs[0]))
        if name_of(graph, operator) == "CONCATENATION":
            return _joined_otherwise(graph, operator)
    raise NotApplicableError("the model does not join heads into its output")


def _joined_otherwise(graph: Graph, operator: object) -> Faulty:
    inputs = [int(index) for index in operator.inputs]  # type: ignore[attr-defined]
    widths = [shape_of(graph, index)[-1] for index in inputs]
    if len(set(widths)) == 1:
        raise NotApplicableError("the output joins parts of the same kind")
    operator.inputs = [*inputs[1:], inputs[0]]  # type: ignore[attr-defined]
    return Faulty(content=graph.packed(), where=graph.name(inputs[0]))


@fault("one_scale", "graph", "high", ONE_SCALE, shown_by=STORED, tasks=(DETECTION,))
def one_scale(good: Good) -> bytes:
    """The output gives boxes in pixels on one scale with scores, which keep none of their steps."""
    require_detector(good)
    if good.variant.reading.decoder not in _RELATIVE:
        raise NotApplicableError("the outputs of this detector are not relative boxes")
    graph = good.graph()
    (output,) = (int(index) for index in graph.main.outputs)
    leaving = next(iter(operators(graph, "DEQUANTIZE")), None)
    joined = output if graph.dtype(output) in {"int8", "uint8"} else -1
    if leaving is not None and output in map(int, leaving.outputs):
        joined = int(leaving.inputs[0])
    if joined < 0 or graph.dtype(joined) not in {"int8", "uint8"}:
        raise NotApplicableError("the output is not quantized")
    return _in_pixels(graph, joined, max(good.variant.input_size), good)


def _in_pixels(graph: Graph, joined: int, side: int, good: Good) -> bytes:
    """Return the file with the boxes of a joined output multiplied by the input's side."""
    scale, zero = (float(numbers[0]) for numbers in graph.scales(joined))
    shape = shape_of(graph, joined)
    axis = 1 if good.variant.reading.decoder == "yolov8" else len(shape) - 1
    factors = np.ones([n if at == axis else 1 for at, n in enumerate(shape)], np.float32)
    factors[(slice(None),) * axis + (slice(0, BOX),)] = side
    step = side / 127
    stored = np.clip(np.rint(factors / step), 0, 127).astype(graph.dtype(joined))
    constant = graph.add_tensor(joined, "pixels", graph.dtype(joined), stored)
    graph.main.tensors[constant].quantization = _quantization(graph, step, 0)
    product = activation(graph, joined, "in_pixels")
    graph.main.tensors[product].quantization = _quantization(graph, scale * side, int(zero))
    replace(graph, joined, product)
    multiply = graph.operator("MUL", [joined, constant], [product], "MulOptions")
    insert_after(graph, makers(graph)[joined], multiply)
    return graph.packed()


def _quantization(graph: Graph, scale: float, zero: int) -> object:
    parameters = graph.schema.QuantizationParametersT()
    parameters.scale, parameters.zeroPoint = [scale], [zero]
    return parameters


@fault("letterbox", "preprocessing", "medium", "resize", tasks=(DETECTION,))
def letterbox(good: Good) -> Faulty:
    """Photographs are stretched to the input instead of being padded, or vice versa."""
    require_detector(good)
    own = good.variant.preprocessing
    other: Literal["whole", "letterbox"] = "letterbox" if own.resize == "whole" else "whole"
    return Faulty(preprocessing=msgspec.structs.replace(own, resize=other))
