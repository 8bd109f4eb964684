"""Models whose constants are stored as float16, as the same models in float32."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from edgeq.errors import ModelError
from edgeq.tflite.constants import Constants
from edgeq.tflite.model_file import ModelFile, read_model
from edgeq.tflite.prepared import halves, widened
from tests.unit.tiny_model import Head, Op, Tensor, build, heads, outside, packed

RNG = np.random.default_rng(3)
WEIGHTS = RNG.normal(size=(5, 2, 2, 3)).astype(np.float16)
BIAS = RNG.normal(size=5).astype(np.float16)

TENSORS = (
    Tensor("image", (1, 4, 4, 3)),
    Tensor("kernel", (5, 2, 2, 3), "float16", WEIGHTS),
    Tensor("kernel_wide", (5, 2, 2, 3)),
    Tensor("bias", (5,), "float16", BIAS),
    Tensor("bias_wide", (5,)),
    Tensor("map", (1, 4, 4, 5)),
    Tensor("axes", (2,), "int32", np.array([1, 2], np.int32)),
    Tensor("out", (1, 5)),
)
STRIDES = {"strideW": 1, "strideH": 1}
OPS = (
    Op("DEQUANTIZE", ("kernel",), ("kernel_wide",)),
    Op("DEQUANTIZE", ("bias",), ("bias_wide",)),
    Op(
        "CONV_2D",
        ("image", "kernel_wide", "bias_wide"),
        ("map",),
        told={"strideW": 1, "strideH": 1},
    ),
    Op("MEAN", ("map", "axes"), ("out",)),
)


def half(*more: Op, tensors: Sequence[Tensor] = (), outputs: Sequence[str] = ("out",)) -> bytes:
    """Return a small convolution with float16 constants, with more operators behind it."""
    return build((*TENSORS, *tensors), (*OPS, *more), ["image"], outputs)


def read(folder: Path, data: bytes) -> ModelFile:
    path = folder / "half.tflite"
    path.write_bytes(data)
    return read_model(path)


def wide(folder: Path, data: bytes) -> ModelFile:
    content = widened(read(folder, data).path)
    assert content is not None
    path = folder / "wide.tflite"
    path.write_bytes(content)
    return read_model(path)


def run(content: bytes, image: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    interpreter.invoke()
    return np.asarray(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))


def named(model: ModelFile, indices: frozenset[int]) -> set[str]:
    return {model.tensors[index].name for index in indices}


@pytest.mark.parametrize("store", [half, lambda: outside(half())], ids=["inside", "outside"])
def test_constants_become_float32_and_keep_their_names(tmp_path: Path, store: Any) -> None:
    found = wide(tmp_path, store())
    constants = Constants(found)
    held = {one.name: constants.stored(one) for one in found.tensors if one.data_bytes}
    assert {name: values.dtype.name for name, values in held.items()} == {
        "kernel": "float32",
        "bias": "float32",
        "axes": "int32",
    }
    np.testing.assert_array_equal(held["kernel"], WEIGHTS.astype(np.float32))
    np.testing.assert_array_equal(held["bias"], BIAS.astype(np.float32))
    assert [one.name for one in found.operators] == ["CONV_2D", "MEAN"]
    assert halves(found) == frozenset()
    assert widened(found.path) is None


def test_it_computes_the_same_bit_by_bit(tmp_path: Path) -> None:
    data = half()
    image = RNG.normal(size=(1, 4, 4, 3)).astype(np.float32)
    content = wide(tmp_path, data).path.read_bytes()
    np.testing.assert_array_equal(run(content, image), run(data, image))


def test_a_constant_that_serves_twice_is_widened_once(tmp_path: Path) -> None:
    more = (Tensor("bias_again", (5,)), Tensor("sum", (1, 5)))
    ops = (Op("DEQUANTIZE", ("bias",), ("bias_again",)), Op("ADD", ("out", "bias_again"), ("sum",)))
    data = half(*ops, tensors=more, outputs=("sum",))
    found = wide(tmp_path, data)
    assert sum(one.name == "bias" for one in found.tensors) == 1
    assert "DEQUANTIZE" not in {one.name for one in found.operators}
    image = RNG.normal(size=(1, 4, 4, 3)).astype(np.float32)
    np.testing.assert_array_equal(run(found.path.read_bytes(), image), run(data, image))


def test_what_is_attached_stays(tmp_path: Path) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as target:
        target.writestr("labels.txt", "cat\ndog\n")
    found = wide(tmp_path, half() + archive.getvalue())
    with zipfile.ZipFile(found.path) as attached:
        assert attached.read("labels.txt") == b"cat\ndog\n"


def test_arithmetic_in_float16_is_left_alone(tmp_path: Path) -> None:
    # The kernel is widened; the bias is added in float16, too.
    more = (Tensor("half_sum", (5,), "float16"),)
    data = half(Op("ADD", ("bias", "bias"), ("half_sum",)), tensors=more)
    model = read(tmp_path, data)
    assert named(model, halves(model)) == {"kernel"}


@pytest.mark.parametrize("output", ["bias", "bias_wide"])
def test_what_leaves_the_model_is_left_alone(tmp_path: Path, output: str) -> None:
    model = read(tmp_path, half(outputs=("out", output)))
    assert named(model, halves(model)) == {"kernel"}


def test_data_that_is_also_read_as_another_type_is_left_alone(tmp_path: Path) -> None:
    built = schema.ModelT.InitFromPackedBuf(bytearray(half()), 0)
    tensors = {bytes(one.name).decode(): one for one in built.subgraphs[0].tensors}
    tensors["axes"].buffer = tensors["bias"].buffer
    model = read(tmp_path, packed(built))
    assert named(model, halves(model)) == {"kernel"}


def test_float_models_are_as_they_should_be(tmp_path: Path) -> None:
    model = read(tmp_path, heads(Head("p", 4)))
    assert halves(model) == frozenset()
    assert widened(model.path) is None


def test_damage_is_an_error_of_the_model(tmp_path: Path) -> None:
    built = schema.ModelT.InitFromPackedBuf(bytearray(half()), 0)
    tensors = {bytes(one.name).decode(): one for one in built.subgraphs[0].tensors}
    tensors["bias"].shape = [7]  # five are stored
    with pytest.raises(ModelError, match="'bias' of shape"):
        widened(read(tmp_path, packed(built)).path)
