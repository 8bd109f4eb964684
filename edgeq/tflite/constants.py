"""Constant tensors of a model, as stored and as real numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgeq.errors import ModelError
from edgeq.tflite.flatbuffer import damaged, spans
from edgeq.tflite.model_file import Blocks, ModelFile, Tensor, open_model

_PLAIN = frozenset(
    {"float32", "float64", "float16", "int8", "uint8", "int16", "int32", "int64", "bool"}
)
_PACKED_BITS = {"int4": 4, "int2": 2}


class Constants:
    """The stored data of one model's main graph.

    Raises:
        ModelError: The file is missing, truncated or damaged.
    """

    def __init__(self, model: ModelFile) -> None:
        self._path = model.path
        self._tensors = model.tensors
        self._source = open_model(model.path)
        self._spans = spans(self._source.root())

    def stored(self, tensor: Tensor) -> NDArray[np.generic]:
        """Return a constant as it is stored, in its shape.

        Packed types are unpacked to int8, and sparsely encoded values complemented by zeros.

        Raises:
            ModelError: The tensor is not a constant, is not numeric, or its size does not match its
                shape.
        """
        start, size = self._spans[tensor.buffer]
        data = self._source.data[start : start + size]
        bits = _PACKED_BITS.get(tensor.dtype)
        if bits is None and tensor.dtype not in _PLAIN:
            raise ModelError(
                f"tensor {tensor.name!r} of type {tensor.dtype} can't be read as numbers",
                where=self._path,
            )
        count = int(np.prod(tensor.shape, dtype=np.int64))
        if bits is None:
            kind = np.dtype(tensor.dtype)
            if tensor.layout is not None and len(data) % kind.itemsize == 0:
                return tensor.layout.dense(np.frombuffer(data, kind), tensor.shape, self._path)
            if count == 0 or len(data) != count * kind.itemsize:
                raise _wrong_size(self._path, tensor, len(data))
            return np.frombuffer(data, kind).reshape(tensor.shape)
        if count == 0 or len(data) != -(-count * bits // 8):
            raise _wrong_size(self._path, tensor, len(data))
        return _unpacked(np.frombuffer(data, np.uint8), bits)[:count].reshape(tensor.shape)

    def place(self, tensor: Tensor) -> tuple[int, int]:
        """Return where in the file a constant lies: its offset and its size in bytes."""
        start, size = self._spans[tensor.buffer]
        return start, size

    def real(self, tensor: Tensor) -> NDArray[np.float32]:
        """Return a constant as real numbers, by the scale of the tensor, its channel or its block.

        Raises:
            ModelError: As for ``stored``, or the scales do not fit the shape.
        """
        stored = self.stored(tensor)
        if tensor.blocks is not None:
            return self._of_blocks(tensor, tensor.blocks, stored)
        if not tensor.scales.size:
            return stored.astype(np.float32)
        scales = along_axis(tensor, tensor.scales.astype(np.float64))
        points = along_axis(tensor, tensor.zero_points.astype(np.float64), "zero points")
        return np.asarray((stored.astype(np.float64) - points) * scales, np.float32)

    def block_scales(self, tensor: Tensor) -> NDArray[np.float32]:
        """Return the scale of each block of a tensor, in their order; empty without blocks.

        Raises:
            ModelError: There is no constant with the scales.
        """
        if tensor.blocks is None:
            return np.empty(0, np.float32)
        if tensor.blocks.scales not in range(len(self._tensors)):
            raise damaged(self._path, f"the scales of tensor {tensor.name!r} do not exist")
        return self.stored(self._tensors[tensor.blocks.scales]).astype(np.float32).ravel()

    def _of_blocks(
        self, tensor: Tensor, blocks: Blocks, stored: NDArray[np.generic]
    ) -> NDArray[np.float32]:
        steps = self.block_scales(tensor).astype(np.float64)
        points = np.zeros(1)
        if blocks.zero_points in range(len(self._tensors)):
            described = self._tensors[blocks.zero_points]
            points = self.stored(described).astype(np.float64) if described.data_bytes else points
        whole = blocks.size > 0 and tensor.shape[-1] % blocks.size == 0
        if (
            not whole
            or steps.size * blocks.size != stored.size
            or points.size not in {1, steps.size}
        ):
            raise ModelError(
                f"tensor {tensor.name!r} of shape {tensor.shape} has {steps.size} scales for "
                f"blocks of {blocks.size}",
                where=self._path,
            )
        values = stored.astype(np.float64).reshape(-1, blocks.size) - points.reshape(-1, 1)
        return np.asarray((values * steps.reshape(-1, 1)).reshape(tensor.shape), np.float32)


def along_axis(
    tensor: Tensor, values: NDArray[np.float64], noun: str = "scales"
) -> NDArray[np.float64]:
    """Return per-channel values in a shape that broadcasts over the tensor.

    The noun is what an error calls them.

    Raises:
        ModelError: The number of values is neither one nor that of the channels.
    """
    if values.size == 1:
        return values.reshape(())
    fits = 0 <= tensor.axis < len(tensor.shape) and tensor.shape[tensor.axis] == values.size
    if not fits:
        raise ModelError(
            f"tensor {tensor.name!r} has {values.size} {noun}, which do not fit axis "
            f"{tensor.axis} of its shape {tensor.shape}"
        )
    return values.reshape([-1 if at == tensor.axis else 1 for at in range(len(tensor.shape))])


def _unpacked(data: NDArray[np.uint8], bits: int) -> NDArray[np.int8]:
    """Return packed signed values as int8, starting with the lowest bits of each byte."""
    shifts = np.arange(0, 8, bits, dtype=np.uint8)
    fields = (data[:, np.newaxis] >> shifts) & np.uint8((1 << bits) - 1)
    signed = fields.astype(np.int8)
    return np.where(signed >= 1 << (bits - 1), signed - (1 << bits), signed).astype(np.int8).ravel()


def _wrong_size(path: Path, tensor: Tensor, size: int) -> ModelError:
    return damaged(
        path, f"tensor {tensor.name!r} of shape {tensor.shape} is stored in {size} bytes"
    )
