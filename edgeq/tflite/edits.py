"""Small edits of a model's bytes, applied when the model is loaded.

A quantized softmax output has 256 steps of 1/256, so with many classes most probabilities are 0 and
ties abound. The tensor that feeds the softmax is more informative, and a runtime returns it if the
file lists it among its outputs.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgeq.errors import ModelError
from edgeq.tflite.constants import Constants
from edgeq.tflite.flatbuffer import Table
from edgeq.tflite.model_file import Operator, Tensor, open_model, read_model
from edgeq.tflite.wiring import COMPUTE, Wiring

Edit = tuple[int, bytes]

_BIASES = ("int32", "int64")


def outputs_edits(path: Path, tensors: Sequence[int]) -> tuple[Edit, ...]:
    """Return the edits that add tensors to the outputs of the main graph.

    The new vector of outputs is appended at the file's aligned end, and the main subgraph's field
    is pointed at it. Nothing else in the file changes.

    Returns:
        Pairs of an offset and the bytes to write there (at the file's length they are appended);
        empty if the tensors are outputs already.

    Raises:
        ModelError: The file is missing, not a model, truncated or damaged, or lacks one of the
            tensors.
    """
    model = read_model(path)
    if any(not 0 <= index < len(model.tensors) for index in tensors):
        raise ModelError(f"has the tensors 0 to {len(model.tensors) - 1} only", where=path)
    outputs = tuple(dict.fromkeys((*model.outputs, *tensors)))
    source = open_model(path)
    place = source.root().tables(2)[0].place(2)
    if outputs == model.outputs or place is None:  # a model with outputs has the field
        return ()
    length = len(source.data)
    padding = -length % 4
    vector = struct.pack(f"<I{len(outputs)}i", len(outputs), *outputs)
    return (
        (place, struct.pack("<I", length + padding - place)),
        (length, bytes(padding) + vector),
    )


def ranges_edits(path: Path, ranges: Mapping[int, tuple[float, int]]) -> tuple[Edit, ...]:
    """Return the edits that give activations other scales and zero points, with matching biases.

    A stored bias counts steps of the input's scale times the weights' scales. If the input's scale
    changes, the bias's integers and scales must change too.

    Raises:
        ModelError: The file can't be read, a tensor is a constant or lacks a single scale and zero
            point, or a bias can't be adapted because layers share it or its type or scales are
            unusual.
    """
    model = read_model(path)
    for index in ranges:
        if model.tensors[index].data_bytes:
            raise ModelError(f"{model.tensors[index].name!r} is a constant", where=path)
    described = open_model(path).root().tables(2)[0].tables(0)
    edits = [
        edit
        for index, (scale, zero_point) in ranges.items()
        for edit in quantization_edits(path, described[index], index, scale, zero_point)
    ]
    wiring, constants = Wiring(model), Constants(model)
    layers = {layer.operator: layer for layer in wiring.layers}
    users = Counter(
        compute.bias.tensor.buffer
        for compute in wiring.compute
        if compute.bias and compute.bias.tensor.data_bytes
    )
    for compute in wiring.compute:
        activation = _activation(compute.operator)
        if compute.bias is None or activation not in ranges:
            continue
        bias = compute.bias.tensor
        stored = constants.stored(bias)
        if not stored.any():  # zero in any steps
            continue
        layer = layers.get(compute.operator.index)
        if layer is None or bias.dtype not in _BIASES or users[bias.buffer] > 1:
            raise ModelError(
                f"bias {bias.name!r} can't be adapted to its layer's input", where=path
            )
        steps = ranges[activation][0] * layer.weights.scales.astype(np.float64)
        if bias.scales.size not in {1, steps.size} or steps.size not in {1, stored.size}:
            raise ModelError(f"bias {bias.name!r} has the wrong number of scales", where=path)
        if not (steps > 0).all():
            raise ModelError(f"bias {bias.name!r} can't be counted in steps of 0", where=path)
        start, _ = constants.place(bias)
        edits.append((start, _counted(bias, stored, steps)))
        edits.extend(_scales_edits(described[bias.index], steps))
    return tuple(edits)


def quantization_edits(
    path: Path, described: Table, tensor: int, scale: float, zero_point: int
) -> tuple[Edit, ...]:
    """Return the edits that give a tensor another scale and zero point, and nothing else.

    Raises:
        ModelError: The tensor lacks a single scale and zero point.
    """
    quantization = described.table(4)
    scales, points = (0, 0), (0, 0)
    if quantization is not None:
        scales, points = quantization.vector(2, 4), quantization.vector(3, 8)
    if scales[1] != 1 or points[1] != 1:
        raise ModelError(f"tensor {tensor} lacks a single scale and zero point", where=path)
    return (
        (scales[0], struct.pack("<f", scale)),
        (points[0], struct.pack("<q", zero_point)),
    )


def _activation(operator: Operator) -> int:
    """Return the index of the activation that a compute operator takes; -1 without one."""
    position = COMPUTE[operator.name].activation
    return operator.inputs[position] if position < len(operator.inputs) else -1


def _counted(bias: Tensor, stored: NDArray[np.generic], steps: NDArray[np.float64]) -> bytes:
    """Return a bias's integers, counted in other steps and limited to its type."""
    real = stored.astype(np.float64).ravel() * bias.scales.astype(np.float64)
    ends = np.iinfo(bias.dtype)
    return np.clip(np.rint(real / steps), ends.min, ends.max).astype(bias.dtype).tobytes()


def _scales_edits(described: Table, scales: NDArray[np.float64]) -> tuple[Edit, ...]:
    """Return the edit that writes a tensor's scales, as many as it has; none without any."""
    quantization = described.table(4)
    if quantization is None:
        return ()
    start, count = quantization.vector(2, 4)
    return ((start, np.resize(scales, count).astype("<f4").tobytes()),)


def apply_edits(data: bytes, edits: tuple[Edit, ...]) -> bytes:
    """Return a model's bytes with edits applied."""
    edited = bytearray(data)
    for offset, replacement in edits:
        edited[offset : offset + len(replacement)] = replacement
    return bytes(edited)
