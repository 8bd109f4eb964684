from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeq.tflite.entry import entry
from edgeq.tflite.model_file import read_model
from tests.unit.tiny_model import Op, Tensor, build, classifier

SHAPE = (1, 4, 4, 3)
BLACK_AND_WHITE = np.array([[0.0, 0.0, 0.0], [255.0, 255.0, 255.0]])


def after(folder: Path, *ops: Op, tensors: tuple[Tensor, ...] = ()) -> list[list[float]]:
    """Return what the mean over height and width gets of black and of white."""
    made = dict.fromkeys(name for op in ops for name in op.outputs)
    known = {one.name for one in tensors}
    last = ops[-1].outputs[0] if ops else "image"
    every = [
        Tensor("image", SHAPE),
        Tensor("axes", (2,), "int32", np.array([1, 2], np.int32)),
        *tensors,
        *(Tensor(name, SHAPE) for name in made if name not in known),
        Tensor("features", (1, 3)),
    ]
    graph = [*ops, Op("MEAN", (last, "axes"), ("features",))]
    path = folder / "net.tflite"
    path.write_bytes(build(every, graph, ["image"], ["features"]))
    found: list[list[float]] = entry(read_model(path))(BLACK_AND_WHITE).round(4).tolist()
    return found


def constant(*values: float, name: str = "c", shape: tuple[int, ...] | None = None) -> Tensor:
    return Tensor(name, shape or (len(values),), data=np.array(values, np.float32))


@pytest.mark.parametrize(
    ("op", "values", "ends"),
    [
        (Op("SUB", ("image", "c"), ("x",)), (127.5,), ([-127.5] * 3, [127.5] * 3)),
        (Op("ADD", ("c", "image"), ("x",)), (1, 2, 3), ([1, 2, 3], [256, 257, 258])),
        (Op("MUL", ("c", "image"), ("x",)), (2.0,), ([0] * 3, [510] * 3)),
        (Op("DIV", ("image", "c"), ("x",)), (255.0,), ([0] * 3, [1] * 3)),
        (Op("DIV", ("c", "image"), ("x",)), (255.0,), ([0] * 3, [255] * 3)),
        (Op("SUB", ("c", "image"), ("x",)), (255.0,), ([0] * 3, [255] * 3)),
        (Op("DIV", ("image", "c"), ("x",)), (0.0,), ([0] * 3, [255] * 3)),
        (Op("MUL", ("image", "c"), ("x",)), (1, 2, 3, 4), ([0] * 3, [255] * 3)),
        (Op("RELU", ("image",), ("x",)), (1.0,), ([0] * 3, [255] * 3)),
    ],
)
def test_arithmetic_with_a_constant_is_followed(
    tmp_path: Path, op: Op, values: tuple[float, ...], ends: tuple[list[float], list[float]]
) -> None:
    assert after(tmp_path, op, tensors=(constant(*values),)) == list(ends)


def test_steps_follow_each_other_up_to_the_first_layer(tmp_path: Path) -> None:
    ops = (
        Op("QUANTIZE", ("image",), ("q",)),
        Op("DEQUANTIZE", ("q",), ("d",)),
        Op("SUB", ("d", "mean"), ("centred",)),
        Op("MUL", ("centred", "factor"), ("x",)),
        Op("RELU", ("x",), ("r",)),
        Op("MUL", ("r", "factor"), ("y",)),
    )
    tensors = (
        Tensor("q", SHAPE, "int8", None, (1.0,), (-128,)),
        constant(127.5, name="mean"),
        constant(1 / 127.5, name="factor"),
    )
    assert after(tmp_path, *ops, tensors=tensors) == [[-1.0] * 3, [1.0] * 3]


def test_what_two_operators_take_is_no_entry(tmp_path: Path) -> None:
    ops = (Op("MUL", ("image", "c"), ("x",)), Op("ADD", ("x", "image"), ("y",)))
    assert after(tmp_path, *ops, tensors=(constant(2.0),)) == [[0] * 3, [255] * 3]


def test_a_constant_that_was_quantized_is_read_by_its_scale(tmp_path: Path) -> None:
    stored = Tensor("c", (1,), "int8", np.array([100], np.int8), (0.5,), (0,))
    op = Op("SUB", ("image", "c"), ("x",))
    assert after(tmp_path, op, tensors=(stored,)) == [[-50] * 3, [205] * 3]
    assert entry(read_model(tmp_path / "net.tflite")).rounded


def test_a_file_that_begins_with_its_first_layer_does_nothing(tmp_path: Path) -> None:
    path = tmp_path / "net.tflite"
    path.write_bytes(classifier())
    assert (entry(read_model(path))(BLACK_AND_WHITE) == BLACK_AND_WHITE).all()
