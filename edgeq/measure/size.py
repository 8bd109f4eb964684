"""The size of a model's file: its parts, and the greatest that quantized weights need.

That size is estimated from the float file. Weights shrink in proportion to their type. Scales, zero
points, conversions between types and the graph itself cost the same however few the weights are: in
a network of a few kB they dominate.
"""

from __future__ import annotations

import math
import zlib
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import msgspec
import numpy as np

from edgeq.errors import ModelError, reason_of
from edgeq.tflite.constants import Constants, along_axis
from edgeq.tflite.model_file import ModelFile, Tensor
from edgeq.tflite.wiring import COMPUTE, Compute, Wiring

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


TYPE_BITS = {"float16": 16, "int16": 16, "int8": 8, "uint8": 8, "int4": 4, "int2": 2}
_FLOATS = {"float32": 4, "float16": 2}
_BYTE, _HALF = 8, 16
_ROOM = 1536
"""Bytes that any file may need extra: names of signatures, its producer, conversions at its ends.
"""
_PER_SCALE = 12
"""Bytes of one scale and one zero point."""
_PER_TENSOR = 64
"""Bytes of the tables that hold them, for each tensor."""
_PER_PART = 192
"""Bytes of an operator that dequantizes weights, and of its tensor without the name."""


class LeastSize(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes that a file with quantized weights needs at most.

    Attributes:
        bytes: Bytes of the whole file.
        weights: Bytes of its weights.
        float_weights: Bytes of the weights in the float file.
    """

    bytes: int
    weights: int
    float_weights: int

    @property
    def others(self) -> int:
        """Bytes of everything but the weights: graph, scales, biases."""
        return self.bytes - self.weights


@dataclass(frozen=True)
class Narrower:
    """How a method stores the weights of a layer.

    Attributes:
        types: Types of the weights that the method allows; the widest counts.
        integer: Whether activations are integers. Then all weights must be integers, and
            activations and biases have scales too.
    """

    types: Collection[str]
    integer: bool

    @property
    def bits(self) -> int:
        """Bits of one weight."""
        return max((TYPE_BITS.get(dtype, 32) for dtype in self.types), default=32)


def least_size(
    baseline: ModelFile,
    every: Narrower,
    *,
    least: int = 0,
    others: Mapping[int, Narrower] = MappingProxyType({}),
) -> LeastSize:
    """Return the bytes that a float model's file needs with its weights in other types.

    Args:
        baseline: The float model.
        every: How the method stores weights.
        least: Number of elements below which weights may stay float if activations are float.
        others: How layers in units that are quantized differently store weights, by the index of
            the operator.
    """
    layers = {
        layer.weights.tensor.buffer: layer for layer in Wiring(baseline).compute if layer.weights
    }
    stored = [(layer, others.get(layer.operator.index, every)) for layer in layers.values()]
    before = sum(layer.weights.tensor.data_bytes for layer in layers.values() if layer.weights)
    after = sum(_quantized(layer, how, least) for layer, how in stored)
    scales = sum(_scales(layer, integer=how.integer) for layer, how in stored if how.bits < _HALF)
    # TensorFlow's float16 files dequantize biases by separate operators too.
    parts = [layer.weights for layer in layers.values()]
    parts += [layer.bias for layer, how in stored if how.bits == _HALF]
    converted = sum(len(part.tensor.name) + _PER_PART for part in parts if part)
    rest = baseline.bytes - before + _ROOM + scales + converted
    # A unit that is quantized differently has conversions between types at its borders.
    rest += sum(2 * (len(layer.output.name) + _PER_PART) for layer, how in stored if how != every)
    if any(how.integer for _, how in stored):
        rest += len(baseline.tensors) * (_PER_SCALE + _PER_TENSOR)
        # With int16 activations, biases have 64 bits instead of 32.
        rest += sum(layer.bias.tensor.data_bytes for layer in layers.values() if layer.bias)
    return LeastSize(bytes=rest + after, weights=after, float_weights=before)


def _quantized(layer: Compute, how: Narrower, least: int) -> int:
    """Return the bytes of a layer's weights in the narrower type, or their own if they stay."""
    if layer.weights is None:
        return 0
    tensor = layer.weights.tensor
    width = _FLOATS.get(tensor.dtype)
    if width is None:
        return tensor.data_bytes
    count = tensor.data_bytes // width
    # Depthwise convolutions have no kernels for weights of 4 or 2 bits.
    bits = how.bits
    small = not how.integer and bits < _HALF and count < least
    if small or (bits < _BYTE and layer.operator.name == "DEPTHWISE_CONV_2D"):
        return tensor.data_bytes
    return min(tensor.data_bytes, math.ceil(count * bits / _BYTE))


def _scales(layer: Compute, *, integer: bool) -> int:
    """Return the bytes of a layer's scales, one per channel for weights and, if integer, biases."""
    if layer.weights is None:
        return 0
    shape = layer.weights.tensor.shape
    axis = COMPUTE[layer.operator.name].channel_axis
    channels = shape[axis] if -len(shape) <= axis < len(shape) else 1
    return channels * _PER_SCALE * (2 if integer else 1)
