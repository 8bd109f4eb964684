from __future__ import annotations

from pathlib import Path

import pytest

from edgeq.measure.stored.clamps import range_of, same_clamp
from tests.unit.graphs import graph, read
from tests.unit.tiny_model import Op, Tensor


def output(dtype: str, scales: tuple[float, ...], points: tuple[int, ...]) -> Tensor:
    return Tensor("y", (1, 4, 4, 4), dtype, None, scales, points)


def same(folder: Path, tensor: Tensor, ours: str, theirs: str) -> bool:
    model = read(folder, graph(Op("RELU", ("x",), ("y",)), tensors=[tensor]))
    return same_clamp(model, model.outputs[0], ours, theirs)


@pytest.mark.parametrize(
    ("dtype", "step", "point", "ends"),
    [
        ("int8", 0.5, 0, (-64.0, 63.5)),
        ("int8", 0.5, -128, (0.0, 127.5)),
        ("uint8", 0.5, 128, (-64.0, 63.5)),
        ("int16", 0.5, 0, (-16384.0, 16383.5)),
    ],
)
def test_a_type_holds_from_its_least_to_its_greatest_number(
    tmp_path: Path, dtype: str, step: float, point: int, ends: tuple[float, float]
) -> None:
    tensor = output(dtype, (step,), (point,))
    model = read(tmp_path, graph(Op("RELU", ("x",), ("y",)), tensors=[tensor]))
    assert range_of(model.tensors[model.outputs[0]]) == ends


@pytest.mark.parametrize(
    ("dtype", "scales"), [("float32", ()), ("int8", ()), ("int8", (0.5,) * 4), ("int32", (0.5,))]
)
def test_other_tensors_hold_anything(tmp_path: Path, dtype: str, scales: tuple[float, ...]) -> None:
    tensor = output(dtype, scales, (0,) * len(scales))
    model = read(tmp_path, graph(Op("RELU", ("x",), ("y",)), tensors=[tensor]))
    assert range_of(model.tensors[model.outputs[0]]) is None


@pytest.mark.parametrize(
    ("steps", "ours", "theirs", "same_values"),
    [
        ((0.1, -128), "RELU", "NONE", True),
        ((0.1, -127), "RELU", "NONE", True),  # one step is rounding
        ((0.1, -126), "RELU", "NONE", False),
        ((0.1, 0), "RELU", "NONE", False),
        ((6 / 255, -128), "RELU6", "NONE", True),
        ((6 / 255, -128), "RELU6", "RELU", True),
        ((0.1, -128), "RELU6", "RELU", False),
        ((0.1, -128), "RELU6", "NONE", False),
        ((8 / 255, -128), "RELU6", "RELU", False),
        ((0.1, -128), "NONE", "RELU", True),
        ((0.1, 0), "NONE", "RELU", False),
        ((1 / 127, 0), "RELU_N1_TO_1", "NONE", True),
        ((0.1, 0), "TANH", "TANH", True),
        ((1 / 127, 0), "TANH", "NONE", False),  # it does more than cut off
        ((0.1, -128), "RELU", "SIGN_BIT", False),
    ],
)
def test_what_the_range_cuts_off_anyway_needs_no_activation(
    tmp_path: Path, steps: tuple[float, int], ours: str, theirs: str, same_values: bool
) -> None:
    tensor = output("int8", steps[:1], steps[1:])
    assert same(tmp_path, tensor, ours, theirs) is same_values


def test_a_float_output_implies_no_activation(tmp_path: Path) -> None:
    tensor = Tensor("y", (1, 4, 4, 4))
    assert not same(tmp_path, tensor, "RELU", "NONE")
    assert same(tmp_path, tensor, "RELU", "RELU")
