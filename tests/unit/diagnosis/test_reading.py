"""What is fitted to the values of an output before it is tried."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeq.diagnosis.reading import column_order, factors_and_shifts, map_shift


@given(seed=st.integers(0, 2**32 - 1), columns=st.integers(2, 40))
def test_columns_are_found_in_any_order(seed: int, columns: int) -> None:
    generator = np.random.default_rng(seed)
    ours = generator.normal(size=(50, columns))
    order = generator.permutation(columns)
    theirs = ours[:, order] + generator.normal(0, 0.05, ours.shape)
    np.testing.assert_array_equal(column_order(ours, theirs), order)


def test_columns_that_are_alike_keep_their_places() -> None:
    ours = np.zeros((8, 5))
    ours[:, 0] = np.arange(8)
    np.testing.assert_array_equal(column_order(ours, ours), np.arange(5))


@pytest.mark.parametrize("shift", [(0, 0), (3, 0), (-2, 4)])
def test_the_shift_of_maps_is_found(shift: tuple[int, int]) -> None:
    ours = np.random.default_rng(1).normal(size=(6, 24, 32))
    noise = np.random.default_rng(2).normal(0, 0.3, ours.shape)
    assert map_shift(ours, np.roll(ours, shift, axis=(1, 2)) + noise) == shift


def test_maps_without_any_structure_are_not_shifted() -> None:
    flat = np.zeros((4, 16, 16))
    assert map_shift(flat, flat) == (0, 0)


def test_factor_and_shift_of_each_column() -> None:
    ours = np.random.default_rng(3).normal(size=(40, 3))
    ours[:, 2] = 5
    factors, shifts = factors_and_shifts(ours, ours * [2.0, -1.0, 1.0] + [0.0, 1.0, 3.0])
    np.testing.assert_allclose(factors, [2, -1, 1])
    np.testing.assert_allclose(shifts, [0, 1, 3], atol=1e-9)
