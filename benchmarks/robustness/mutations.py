"""Ways to damage a ``.tflite`` file: blindly, and knowing what its fields mean."""

from __future__ import annotations

import math
import random
import struct
from collections.abc import Callable
from typing import Any

import flatbuffers
from ai_edge_litert import schema_py_generated as schema

SIZES = (0, -1, 1, 2, 3, 7, 255, 4096, 65_536, 2**24, 2**31 - 1, -(2**31))
SCALES = (0.0, -1.0, 1e-45, 1e-30, 1e30, 3e38, math.inf, -math.inf, math.nan)
ZERO_POINTS = (0, -129, 128, 255, 2**31, -(2**63), 2**63 - 1)
TYPES = tuple(v for v in vars(schema.TensorType).values() if isinstance(v, int))
OPERATORS = tuple(v for v in vars(schema.BuiltinOperator).values() if isinstance(v, int))
_MIN_BYTES = 16

Mutation = Callable[[bytes, random.Random], bytes]


def flip_bits(content: bytes, draw: random.Random) -> bytes:
    """Flip one to eight bits."""
    data = bytearray(content)
    for _ in range(draw.randint(1, 8)):
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    return bytes(data)


def flip_bits_of_the_graph(content: bytes, draw: random.Random) -> bytes:
    """Flip bits in the first kilobytes of either end, where tables are, not weights."""
    data = bytearray(content)
    for _ in range(draw.randint(1, 4)):
        place = draw.randrange(min(4096, len(data)))
        data[draw.choice((place, -1 - place))] ^= 1 << draw.randrange(8)
    return bytes(data)


def cut(content: bytes, draw: random.Random) -> bytes:
    """Leave the rest of the file out."""
    return content[: draw.randrange(len(content))]


def grow(content: bytes, draw: random.Random) -> bytes:
    """Put bytes in the middle or at the end."""
    place = draw.choice((len(content), draw.randrange(len(content))))
    return content[:place] + draw.randbytes(draw.randint(1, 4096)) + content[place:]


def swap_a_block(content: bytes, draw: random.Random) -> bytes:
    """Copy a part of the file over another one."""
    data, size = bytearray(content), draw.randint(4, 256)
    there, here = (draw.randrange(max(1, len(data) - size)) for _ in range(2))
    data[there : there + size] = data[here : here + size]
    return bytes(data)


def change_an_offset(content: bytes, draw: random.Random) -> bytes:
    """Let what may be an offset or a length point elsewhere."""
    data = bytearray(content)
    if len(data) < _MIN_BYTES:
        return bytes(data)
    words = range(0, len(data) - 4, 4)
    likely = [at for at in words if 0 < struct.unpack_from("<I", data, at)[0] < len(data)]
    place = draw.choice(likely or list(words))
    old = struct.unpack_from("<I", data, place)[0]
    new = draw.choice(
        (0, 1, old + 4, max(0, old - 4), old * 2, len(data), len(data) - 1, 2**31, 2**32 - 1)
    )
    struct.pack_into("<I", data, place, new % 2**32)
    return bytes(data)


def change_fields(content: bytes, draw: random.Random) -> bytes:
    """Give one to three fields of the graph another meaning and write a sound file again."""
    model = schema.ModelT.InitFromPackedBuf(bytearray(content), 0)
    for _ in range(draw.randint(1, 3)):
        draw.choice(_FIELDS)(model, draw)
    builder = flatbuffers.Builder(len(content) + 1024)
    try:
        builder.Finish(model.Pack(builder), b"TFL3")
    except TypeError:  # a value that its field can't hold
        return flip_bits(content, draw)
    return bytes(builder.Output())


def _shape(model: Any, draw: random.Random) -> None:
    tensor = _tensor(model, draw)
    shape = list(tensor.shape if tensor.shape is not None else [])
    what = draw.randrange(4)
    if what == 0 or not shape:
        shape.insert(draw.randint(0, len(shape)), draw.choice(SIZES))
    elif what == 1:
        shape.pop(draw.randrange(len(shape)))
    else:
        shape[draw.randrange(len(shape))] = draw.choice(SIZES)
    tensor.shape = shape


def _signature(model: Any, draw: random.Random) -> None:
    tensor = _tensor(model, draw)
    shape = list(tensor.shape if tensor.shape is not None else [])
    tensor.shapeSignature = [draw.choice((-1, *SIZES[:4], size)) for size in shape]


def _type(model: Any, draw: random.Random) -> None:
    _tensor(model, draw).type = draw.choice(TYPES)


def _buffer(model: Any, draw: random.Random) -> None:
    _tensor(model, draw).buffer = draw.choice((0, draw.randrange(len(model.buffers)), 2**31))


def _quantization(model: Any, draw: random.Random) -> None:
    quantization = _tensor(model, draw).quantization
    if quantization is None:
        quantization = _tensor(model, draw).quantization = schema.QuantizationParametersT()
    count = draw.choice((0, 1, 1, 2, 3, 1000))
    quantization.scale = [draw.choice(SCALES) for _ in range(count)]
    quantization.zeroPoint = [draw.choice(ZERO_POINTS) for _ in range(draw.choice((count, 0, 1)))]
    quantization.quantizedDimension = draw.choice(SIZES)


def _data(model: Any, draw: random.Random) -> None:
    buffer = draw.choice(model.buffers)
    data = bytes(buffer.data if buffer.data is not None else b"")
    buffer.data = list(draw.choice((b"", data[: len(data) // 2], data * 2, data[1:])))


def _wiring(model: Any, draw: random.Random) -> None:
    graph = _working(model, draw)
    operator = draw.choice(graph.operators)
    wires = draw.choice(("inputs", "outputs"))
    ends = getattr(operator, wires)
    found = [] if ends is None else list(ends)
    if found and draw.random() < 0.8:
        count = len(graph.tensors)
        found[draw.randrange(len(found))] = draw.choice((-1, 0, count, draw.randrange(count)))
    else:
        found = found[1:]
    setattr(operator, wires, found)


def _ends(model: Any, draw: random.Random) -> None:
    graph = _graph(model, draw)
    ends, count = draw.choice(("inputs", "outputs")), len(graph.tensors)
    found = [draw.choice((0, draw.randrange(count), count)) for _ in range(draw.choice((0, 1, 2)))]
    setattr(graph, ends, found)


def _operator(model: Any, draw: random.Random) -> None:
    code = draw.choice(model.operatorCodes)
    code.builtinCode = draw.choice(OPERATORS)
    code.deprecatedBuiltinCode = min(code.builtinCode, 127)
    code.version = draw.choice((1, 2, 5, 1000, -1))
    code.customCode = draw.choice((None, None, "FlexConv2D", "mine", "\x00"))


def _options(model: Any, draw: random.Random) -> None:
    operator = draw.choice(_working(model, draw).operators)
    options = operator.builtinOptions
    names = [] if options is None else [n for n, v in vars(options).items() if isinstance(v, int)]
    if names:
        setattr(options, draw.choice(names), draw.choice((0, 1, 2, 7, 100)))
    else:
        operator.builtinOptionsType = draw.randrange(100)


def _many(model: Any, draw: random.Random) -> None:
    graph = _graph(model, draw)
    graph.tensors = list(graph.tensors) + [draw.choice(graph.tensors)] * draw.choice((1, 5000))


def _order(model: Any, draw: random.Random) -> None:
    draw.shuffle(_graph(model, draw).operators)


def _graph(model: Any, draw: random.Random) -> Any:
    return draw.choice(model.subgraphs)


def _working(model: Any, draw: random.Random) -> Any:
    """Return a graph that has operators; a condition may consist of a constant alone."""
    return draw.choice([graph for graph in model.subgraphs if len(graph.operators)])


def _tensor(model: Any, draw: random.Random) -> Any:
    return draw.choice(_graph(model, draw).tensors)


_FIELDS = (
    *(_shape, _shape, _signature, _type, _buffer, _quantization, _quantization, _data),
    *(_wiring, _ends, _operator, _options, _many, _order),
)
MUTATIONS: tuple[Mutation, ...] = (
    *(flip_bits, flip_bits_of_the_graph, cut, grow, swap_a_block, change_an_offset),
    *(change_fields,) * 6,
)
"""Half of them know what they change."""
