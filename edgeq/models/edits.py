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
from edgeq.models.model_file import ModelFile, open_model, read_model

Edit = tuple[int, bytes]

_SOFTMAX = "SOFTMAX"
_CHANGES_TYPE_ONLY = frozenset({"QUANTIZE", "DEQUANTIZE"})
_ALIGNMENT = 4


def logits_edits(path: Path) -> tuple[Edit, ...]:
    """Return the edits that make the tensor before the final softmax a second output.

    The new vector of outputs goes to the file's aligned end and the main subgraph's field is
    pointed at it; nothing else of the file changes.

    Returns:
        Pairs of an offset and the bytes to write there (the file's length appends), or nothing
        when the first output is not made by a softmax. The runtime then lists the outputs as
        probabilities, logits, and what further ones there were.

    Raises:
        ModelError: The file is missing, not a model, truncated or damaged.
    """
    model = read_model(path)
    logits = logits_tensor(model)
    return () if logits is None else _outputs_edits(model, (logits,), after=1)


def outputs_edits(path: Path, tensors: Sequence[int]) -> tuple[Edit, ...]:
    """Return the edits that make tensors outputs, behind those that the main graph has.

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
    return _outputs_edits(model, tensors, after=len(model.outputs))


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


def _outputs_edits(model: ModelFile, tensors: Sequence[int], *, after: int) -> tuple[Edit, ...]:
    """Return the edits that put tensors behind the first outputs, without saying any twice."""
    outputs = tuple(dict.fromkeys((*model.outputs[:after], *tensors, *model.outputs[after:])))
    source = open_model(model.path)
    place = source.root().tables(2)[0].place(2)
    if place is None:  # a model with outputs has the field
        return ()
    length = len(source.data)
    padding = -length % _ALIGNMENT
    vector = struct.pack(f"<I{len(outputs)}i", len(outputs), *outputs)
    return (
        (place, struct.pack("<I", length + padding - place)),
        (length, bytes(padding) + vector),
    )


def logits_tensor(model: ModelFile) -> int | None:
    """Return the index of the tensor that feeds the softmax of the first output, if there is one.

    Operators after the softmax that change the type alone are looked through.
    """
    if not model.outputs:
        return None
    makers = {index: one for one in model.operators for index in one.outputs}
    tensor = model.outputs[0]
    for _ in model.operators:
        maker = makers.get(tensor)
        if maker is None or not maker.inputs:
            return None
        if maker.name == _SOFTMAX:
            return maker.inputs[0] if maker.inputs[0] >= 0 else None
        if maker.name not in _CHANGES_TYPE_ONLY:
            return None
        tensor = maker.inputs[0]
    return None


def apply_edits(data: bytes, edits: tuple[Edit, ...]) -> bytes:
    """Return a model's bytes with edits applied."""
    edited = bytearray(data)
    for offset, replacement in edits:
        edited[offset : offset + len(replacement)] = replacement
    return bytes(edited)
