"""The layers that give a model's classes and boxes, and the rows of their weights."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from edgeq.faults.fault import NotApplicableError
from edgeq.faults.good import Good
from edgeq.faults.graph import Array, Graph, Layer

Rows = npt.NDArray[np.intp]


_BESIDE_CLASSES = 5
"""Values of a box besides its classes: its place, its size and an objectness."""


def require_detector(good: Good) -> int:
    """Return the number of classes of a detector.

    Raises:
        NotApplicableError: It is not one.
    """
    if not good.variant.detects:
        raise NotApplicableError("the model is not a detector")
    return good.variant.reading.classes


def classes_of(good: Good) -> int:
    """Return the number of classes of a classifier or detector, or of labels or classes of a map.

    Raises:
        NotApplicableError: It has none.
    """
    variant = good.variant
    if variant.detects:
        return variant.reading.classes
    if variant.classifies:
        return int(variant.predictions.scores.shape[1])
    shape = variant.baseline.tensors[variant.reading.output].shape
    of_map = variant.reading.task == "segmentation" and len(shape) == 3
    if variant.reading.task == "multilabel" or (of_map and shape[-1] > 1):
        return shape[-1]
    raise NotApplicableError("the model has no classes")


def class_rows(good: Good, graph: Graph) -> Iterator[tuple[Layer, Rows]]:
    """Yield the layers that give class scores, with the rows of one set of classes each.

    Raises:
        NotApplicableError: No layer gives the classes.
    """
    classes, has_classes = classes_of(good), False
    block = _BESIDE_CLASSES + classes
    for layer in graph.last_layers:
        rows, starts = len(graph.values(layer.weights)), list[int]()
        if layer.name != "DEPTHWISE_CONV_2D" and classes > 1:
            if rows == classes or (rows > classes and good.variant.classifies):
                starts = [0]
            elif good.variant.detects and rows % block == 0:
                starts = list(range(_BESIDE_CLASSES, rows, block))
        for start in starts:
            has_classes = True
            yield layer, np.arange(start, start + classes)
    if not has_classes:
        raise NotApplicableError("the last layer does not give the classes")


def moved(graph: Graph, layer: Layer, rows: Rows, sources: Rows) -> None:
    """Give rows of a layer what others have: weights, bias, and scales of each row."""
    values = graph.values(layer.weights)
    parts: list[Array] = [values]
    if layer.bias is not None:
        parts.append(graph.values(layer.bias))
    for tensor in (layer.weights, layer.bias):
        quantization = None if tensor is None else graph.main.tensors[tensor].quantization
        if quantization is not None:
            numbers = quantization.scale, quantization.zeroPoint
            parts += [array for array in numbers if array is not None]
    for part in parts:
        if len(part) == len(values):
            part[rows] = part[sources].copy()
