from __future__ import annotations

import numpy as np
import pytest

from edgeq.repair.table import Cell, ErrorTable, Row, gate_error, relative_squares
from tests.unit.repair.tables import row, table


def test_squared_errors_of_units_add_up() -> None:
    units = table(row("a", int8=(0.3, -3000)), row("b", int8=(0.4, -2000)), row("c", int8=(9, -1)))
    mix = units.error({"a": "int8", "b": "int8", "c": "float32"})
    assert mix == pytest.approx(0.5)
    assert units.bytes({"a": "int8", "b": "float32", "c": "int8"}) == 100_000 - 3001


def test_the_gate_counts_the_mean_over_images_of_the_worst_output() -> None:
    squares = np.array([[1.0, 0.0], [9.0, 0.0], [0.0, 4.0]])
    assert gate_error(squares) == pytest.approx(4 / 3)


def test_errors_add_up_image_by_image() -> None:
    first, second = ((1.0,), (0.0,)), ((0.0,), (1.0,))
    rows = (
        Row("a", 8, {"int8": Cell(squares=first, bytes=0)}),
        Row("b", 8, {"int8": Cell(squares=second, bytes=0)}),
    )
    units = ErrorTable(rows, 100, outputs=1, images=2)
    assert units.error({"a": "int8", "b": "int8"}) == pytest.approx(1.0)
    assert units.error({"a": "int8", "b": "float32"}) == pytest.approx(0.5)


def test_a_unit_alone_has_its_share() -> None:
    units = table(row("a", int8=(0.3, -3000)))
    assert units.share("a", "int8") == pytest.approx(0.3)
    assert units.share("a", "float32") == 0.0


def test_what_saves_next_to_nothing_is_not_worth_its_error() -> None:
    unit = row(
        "a", weight_only_int8=(0.01, -3000), dynamic_range=(0.02, -3070), float16=(0.001, -2000)
    )
    assert unit.worthwhile("size") == ("float32", "float16", "weight_only_int8")
    cheaper = row("a", weight_only_int8=(0.01, -3000), dynamic_range=(0.02, -3090))
    assert cheaper.worthwhile("size") == ("float32", "weight_only_int8", "dynamic_range")


def test_what_is_larger_than_float_is_never_chosen() -> None:
    assert row("a", int8=(0.1, 200)).worthwhile("size") == ("float32",)


def test_a_precision_that_is_to_be_kept_costs_nothing_and_others_cost_their_share() -> None:
    unit = row("a", int8=(0.3, -2900), weight_only_int8=(0.01, -3000), float16=(0.001, -2000))
    assert unit.cost("int8", "size", "int8") == 0.0
    assert unit.cost("weight_only_int8", "size", "int8") == pytest.approx(0.02 * 4000)
    assert unit.cost("float16", "size", "int8") == pytest.approx(900 + 0.02 * 4000)
    assert unit.worthwhile("size", "int8") == ("float32", "float16", "weight_only_int8", "int8")


def test_what_is_not_finite_is_no_choice() -> None:
    assert row("a", int8=(float("inf"), -3000)).worthwhile("size") == ("float32",)


def test_time_that_was_not_measured_is_no_choice() -> None:
    unit = Row("a", 4000, row("a", int8=(0.1, -1)).cells, {"int8": 0.0})
    assert unit.worthwhile("latency") == ("int8",)
    assert unit.cost("float32", "latency") is None


def test_logits_are_centred_because_a_constant_changes_no_probability() -> None:
    baseline = np.array([[1.0, -1.0], [2.0, -2.0]], np.float32)
    shifted = baseline + 7
    assert relative_squares([baseline], [shifted], logits=True) == pytest.approx(0.0)
    assert relative_squares([baseline], [2 * baseline], logits=True)[:, 0] == pytest.approx(
        [2 / 5, 8 / 5]
    )


def test_other_outputs_are_compared_with_what_they_vary_by() -> None:
    baseline = np.array([[101.0], [99.0]], np.float32)
    assert relative_squares([baseline], [baseline + 1], logits=False) == pytest.approx(1.0)
    constant = np.array([[2.0], [2.0]], np.float32)
    assert relative_squares([constant], [constant + 1], logits=False) == pytest.approx(0.25)
    zero = np.zeros((2, 1), np.float32)
    assert relative_squares([zero], [zero], logits=False) == pytest.approx(0.0)


def test_what_is_not_finite_errs_infinitely() -> None:
    baseline = np.array([[1.0, -1.0], [2.0, -2.0]], np.float32)
    broken = baseline.copy()
    broken[1, 0] = np.nan
    squares = relative_squares([baseline], [broken], logits=True)
    assert squares[0, 0] == 0.0
    assert np.isinf(squares[1, 0])
