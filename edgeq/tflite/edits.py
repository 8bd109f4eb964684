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

from edgeq.errors import ModelError
from edgeq.tflite.constants import Constants
from edgeq.tflite.flatbuffer import Table, spans
from edgeq.tflite.model_file import open_model, read_model
from edgeq.tflite.wiring import COMPUTE, Wiring

Edit = tuple[int, bytes]

_ALIGNMENT = 4
_BIASES = ("int32", "int64")


def logits_edits(path: Path) -> tuple[Edit, ...]:
    """Return the edits that make the tensor before the first output's softmax the last output.

    Returns:
        Pairs of an offset and the bytes to write there (at the file's length they are appended);
        empty if neither a softmax nor a sigmoid produces the first output.

    Raises:
        ModelError: The file is missing, not a model, truncated or damaged.
    """
    model = read_model(path)
    logits = Wiring(model).logits(model.outputs[0]) if model.outputs else None
    return () if logits is None else outputs_edits(path, (logits,))


def outputs_edits(path: Path, tensors: Sequence[int]) -> tuple[Edit, ...]:
    """Return the edits that add tensors to the outputs of the main graph.

    The new vector of outputs is appended at the file's aligned end, and the main subgraph's field
    is pointed at it. Nothing else in the file changes.

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
    padding = -length % _ALIGNMENT
    vector = struct.pack(f"<I{len(outputs)}i", len(outputs), *outputs)
    return (
        (place, struct.pack("<I", length + padding - place)),
        (length, bytes(padding) + vector),
    )


def quantization_edits(path: Path, tensor: int, scale: float, zero_point: int) -> tuple[Edit, ...]:
    """Return the edits that give a tensor of the main graph another scale and zero point.

    Raises:
        ModelError: The file can't be read, or the tensor lacks a single scale and zero point.
    """
    described = open_model(path).root().tables(2)[0].tables(0)
    return _quantization_edits(path, described, tensor, scale, zero_point)


def _quantization_edits(
    path: Path, described: Sequence[Table], tensor: int, scale: float, zero_point: int
) -> tuple[Edit, ...]:
    quantization = described[tensor].table(4)
    scales, points = (0, 0), (0, 0)
    if quantization is not None:
        scales, points = quantization.vector(2, 4), quantization.vector(3, 8)
    if scales[1] != 1 or points[1] != 1:
        raise ModelError(f"tensor {tensor} lacks a single scale and zero point", where=path)
    return (
        (scales[0], struct.pack("<f", scale)),
        (points[0], struct.pack("<q", zero_point)),
    )


def ranges_edits(path: Path, ranges: Mapping[int, tuple[float, int]]) -> tuple[Edit, ...]:
    """Return the edits that give activations other scales and zero points, with matching biases.

    A stored bias counts steps of the input's scale times the weights' scales. If the input's scale
    changes, the bias's integers and scales must change too.

    Args:
        path: A ``.tflite`` file.
        ranges: Scale and zero point by the index of the tensor.

    Raises:
        ModelError: The file can't be read, a tensor is a constant or lacks a single scale and zero
            point, or a bias can't be adapted because layers share it or its type or scales are
            unusual.
    """
    model = read_model(path)
    for index in ranges:
        if model.tensors[index].data_bytes:
            raise ModelError(f"{model.tensors[index].name!r} is a constant", where=path)
    root = open_model(path).root()
    placed, described = spans(root), root.tables(2)[0].tables(0)
    edits = [
        edit
        for at, how in ranges.items()
        for edit in _quantization_edits(path, described, at, *how)
    ]
    wiring = Wiring(model)
    layers = {computing.operator: computing for computing in wiring.layers}
    users = Counter(
        computing.bias.tensor.buffer
        for computing in wiring.compute
        if computing.bias and computing.bias.tensor.data_bytes
    )
    constants = Constants(model)
    for computing in wiring.compute:
        position = COMPUTE[computing.operator.name].activation
        entry = (
            computing.operator.inputs[position] if position < len(computing.operator.inputs) else -1
        )
        if computing.bias is None or entry not in ranges:
            continue
        layer = layers.get(computing.operator.index)
        bias = computing.bias.tensor
        stored = constants.stored(bias)
        if not stored.any():
            continue
        if layer is None or bias.dtype not in _BIASES or users[bias.buffer] > 1:
            raise ModelError(
                f"bias {bias.name!r} can't be adapted to its layer's input", where=path
            )
        steps = ranges[entry][0] * layer.weights.scales.astype(np.float64)
        if bias.scales.size not in {1, steps.size} or steps.size not in {1, stored.size}:
            raise ModelError(f"bias {bias.name!r} has the wrong number of scales", where=path)
        real = stored.astype(np.float64).ravel() * bias.scales.astype(np.float64)
        ends = np.iinfo(bias.dtype)
        counted = np.clip(np.rint(real / steps), ends.min, ends.max).astype(bias.dtype)
        edits.append((placed[bias.buffer].start, counted.tobytes()))
        quantization = described[bias.index].table(4)
        if quantization is not None:
            place, count = quantization.vector(2, 4)
            edits.append((place, np.resize(steps, count).astype("<f4").tobytes()))
    return tuple(edits)


def apply_edits(data: bytes, edits: tuple[Edit, ...]) -> bytes:
    """Return a model's bytes with edits applied."""
    edited = bytearray(data)
    for offset, replacement in edits:
        edited[offset : offset + len(replacement)] = replacement
    return bytes(edited)
