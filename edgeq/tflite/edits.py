"""Small edits of a model's bytes, applied where the model is loaded.

A quantized softmax output has 256 steps of 1/256, so with many classes most probabilities are 0
and ties abound. The tensor that feeds the softmax says more, and a runtime hands it out when the
file lists it among its outputs.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

from edgeq.errors import ModelError
from edgeq.tflite.model_file import open_model, read_model
from edgeq.tflite.wiring import Wiring

Edit = tuple[int, bytes]

_ALIGNMENT = 4


def logits_edits(path: Path) -> tuple[Edit, ...]:
    """Return the edits that make the tensor before the first output's softmax the last output.

    Returns:
        Pairs of an offset and the bytes to write there (the file's length appends), or nothing
        if the first output is made by neither a softmax nor a sigmoid.

    Raises:
        ModelError: The file is missing, not a model, truncated or damaged.
    """
    model = read_model(path)
    logits = Wiring(model).logits(model.outputs[0]) if model.outputs else None
    return () if logits is None else outputs_edits(path, (logits,))


def outputs_edits(path: Path, tensors: Sequence[int]) -> tuple[Edit, ...]:
    """Return the edits that make tensors outputs, behind those that the main graph has.

    The new vector of outputs goes to the file's aligned end and the main subgraph's field is
    pointed at it; nothing else of the file changes.

    Args:
        path: A ``.tflite`` file.
        tensors: Indices of tensors, for example of what layers compute. Those that are outputs
            already are not repeated.

    Raises:
        ModelError: The file is missing, not a model, truncated or damaged; or a tensor is none of
            its own.
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
        ModelError: The file can't be read, or the tensor has not one scale and one zero point.
    """
    described = open_model(path).root().tables(2)[0].tables(0)[tensor].table(4)
    scales, points = (0, 0), (0, 0)
    if described is not None:
        scales, points = described.vector(2, 4), described.vector(3, 8)
    if scales[1] != 1 or points[1] != 1:
        raise ModelError(f"tensor {tensor} has not one scale and one zero point", where=path)
    return (
        (scales[0], struct.pack("<f", scale)),
        (points[0], struct.pack("<q", zero_point)),
    )


def apply_edits(data: bytes, edits: tuple[Edit, ...]) -> bytes:
    """Return a model's bytes with edits applied."""
    edited = bytearray(data)
    for offset, replacement in edits:
        edited[offset : offset + len(replacement)] = replacement
    return bytes(edited)
