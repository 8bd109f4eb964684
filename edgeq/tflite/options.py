"""Options of operators: padding, strides, activation and the like.

Field numbers are those of the option tables of the schema
``tensorflow/compiler/mlir/lite/schema/schema.fbs``, version 3. Only options that change the values
that an operator computes are read. Hints to the runtime, and whether a reduced axis stays in the
shape, are ignored.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import NamedTuple

from edgeq.tflite.flatbuffer import Table

Value = int | float | str
Options = tuple[tuple[str, Value], ...]

ACTIVATION = "activation"
"""The option that names the activation that is fused into an operator."""

_ACTIVATIONS = ("NONE", "RELU", "RELU_N1_TO_1", "RELU6", "TANH", "SIGN_BIT")
_PADDINGS = ("SAME", "VALID")
_MIRRORS = ("REFLECT", "SYMMETRIC")


class _Field(NamedTuple):
    """One field of an option table.

    It has its number in the table, its ``struct`` type code, its default and the names of its
    values in order, empty for plain numbers.
    """

    number: int
    code: str = "i"
    default: float = 0
    names: tuple[str, ...] = ()


def _activation(number: int) -> _Field:
    return _Field(number, "b", names=_ACTIVATIONS)


def _numbered(first: int, *names: str, default: float = 0) -> dict[str, _Field]:
    """Return consecutive integer fields."""
    return {name: _Field(at, default=default) for at, name in enumerate(names, first)}


_PADDING = {"padding": _Field(0, "b", names=_PADDINGS)}
_STRIDES = {**_PADDING, **_numbered(1, "stride_w", "stride_h")}
_POOL = {**_STRIDES, **_numbered(3, "filter_w", "filter_h"), ACTIVATION: _activation(5)}
_ARITHMETIC = {ACTIVATION: _activation(0)}
_RECURRENT = {"time_major": _Field(0, "b"), ACTIVATION: _activation(1)}
_BLOCK = {"block_size": _Field(0)}

_FIELDS: Mapping[str, Mapping[str, _Field]] = {
    "CONV_2D": {
        **_STRIDES,
        ACTIVATION: _activation(3),
        **_numbered(4, "dilation_w", "dilation_h", default=1),
    },
    "DEPTHWISE_CONV_2D": {
        **_STRIDES,
        # The multiplier follows from the shape of the weights, and some writers omit it.
        ACTIVATION: _activation(4),
        **_numbered(5, "dilation_w", "dilation_h", default=1),
    },
    "CONV_3D": {
        **_PADDING,
        **_numbered(1, "stride_d", "stride_w", "stride_h"),
        ACTIVATION: _activation(4),
        **_numbered(5, "dilation_d", "dilation_w", "dilation_h", default=1),
    },
    "TRANSPOSE_CONV": {**_STRIDES, ACTIVATION: _activation(3)},
    "FULLY_CONNECTED": _ARITHMETIC,
    "AVERAGE_POOL_2D": _POOL,
    "MAX_POOL_2D": _POOL,
    "L2_POOL_2D": _POOL,
    **dict.fromkeys(("ADD", "SUB", "MUL", "DIV", "L2_NORMALIZATION"), _ARITHMETIC),
    "SOFTMAX": {"beta": _Field(0, "f")},
    "LEAKY_RELU": {"alpha": _Field(0, "f")},
    "GELU": {"approximate": _Field(0, "b")},
    "CONCATENATION": {"axis": _Field(0), ACTIVATION: _activation(1)},
    "RESIZE_BILINEAR": {"align_corners": _Field(2, "b"), "half_pixel_centers": _Field(3, "b")},
    "RESIZE_NEAREST_NEIGHBOR": {
        "align_corners": _Field(0, "b"),
        "half_pixel_centers": _Field(1, "b"),
    },
    "STRIDED_SLICE": _numbered(
        0, "begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask"
    ),
    "GATHER": _numbered(0, "axis", "batch_dims"),
    "BATCH_MATMUL": {"adj_x": _Field(0, "b"), "adj_y": _Field(1, "b")},
    "PACK": {"axis": _Field(1)},
    "UNPACK": {"axis": _Field(1)},
    "DEPTH_TO_SPACE": _BLOCK,
    "SPACE_TO_DEPTH": _BLOCK,
    "MIRROR_PAD": {"mode": _Field(0, "b", names=_MIRRORS)},
    "LOCAL_RESPONSE_NORMALIZATION": {
        "radius": _Field(0),
        "bias": _Field(1, "f"),
        "alpha": _Field(2, "f"),
        "beta": _Field(3, "f"),
    },
    "CUMSUM": {"exclusive": _Field(0, "b"), "reverse": _Field(1, "b")},
    "UNIDIRECTIONAL_SEQUENCE_RNN": _RECURRENT,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": {
        ACTIVATION: _activation(0),
        "cell_clip": _Field(1, "f"),
        "proj_clip": _Field(2, "f"),
        "time_major": _Field(3, "b"),
    },
}


def read_options(name: str, table: Table | None) -> Options:
    """Return the options of an operator that change what it computes.

    Returns:
        Pairs of a name and a value; empty for operators without such options.

    Raises:
        ModelError: A field lies outside its table.
    """
    fields = _FIELDS.get(name, {})
    return tuple((option, _value(field, table)) for option, field in fields.items())


def _value(field: _Field, table: Table | None) -> Value:
    value, place = field.default, _place(field, table)
    if table is not None and place is not None:
        real = field.code == "f"
        value = table.source.real(place) if real else table.source.number(place, field.code)
    if not field.names:
        return value
    at = int(value)
    return field.names[at] if 0 <= at < len(field.names) else f"number {at}"


def option_place(name: str, option: str, table: Table | None) -> tuple[int, str] | None:
    """Return where a file stores an option, and its ``struct`` type code.

    Returns:
        None if the file omits the option because it has its default.

    Raises:
        ModelError: The field lies outside its table.
    """
    field = _FIELDS.get(name, {}).get(option)
    place = None if field is None else _place(field, table)
    return None if field is None or place is None else (place, field.code)


def _place(field: _Field, table: Table | None) -> int | None:
    return None if table is None else table.place(field.number, struct.calcsize(field.code))


def option_number(name: str, option: str, value: Value) -> float:
    """Return how a file stores the value of an option."""
    names = _FIELDS[name][option].names
    return names.index(value) if isinstance(value, str) else value
