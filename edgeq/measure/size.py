"""The size of a model's file, plain and compressed, what its bytes are used for, and its zeros."""

from __future__ import annotations

import zlib
from collections import Counter
from pathlib import Path

import msgspec
import numpy as np

from edgeq.errors import ModelError, reason_of
from edgeq.tflite.constants import Constants, along_axis
from edgeq.tflite.model_file import ModelFile, Tensor
from edgeq.tflite.wiring import Wiring

_CHUNK_BYTES = 1 << 20
_GZIP_LEVEL = 6
_GZIP_WRAPPER = 31  # zlib's code for a gzip header, without a name and with the time 0


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes of a model's file.

    Attributes:
        bytes: Size of the file in bytes; smaller is better.
        gzip_bytes: Bytes after gzip -6, which a download or an over-the-air update costs.
        parts: Bytes by use: ``"weights TYPE"``, ``"biases"``, ``"constants"`` (all other constant
            tensors), ``"quantization parameters"``, ``"metadata"`` and ``"graph"`` (everything
            else). They add up to ``bytes``.
    """

    bytes: int
    gzip_bytes: int
    parts: dict[str, int]

    def reduction(self, baseline: Size) -> float:
        """Return the share of the baseline's bytes that this file saves; negative if it grew."""
        return 1.0 - self.bytes / baseline.bytes


def measure_size(model: ModelFile) -> Size:
    """Measure a model's file.

    Raises:
        ModelError: The file can't be read, or its parts claim more bytes than it has.
    """
    return Size(bytes=model.bytes, gzip_bytes=gzip_bytes(model.path), parts=_parts(model))


def gzip_bytes(path: Path) -> int:
    """Return the size of a file after gzip -6, which depends on its content only.

    Raises:
        ModelError: The file can't be read.
    """
    compressor = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_WRAPPER)
    total = 0
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                total += len(compressor.compress(chunk))
    except OSError as error:
        raise ModelError(f"can't be read: {reason_of(error)}", where=path) from error
    return total + len(compressor.flush())


def _parts(model: ModelFile) -> dict[str, int]:
    role_of: dict[int, str] = {}  # by buffer, so that shared data counts once
    for layer in Wiring(model).compute:
        if layer.bias is not None:
            role_of.setdefault(layer.bias.tensor.buffer, "biases")
        if layer.weights is not None:
            role_of[layer.weights.tensor.buffer] = f"weights {layer.weights.tensor.dtype}"
    parts: Counter[str] = Counter()
    counted: set[int] = set()
    for tensor in model.tensors:
        parts["quantization parameters"] += tensor.quantization_bytes
        if tensor.data_bytes and tensor.buffer not in counted:
            counted.add(tensor.buffer)
            parts[role_of.get(tensor.buffer, "constants")] += tensor.data_bytes
    parts["metadata"] += model.metadata_bytes
    rest = model.bytes - parts.total()
    if rest < 0:
        raise ModelError(
            f"its parts add up to {-rest} bytes more than the file has",
            where=model.path,
            remedy="Rebuild the model; the file is damaged or its parts overlap",
        )
    parts["graph"] = rest
    return {name: size for name, size in sorted(parts.items()) if size or name == "graph"}


class Sparsity(msgspec.Struct, frozen=True, kw_only=True):
    """Zeros among the stored weights of a file.

    Zeros make a download smaller (``Size.gzip_bytes``). They make the file smaller, and XNNPACK
    faster, only if its tensors are encoded sparsely.

    Attributes:
        weights: Number of stored weights.
        zeros: Number of stored weights that represent 0.
        encoded: Number of sparsely encoded tensors of weights, whose zeros are not counted.
    """

    weights: int
    zeros: int
    encoded: int

    @property
    def share(self) -> float:
        """Share of the weights that are zero."""
        return self.zeros / self.weights if self.weights else 0.0


def sparsity(model: ModelFile) -> Sparsity:
    """Count the zeros of a file's weights.

    Raises:
        ModelError: The file can't be read.
    """
    constants = Constants(model)
    stored = {
        layer.weights.tensor.buffer: layer.weights.tensor
        for layer in Wiring(model).compute
        if layer.weights is not None
    }
    dense = [tensor for tensor in stored.values() if tensor.layout is None]
    return Sparsity(
        weights=sum(constants.stored(tensor).size for tensor in dense),
        zeros=sum(_zeros(constants, tensor) for tensor in dense),
        encoded=len(stored) - len(dense),
    )


def _zeros(constants: Constants, tensor: Tensor) -> int:
    points = tensor.zero_points.astype(np.float64)
    zeros = along_axis(tensor, points) if points.size else 0
    return int(np.count_nonzero(constants.stored(tensor) == zeros))
