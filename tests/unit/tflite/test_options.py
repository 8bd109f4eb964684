from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import flatbuffers
import pytest
from ai_edge_litert import schema_py_generated as schema

from edgeq.errors import ModelError
from edgeq.tflite.flatbuffer import Flatbuffer
from edgeq.tflite.options import _FIELDS, read_options

CONV = {
    "padding": "padding",
    "stride_w": "strideW",
    "stride_h": "strideH",
    "activation": "fusedActivationFunction",
    "dilation_w": "dilationWFactor",
    "dilation_h": "dilationHFactor",
}
POOL = {
    "padding": "padding",
    "stride_w": "strideW",
    "stride_h": "strideH",
    "filter_w": "filterWidth",
    "filter_h": "filterHeight",
    "activation": "fusedActivationFunction",
}
FUSED = {"activation": "fusedActivationFunction"}
SCHEMA: dict[str, tuple[str, dict[str, str]]] = {
    "CONV_2D": ("Conv2DOptions", CONV),
    "DEPTHWISE_CONV_2D": ("DepthwiseConv2DOptions", CONV),
    "CONV_3D": ("Conv3DOptions", CONV | {"stride_d": "strideD", "dilation_d": "dilationDFactor"}),
    "TRANSPOSE_CONV": (
        "TransposeConvOptions",
        {one: CONV[one] for one in ("padding", "stride_w", "stride_h", "activation")},
    ),
    "FULLY_CONNECTED": ("FullyConnectedOptions", FUSED),
    "AVERAGE_POOL_2D": ("Pool2DOptions", POOL),
    "MAX_POOL_2D": ("Pool2DOptions", POOL),
    "L2_POOL_2D": ("Pool2DOptions", POOL),
    "ADD": ("AddOptions", FUSED),
    "SUB": ("SubOptions", FUSED),
    "MUL": ("MulOptions", FUSED),
    "DIV": ("DivOptions", FUSED),
    "L2_NORMALIZATION": ("L2NormOptions", FUSED),
    "SOFTMAX": ("SoftmaxOptions", {"beta": "beta"}),
    "LEAKY_RELU": ("LeakyReluOptions", {"alpha": "alpha"}),
    "GELU": ("GeluOptions", {"approximate": "approximate"}),
    "CONCATENATION": ("ConcatenationOptions", FUSED | {"axis": "axis"}),
    "RESIZE_BILINEAR": (
        "ResizeBilinearOptions",
        {"align_corners": "alignCorners", "half_pixel_centers": "halfPixelCenters"},
    ),
    "RESIZE_NEAREST_NEIGHBOR": (
        "ResizeNearestNeighborOptions",
        {"align_corners": "alignCorners", "half_pixel_centers": "halfPixelCenters"},
    ),
    "STRIDED_SLICE": (
        "StridedSliceOptions",
        {
            "begin_mask": "beginMask",
            "end_mask": "endMask",
            "ellipsis_mask": "ellipsisMask",
            "new_axis_mask": "newAxisMask",
            "shrink_axis_mask": "shrinkAxisMask",
        },
    ),
    "GATHER": ("GatherOptions", {"axis": "axis", "batch_dims": "batchDims"}),
    "BATCH_MATMUL": ("BatchMatMulOptions", {"adj_x": "adjX", "adj_y": "adjY"}),
    "PACK": ("PackOptions", {"axis": "axis"}),
    "UNPACK": ("UnpackOptions", {"axis": "axis"}),
    "DEPTH_TO_SPACE": ("DepthToSpaceOptions", {"block_size": "blockSize"}),
    "SPACE_TO_DEPTH": ("SpaceToDepthOptions", {"block_size": "blockSize"}),
    "MIRROR_PAD": ("MirrorPadOptions", {"mode": "mode"}),
    "LOCAL_RESPONSE_NORMALIZATION": (
        "LocalResponseNormalizationOptions",
        {"radius": "radius", "bias": "bias", "alpha": "alpha", "beta": "beta"},
    ),
    "CUMSUM": ("CumsumOptions", {"exclusive": "exclusive", "reverse": "reverse"}),
    "UNIDIRECTIONAL_SEQUENCE_RNN": ("SequenceRNNOptions", FUSED | {"time_major": "timeMajor"}),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": (
        "UnidirectionalSequenceLSTMOptions",
        FUSED | {"cell_clip": "cellClip", "proj_clip": "projClip", "time_major": "timeMajor"},
    ),
}
"""Each operator's option table in the schema's own Python, and what edgeq's options are there."""

FLAGS = {"adj_x", "adj_y", "align_corners", "approximate", "exclusive", "half_pixel_centers"}
FLAGS |= {"reverse", "time_major"}
REALS = {"alpha", "beta", "bias", "cell_clip", "proj_clip"}
NAMED = {"padding": (1, "VALID"), "activation": (3, "RELU6"), "mode": (1, "SYMMETRIC")}


def packed(options: Any) -> Any:
    """Return an option table as edgeq reads it."""
    builder = flatbuffers.Builder(64)
    builder.Finish(options.Pack(builder), b"TFL3")
    return Flatbuffer(Path("options"), bytes(builder.Output())).root()


def test_every_operator_with_options_is_in_the_table_of_this_test() -> None:
    assert set(SCHEMA) == {name for name in _FIELDS if _FIELDS[name]}


@pytest.mark.parametrize(
    ("operator", "option"), [(one, option) for one in SCHEMA for option in SCHEMA[one][1]]
)
def test_an_option_is_the_schema_s_field_and_no_other(operator: str, option: str) -> None:
    kind, fields = SCHEMA[operator]
    options = getattr(schema, f"{kind}T")()
    usual = dict(read_options(operator, packed(options)))
    given: float
    expected: float | str
    given, expected = NAMED.get(option, (7, 7))
    if option in FLAGS:
        given, expected = True, True
    elif option in REALS:
        given = expected = 0.375
    setattr(options, fields[option], given)
    assert dict(read_options(operator, packed(options))) == usual | {option: expected}


@pytest.mark.parametrize("operator", list(SCHEMA))
def test_without_a_table_every_option_has_its_default(operator: str) -> None:
    kind, fields = SCHEMA[operator]
    found = dict(read_options(operator, None))
    assert set(found) == set(fields)
    builder = flatbuffers.Builder(64)
    getattr(schema, f"{kind}Start")(builder)
    builder.Finish(getattr(schema, f"{kind}End")(builder), b"TFL3")
    content = bytes(builder.Output())
    table = Flatbuffer(Path("options"), content).root()
    assert dict(read_options(operator, table)) == found
    # The schema's own reader gives absent fields the same values.
    theirs = getattr(schema, f"{kind}T").InitFromPackedBuf(bytearray(content), 0)
    numbers = {"SAME": 0, "NONE": 0, "REFLECT": 0}
    assert {option: getattr(theirs, field) for option, field in fields.items()} == {
        option: numbers.get(str(value), value) for option, value in found.items()
    }


@pytest.mark.parametrize(
    ("number", "name"),
    [(0, "NONE"), (1, "RELU"), (2, "RELU_N1_TO_1"), (3, "RELU6"), (4, "TANH"), (5, "SIGN_BIT")],
)
def test_activations_have_the_schema_s_names(number: int, name: str) -> None:
    assert getattr(schema.ActivationFunctionType, name) == number
    options = schema.AddOptionsT()
    options.fusedActivationFunction = number
    assert read_options("ADD", packed(options)) == (("activation", name),)


@pytest.mark.parametrize("number", [6, 100, -1])
def test_an_activation_of_no_name_keeps_its_number(number: int) -> None:
    options = schema.AddOptionsT()
    options.fusedActivationFunction = number
    assert read_options("ADD", packed(options)) == (("activation", f"number {number}"),)


@pytest.mark.parametrize("operator", ["RESHAPE", "RELU", "CUSTOM:Any", "MEAN", "BUILTIN_999"])
def test_other_operators_have_no_options_that_change_values(operator: str) -> None:
    assert read_options(operator, packed(schema.ReducerOptionsT(keepDims=True))) == ()


def test_a_field_beyond_its_table_is_damage() -> None:
    options = schema.Conv2DOptionsT()
    options.strideW = 3
    builder = flatbuffers.Builder(64)
    builder.Finish(options.Pack(builder), b"TFL3")
    content = bytearray(builder.Output())
    root = struct.unpack_from("<I", content)[0]
    table = root - struct.unpack_from("<i", content, root)[0]
    struct.pack_into("<H", content, table + 6, 0x7FF0)  # where strideW is told to lie
    with pytest.raises(ModelError):
        read_options("CONV_2D", Flatbuffer(Path("options"), bytes(content)).root())
