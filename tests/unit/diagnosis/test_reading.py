"""What is fitted to the values of an output before it is tried."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeq.diagnosis.bench import Bench, recovers
from edgeq.diagnosis.compared import Values
from edgeq.diagnosis.reading import MAP_TURN, column_order, factors_and_shifts, map_shift, turned
from edgeq.measure.tensors import Output


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


Maps = np.ndarray[tuple[int, ...], np.dtype[np.float32]]


def bench_of(ours: Maps, theirs: Maps) -> Bench:
    """Return a bench with these maps of both models, and without a control."""
    sides = [Output("map", side.shape[1:], side.reshape(len(side), -1)) for side in (ours, theirs)]
    bench = SimpleNamespace(
        chosen=np.arange(len(ours)),
        reference=Values(sides[0]),
        own=Values(sides[1]),
        of_control=lambda _: None,
        recovers=recovers,
        output=0,
        variant=SimpleNamespace(baseline=SimpleNamespace(tensors=sides[:1])),
    )
    return cast("Bench", bench)


@pytest.mark.parametrize(
    ("said", "change"),
    [
        ("mirrored from left to right", lambda maps: maps[:, :, ::-1]),
        ("upside down", lambda maps: maps[:, ::-1]),
        ("turned by 180 degrees", lambda maps: maps[:, ::-1, ::-1]),
        ("with rows and columns exchanged", lambda maps: maps.swapaxes(1, 2)),
        ("turned by 90 degrees to the left", lambda maps: np.rot90(maps, 1, axes=(1, 2))),
        ("turned by 90 degrees to the right", lambda maps: np.rot90(maps, -1, axes=(1, 2))),
    ],
)
@pytest.mark.parametrize("channels", [(), (2,)])
def test_turned_maps_are_turned_back(
    said: str, change: Callable[[Any], Any], channels: tuple[int, ...]
) -> None:
    generator = np.random.default_rng(4)
    ours = generator.normal(size=(6, 18, 18, *channels)).astype(np.float32)
    noise = generator.normal(0, 0.05, ours.shape).astype(np.float32)
    cause = turned(bench_of(ours, change(ours) + noise))
    assert cause is not None
    assert cause.name == MAP_TURN
    assert said in cause.sentence


def test_other_maps_are_not_turned() -> None:
    generator = np.random.default_rng(5)
    ours, theirs = generator.normal(size=(2, 6, 16, 20)).astype(np.float32)
    assert turned(bench_of(ours, theirs)) is None
    assert turned(bench_of(ours, ours + 0.05 * theirs)) is None
    wide = turned(bench_of(ours, ours[:, :, ::-1]))
    assert wide is not None
