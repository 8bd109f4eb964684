"""Constants that no quantized output can tell from the baseline's, and those that one can."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeq.measure.stored.equivalents import range_of, same_clamp
from tests.unit.graphs import BIAS, FIELD, KERNEL, graph, read
from tests.unit.measure.stored.nets import Comparer, only
from tests.unit.tiny_model import Op, Tensor

STEP, POINT = 0.05, -28
"""The activations hold -5 to 7.75."""
FIRST, LAST = Op("CONV_2D", ("x", "w", "b"), ("a",)), Op("CONV_2D", ("z", "v", "b"), ("y",))


def file_of(
    kind: str, number: float, *, step: float = 0.0, point: int = 0, dtype: str = "int8"
) -> bytes:
    """Return a file with a constant between two layers; quantized activations if it has a step."""
    scales, points = ((step,), (point,)) if step else ((), ())
    data = np.array([number], dtype if step or dtype == "float16" else np.float32)
    around = ((STEP,), (POINT,)) if step else ((), ())
    kept = "int8" if step else "float32"
    tensors = (
        Tensor("a", FIELD, kept, None, *around),
        Tensor("z", FIELD, kept, None, *around),
        Tensor("c", data.shape, data.dtype.name, data, scales, points),
    )
    constants = {"w": KERNEL, "v": KERNEL, "b": BIAS}
    return graph(FIRST, Op(kind, ("a", "c"), ("z",)), LAST, constants=constants, tensors=tensors)


@pytest.mark.parametrize(
    ("kind", "number", "stored"),
    [
        ("MINIMUM", 1e12, 127),  # the guard of a division, stored as the end of the range
        ("MINIMUM", np.inf, 127),
        ("MAXIMUM", -1e30, -128),
        ("MAXIMUM", -1e30, -127),  # symmetric types leave out the lowest number
        ("MAXIMUM", 1e-12, POINT),
        ("MINIMUM", 0.41, POINT + 8),  # rounded to the step of the values that it is compared with
        ("ADD", 1e-12, POINT),
        ("ADD", 0.02, POINT),
        ("GREATER", 1e9, 127),
        ("LESS", -0.01, POINT),
        ("EQUAL", 0.4, POINT + 8),
    ],
)
def test_a_constant_that_no_output_can_tell_from_the_baseline_s_is_its(
    compare: Comparer, kind: str, number: float, stored: int
) -> None:
    variant = file_of(kind, stored, step=STEP, point=POINT)
    assert compare.files(file_of(kind, number), variant).findings == ()


@pytest.mark.parametrize(
    ("kind", "number", "stored"),
    [
        ("MINIMUM", 1e12, -128),  # as an overflow leaves it
        ("MINIMUM", 1e12, 125),
        ("MAXIMUM", -1e30, -125),
        ("ADD", 1e-12, POINT + 1),
        ("MUL", 1e-12, POINT + 1),
    ],
)
def test_another_constant_is_found(
    compare: Comparer, kind: str, number: float, stored: int
) -> None:
    found = only(
        compare.files(file_of(kind, number), file_of(kind, stored, step=STEP, point=POINT))
    )
    assert (found.part, found.change, found.certain) == ("constant", "other constant", True)


def test_a_guard_at_0_that_became_another_clip_is_found(compare: Comparer) -> None:
    variant = file_of("MAXIMUM", POINT + 2, step=STEP, point=POINT)
    found = compare.files(file_of("MAXIMUM", 1e-12), variant).findings
    assert [one.change for one in found if one.certain] == ["added operator", "lost activation"]


def test_a_factor_counts_by_the_greatest_value_that_it_multiplies(compare: Comparer) -> None:
    """The input holds at most 7.75, so that 0.003 moves the output by less than half a step."""
    baseline = file_of("MUL", 0.003)
    assert compare.files(baseline, file_of("MUL", 0, step=1e-3)).findings == ()
    assert only(compare.files(file_of("MUL", 0.004), file_of("MUL", 0, step=1e-3))).certain


@pytest.mark.parametrize(
    ("kind", "number"), [("LESS", 1e-9), ("GREATER_EQUAL", 1e-9), ("EQUAL", 1e-9)]
)
def test_a_rounded_threshold_that_decides_otherwise_on_zeros_stays_open(
    compare: Comparer, kind: str, number: float
) -> None:
    found = only(compare.files(file_of(kind, number), file_of(kind, POINT, step=STEP, point=POINT)))
    assert not found.certain


@pytest.mark.parametrize(
    ("kind", "number", "stored", "good"),
    [
        ("MINIMUM", 1e12, np.inf, True),
        ("MINIMUM", 1e12, 65504.0, True),
        ("MINIMUM", 1e12, -np.inf, False),
        ("GREATER", 1e9, np.inf, True),
        ("ADD", -1e9, -65504.0, True),
    ],
)
def test_a_clamp_beyond_float16_is_stored_as_its_end(
    compare: Comparer, kind: str, number: float, stored: float, good: bool
) -> None:
    found = compare.files(file_of(kind, number), file_of(kind, stored, dtype="float16"))
    assert (found.findings == ()) is good


@pytest.mark.parametrize(("stored", "good"), [(-65504.0, True), (-np.inf, True), (-9.0, False)])
def test_a_mask_in_front_of_a_softmax_may_be_the_end_of_float16(
    compare: Comparer, stored: float, good: bool
) -> None:
    def masked(values: list[float], dtype: str) -> bytes:
        mask = np.array(values, dtype)
        ops = Op("ADD", ("a", "mask"), ("s",)), Op("SOFTMAX", ("s",), ("z",))
        constants = {"w": KERNEL, "v": KERNEL, "b": BIAS, "mask": mask}
        return graph(FIRST, *ops, LAST, constants=constants)

    baseline = masked([0.25, -1e9, -1e9, 0.5], "float32")
    variant = masked([0.25, stored, stored, 0.5], "float16")
    assert (compare.files(baseline, variant).findings == ()) is good
    lost = masked([0.0, stored, stored, 0.5], "float16")
    assert only(compare.files(baseline, lost)).change == "other constant"


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
