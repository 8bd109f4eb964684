from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from edgeq.measure.operators import Operators, operators, unsettled
from edgeq.tflite.model_file import ModelFile, Operator, read_content
from tests.unit.bad_models import endless
from tests.unit.graphs import read
from tests.unit.tiny_model import Op, Tensor, build, classifier

INT8 = np.ones((4, 3), np.int8)


def dense(folder: Path, tensors: list[Tensor], ops: list[Op], ends: tuple[str, str]) -> Operators:
    return operators(read(folder, build(tensors, ops, [ends[0]], [ends[1]])))


def test_a_float_classifier(tmp_path: Path) -> None:
    found = operators(read(tmp_path, classifier()))
    assert found.counts == {"FULLY_CONNECTED": 1, "MEAN": 1, "SOFTMAX": 1}
    assert found.weight_bytes_by_type == {"float32": 5 * 3 * 4}
    assert found.compute_activation_types == {"float32": 1}
    assert (found.input_types, found.output_types) == (("float32",), ("float32",))
    assert found.float_islands == ()
    assert found.ends_in_softmax
    assert found.compute[0].label == "FULLY_CONNECTED 1"
    msgspec.json.encode(found)


def test_softmax_is_seen_through_quantize(tmp_path: Path) -> None:
    assert operators(read(tmp_path, classifier(io="int8"))).ends_in_softmax
    assert not operators(read(tmp_path, classifier(softmax=False))).ends_in_softmax


def test_weights_taken_as_stored(tmp_path: Path) -> None:
    found = dense(
        tmp_path,
        [
            Tensor("x", (1, 3)),
            Tensor("w", (4, 3), "int8", INT8, (0.1,) * 4, (0,) * 4),
            Tensor("y", (1, 4)),
        ],
        [Op("FULLY_CONNECTED", ("x", "w"), ("y",))],
        ("x", "y"),
    )
    assert found.weight_bytes_by_type == {"int8": 12}
    assert found.compute[0].weight_scales == 4
    assert not found.compute[0].dequantized
    assert found.compute[0].activation_type == "float32"


@pytest.mark.parametrize("dtype", ["int8", "float16"])
def test_weights_that_are_dequantized_first(tmp_path: Path, dtype: str) -> None:
    scales = (0.1,) if dtype == "int8" else ()
    found = dense(
        tmp_path,
        [
            Tensor("x", (1, 3)),
            Tensor("w", (4, 3), dtype, INT8.astype(dtype), scales, (0,) * len(scales)),
            Tensor("float w", (4, 3)),
            Tensor("y", (1, 4)),
        ],
        [Op("DEQUANTIZE", ("w",), ("float w",)), Op("FULLY_CONNECTED", ("x", "float w"), ("y",))],
        ("x", "y"),
    )
    assert found.weight_bytes_by_type == {dtype: INT8.astype(dtype).nbytes}
    assert found.compute[0].dequantized
    assert found.compute[0].weight_type == dtype


def test_a_float_island_between_integers(tmp_path: Path) -> None:
    found = dense(
        tmp_path,
        [
            Tensor("x", (1, 3), "int8", None, (1.0,), (0,)),
            Tensor("w", (3, 3), "int8", np.ones((3, 3), np.int8), (0.1,), (0,)),
            Tensor("y", (1, 3), "int8", None, (1.0,), (0,)),
            Tensor("float y", (1, 3)),
            Tensor("float w", (3, 3), data=np.ones((3, 3), np.float32)),
            Tensor("z", (1, 3)),
        ],
        [
            Op("FULLY_CONNECTED", ("x", "w"), ("y",)),
            Op("DEQUANTIZE", ("y",), ("float y",)),
            Op("FULLY_CONNECTED", ("float y", "float w"), ("z",)),
        ],
        ("x", "z"),
    )
    assert found.float_islands == ("FULLY_CONNECTED 2",)
    assert found.compute_activation_types == {"float32": 1, "int8": 1}


def test_shared_weights_count_once(tmp_path: Path) -> None:
    found = dense(
        tmp_path,
        [
            Tensor("x", (1, 3)),
            Tensor("w", (3, 3), data=np.ones((3, 3), np.float32)),
            Tensor("y", (1, 3)),
            Tensor("z", (1, 3)),
        ],
        [Op("FULLY_CONNECTED", ("x", "w"), ("y",)), Op("FULLY_CONNECTED", ("y", "w"), ("z",))],
        ("x", "z"),
    )
    assert found.weight_bytes_by_type == {"float32": 36}
    assert len(found.compute) == 2


def test_a_matrix_product_of_activations_has_no_weights(tmp_path: Path) -> None:
    found = dense(
        tmp_path,
        [Tensor("x", (3, 3)), Tensor("y", (3, 3))],
        [Op("FULLY_CONNECTED", ("x", "x"), ("y",))],
        ("x", "y"),
    )
    assert found.compute[0].weight_type is None
    assert found.weight_bytes_by_type == {}


def test_a_graph_that_runs_in_a_circle_ends(tmp_path: Path) -> None:
    model = read(tmp_path, classifier(softmax=False))
    logits = model.outputs[0]
    other = model.inputs[0]
    circle = (
        Operator(0, "RESHAPE", (other,), (logits,)),
        Operator(1, "RESHAPE", (logits,), (other,)),
        Operator(2, "FULLY_CONNECTED", (other, logits), (2,)),
    )
    found = operators(
        ModelFile(**{**vars(model), "operators": circle})  # a frozen copy with other operators
    )
    assert not found.ends_in_softmax
    assert found.compute[0].weight_type is None


@pytest.mark.parametrize(("content", "names"), [(classifier(), ()), (endless(), ("WHILE",))])
def test_conditional_operators_are_named(content: bytes, names: tuple[str, ...]) -> None:
    assert unsettled(read_content(Path("a.tflite"), content)) == names
