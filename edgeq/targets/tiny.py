"""Two tiny models with exactly known outputs: one convolution, in float32 and in int8.

Pixels and weights are small integers, so that every sum is exact in float32 in whatever order a
kernel adds. The int8 output has a step of 1, so that nothing is rounded either.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Arithmetic = Literal["float32", "int8"]

SIZE, CHANNELS, FILTERS, KERNEL = 32, 3, 16, 3
LARGEST_PIXEL = 4
_SEED = 20_261_129


def pixels() -> npt.NDArray[np.uint8]:
    """Return one image, uint8 ``(1, SIZE, SIZE, CHANNELS)``, of values up to ``LARGEST_PIXEL``."""
    shape = (1, SIZE, SIZE, CHANNELS)
    return np.random.default_rng(_SEED).integers(0, LARGEST_PIXEL + 1, shape, dtype=np.uint8)


def weights() -> npt.NDArray[np.int8]:
    """Return filters of -1, 0 and 1, int8 ``(FILTERS, KERNEL, KERNEL, CHANNELS)``."""
    shape = (FILTERS, KERNEL, KERNEL, CHANNELS)
    return np.random.default_rng(_SEED + 1).integers(-1, 2, shape).astype(np.int8)


def answer() -> npt.NDArray[np.float32]:
    """Return the output of both models for ``pixels``, float32 ``(1, n, n, FILTERS)``.

    The convolution has no padding and a stride of 1, so ``n = SIZE - KERNEL + 1``.
    """
    windows = np.lib.stride_tricks.sliding_window_view(
        pixels().astype(np.int64), (KERNEL, KERNEL), axis=(1, 2)
    )
    sums = np.einsum("bhwcij,fijc->bhwf", windows, weights().astype(np.int64))
    return np.asarray(sums, np.float32)


def model(arithmetic: Arithmetic) -> bytes:
    """Return a ``.tflite`` file with the convolution."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    whole = arithmetic == "int8"
    kind = schema.TensorType.INT8 if whole else schema.TensorType.FLOAT32
    stored = weights() if whole else weights().astype(np.float32)
    bias = np.zeros(FILTERS, np.int32 if whole else np.float32)
    side = SIZE - KERNEL + 1
    tiny, graph = schema.ModelT(), schema.SubGraphT()
    tiny.version, tiny.subgraphs, tiny.description = 3, [graph], "edgeq target check"
    tiny.buffers = [schema.BufferT(), schema.BufferT(), schema.BufferT()]
    for place, values in ((1, stored), (2, bias)):
        tiny.buffers[place].data = np.frombuffer(values.tobytes(), np.uint8)
    steps = (1.0,) if whole else ()
    bias_kind = schema.TensorType.INT32 if whole else kind
    graph.tensors = [
        _tensor("image", (1, SIZE, SIZE, CHANNELS), kind, 0),
        _tensor("filters", stored.shape, kind, 1),
        _tensor("bias", bias.shape, bias_kind, 2),
        _tensor("sums", (1, side, side, FILTERS), kind, 0),
    ]
    for tensor in graph.tensors:
        zero_point = -128 if tensor is graph.tensors[0] else 0  # as pixels begin at 0
        tensor.quantization = schema.QuantizationParametersT()
        tensor.quantization.scale = list(steps)
        tensor.quantization.zeroPoint = [zero_point for _ in steps]
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CONV_2D
    code.version = 3 if whole else 1
    tiny.operatorCodes = [code]
    operator, options = schema.OperatorT(), schema.Conv2DOptionsT()
    options.padding, options.strideH, options.strideW = schema.Padding.VALID, 1, 1
    options.dilationHFactor = options.dilationWFactor = 1
    operator.inputs, operator.outputs = [0, 1, 2], [3]
    operator.builtinOptionsType = schema.BuiltinOptions.Conv2DOptions
    operator.builtinOptions = options
    graph.operators, graph.inputs, graph.outputs = [operator], [0], [3]
    builder = flatbuffers.Builder(4096)
    builder.Finish(tiny.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _tensor(name: str, shape: tuple[int, ...], kind: int, buffer: int) -> Any:
    """Return a tensor of the schema."""
    from ai_edge_litert import schema_py_generated as schema

    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.type, tensor.buffer = name, list(shape), kind, buffer
    return tensor
