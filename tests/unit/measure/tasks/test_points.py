"""Errors of keypoints and of values."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgeq.config.structs import TaskOptions
from edgeq.measure.tasks.points import measure_points, measure_values
from tests.unit.measure.test_figures import data

SQUARE = np.array([0, 0, 30, 0, 30, 40, 0, 40], np.float64)
"""The corners of a box whose diagonal is 50."""


def test_the_error_of_points_is_by_the_diagonal_of_their_box() -> None:
    ours = np.tile(SQUARE, (20, 1))
    figure = measure_points(data(ours, ours + np.tile([3, 4], 4))).get("point_error")
    assert figure is not None
    assert figure.value == pytest.approx(5 / 50)


def test_values_beyond_the_place_do_not_count() -> None:
    ours = np.tile([0, 0, 7, 30, 40, 9], (20, 1))
    theirs = ours + np.array([0, 0, 5, 0, 0, 5])
    options = TaskOptions(values_per_point=3)
    figure = measure_points(replace(data(ours, theirs), options=options)).get("point_error")
    assert figure is not None
    assert figure.value == 0
    with pytest.raises(ValueError, match="not points of 4"):
        measure_points(replace(data(ours, theirs), options=TaskOptions(values_per_point=4)))


def test_the_rise_of_the_error_against_labels() -> None:
    ours = np.tile(SQUARE, (20, 1))
    theirs = ours + np.tile([6, 8], 4)
    labels = list(ours + np.tile([3, 4], 4))
    figures = measure_points(replace(data(ours, theirs), labels=labels))
    rise = figures.get("point_error_rise")
    assert rise is not None
    assert (rise.baseline, rise.variant) == pytest.approx((0.1, 0.1))
    worse = measure_points(replace(data(ours, theirs), labels=list(ours))).get("point_error_rise")
    assert worse is not None
    assert worse.value == pytest.approx(0.2)


def test_values_are_compared_in_their_standard_deviations() -> None:
    rng = np.random.default_rng(0)
    ours = rng.normal([0, 100], [1, 10], (500, 2))
    figure = measure_values(data(ours, ours + np.array([0.5, 5]))).get("value_error")
    assert figure is not None
    assert figure.value == pytest.approx(0.5, rel=0.1)
    rise = measure_values(replace(data(ours, ours + np.array([0.5, 5])), labels=list(ours))).get(
        "value_error_rise"
    )
    assert rise is not None
    assert rise.value == pytest.approx(0.5, rel=0.1)


def test_what_never_varies_is_wrong_as_soon_as_it_differs() -> None:
    same, moved = (
        measure_values(data(np.ones((9, 1)), np.full((9, 1), value))).get("value_error")
        for value in (1.0, 1.1)
    )
    assert same is not None
    assert moved is not None
    assert (same.value, moved.value) == (0, 1)


def test_labels_of_another_number_of_values_are_refused() -> None:
    ours = np.ones((9, 2))
    with pytest.raises(ValueError, match="labels have 3 values, the output has 2"):
        measure_values(replace(data(ours, ours), labels=[np.ones(3)] * 9))


def test_points_that_are_not_finite_are_far_away() -> None:
    ours = np.tile(SQUARE, (20, 1))
    figure = measure_points(data(ours, np.full_like(ours, np.nan))).get("point_error")
    assert figure is not None
    assert figure.value > 1000
