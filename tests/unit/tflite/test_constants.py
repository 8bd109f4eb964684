from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeq.errors import ModelError
from edgeq.tflite.constants import Constants
from edgeq.tflite.model_file import read_model
from tests.unit.graphs import graph, in_blocks, read
from tests.unit.tiny_model import Op, Tensor, build


def constants(folder: Path, *tensors: Tensor) -> dict[str, np.ndarray[tuple[int, ...], np.dtype]]:
    path = folder / "model.tflite"
    io = [Tensor("in", (1, 2)), Tensor("out", (1, 2))]
    path.write_bytes(build([*io, *tensors], [Op("RELU", ("in",), ("out",))], ["in"], ["out"]))
    model = read_model(path)
    reader = Constants(model)
    return {one.name: reader.real(one) for one in model.tensors if one.data_bytes}


def test_every_type_is_read_as_real_numbers(tmp_path: Path) -> None:
    found = constants(
        tmp_path,
        Tensor("float", (2,), data=np.array([0.5, -2], np.float32)),
        Tensor("half", (2,), "float16", np.array([0.25, 3], np.float16)),
        Tensor("byte", (3,), "int8", np.array([-128, 0, 127], np.int8), (0.5,), (2,)),
        Tensor("bias", (2,), "int32", np.array([10, -20], np.int32), (0.1,), (0,)),
    )
    np.testing.assert_array_equal(found["float"], [0.5, -2])
    np.testing.assert_array_equal(found["half"], [0.25, 3])
    np.testing.assert_array_equal(found["byte"], [-65, -1, 62.5])
    np.testing.assert_allclose(found["bias"], [1, -2], rtol=1e-6)


def test_scales_lie_along_their_axis(tmp_path: Path) -> None:
    values = np.arange(1, 7, dtype=np.int8).reshape(1, 3, 2)
    found = constants(
        tmp_path, Tensor("kernel", (1, 3, 2), "int8", values, (1.0, 10.0), (0, 1), axis=2)
    )
    np.testing.assert_array_equal(found["kernel"], [[[1, 10], [3, 30], [5, 50]]])


def test_packed_types_start_at_the_lowest_bits(tmp_path: Path) -> None:
    # 1, -8 | 7, -1 | 3 and padding; 1, -2, 0, -1 | 1 and padding.
    four = np.array([0x81, 0xF7, 0x03], np.uint8)
    two = np.array([0b11001001, 0b00000001], np.uint8)
    found = constants(
        tmp_path,
        Tensor("four", (5,), "int4", four, (2.0,), (0,)),
        Tensor("two", (5,), "int2", two, (1.0,), (0,)),
    )
    np.testing.assert_array_equal(found["four"], [2, -16, 14, -2, 6])
    np.testing.assert_array_equal(found["two"], [1, -2, 0, -1, 1])


@pytest.mark.parametrize(
    ("tensor", "said"),
    [
        (Tensor("short", (3,), data=np.zeros(2, np.float32)), "stored in 8 bytes"),
        (
            Tensor("odd", (2, 3), "int8", np.zeros(6, np.int8), (1.0, 2.0), (0, 0), axis=1),
            "2 scales, which do not fit axis 1",
        ),
        (
            Tensor("few", (3,), "int8", np.zeros(3, np.int8), (1.0, 1.0, 1.0), (0, 0)),
            "'few' has 2 zero points, which do not fit axis 0",
        ),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, tensor: Tensor, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        constants(tmp_path, tensor)


STEPS = Tensor("s", (2, 2), data=np.array([[1, 10], [100, 1000]], np.float32))
POINTS = Tensor("p", (2, 2), "int8", np.array([[0, 1], [0, 0]], np.int8))
BYTES = Tensor("w", (2, 4), "int8", np.arange(8, dtype=np.int8).reshape(2, 4))


def blocks(folder: Path, size: int, *, points: str = "") -> np.ndarray[Any, Any]:
    ends = Tensor("x", (1, 4)), Tensor("y", (1, 2))
    layer = Op("FULLY_CONNECTED", ("x", "w"), ("y",))
    content = graph(layer, tensors=(*ends, BYTES, STEPS, POINTS))
    model = read(folder, in_blocks(content, "w", "s", size, points))
    return Constants(model).real(next(one for one in model.tensors if one.name == "w"))


def test_each_block_has_its_scale_and_zero_point(tmp_path: Path) -> None:
    expected = [[0, 1, 20, 30], [400, 500, 6000, 7000]]
    assert blocks(tmp_path, 2).tolist() == expected
    expected[0][2:] = [10, 20]
    assert blocks(tmp_path, 2, points="p").tolist() == expected


@pytest.mark.parametrize("size", [-2, 0, 1, 3, 4, 8])
def test_blocks_that_do_not_fit_are_refused(tmp_path: Path, size: int) -> None:
    with pytest.raises(ModelError, match=f"has 4 scales for blocks of {size}"):
        blocks(tmp_path, size)
