"""The greatest size that a file with quantized weights needs, estimated from the float file.

Weights shrink in proportion to their type. Scales, zero points, conversions between types and the
graph itself cost the same however few the weights are: in a network of a few kB they dominate.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import msgspec

from edgeq.tflite.model_file import ModelFile
from edgeq.tflite.wiring import COMPUTE, Compute, Wiring

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
