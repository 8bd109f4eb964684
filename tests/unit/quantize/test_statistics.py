"""Ranges of activations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edgeq.quantize.statistics import Statistics, extent, ranges

VALUES = st.floats(-1e6, 1e6, width=32)
EXTENTS = hnp.arrays(
    np.float32, st.tuples(st.integers(1, 12), st.integers(1, 4), st.just(2)), elements=VALUES
).map(lambda values: np.sort(values, axis=-1))


def statistics(extents: np.ndarray[tuple[int, int, int], np.dtype[np.float32]]) -> Statistics:
    names = tuple(f"tensor{index}" for index in range(extents.shape[1]))
    return Statistics(names, extents, names[:1])


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    saved = statistics(np.arange(12, dtype=np.float32).reshape(3, 2, 2))
    saved.save(tmp_path / "statistics.npz")
    loaded = Statistics.load(tmp_path / "statistics.npz")
    assert loaded.names == ("tensor0", "tensor1")
    assert loaded.borders == ("tensor0",)
    assert np.array_equal(loaded.extents, saved.extents)


@given(EXTENTS)
def test_the_whole_range_holds_every_image(extents: np.ndarray) -> None:
    found = ranges(statistics(extents), 100)
    assert np.array_equal(found[:, 0], extents[:, :, 0].min(axis=0))
    assert np.array_equal(found[:, 1], extents[:, :, 1].max(axis=0))


@given(EXTENTS, st.floats(51, 100), st.integers(0, 2**32 - 1))
def test_the_order_of_images_does_not_matter(
    extents: np.ndarray, percentile: float, seed: int
) -> None:
    shuffled = np.random.default_rng(seed).permutation(extents)
    assert np.array_equal(
        ranges(statistics(extents), percentile), ranges(statistics(shuffled), percentile)
    )


@given(EXTENTS, st.floats(51, 99))
def test_a_smaller_percentile_never_widens(extents: np.ndarray, percentile: float) -> None:
    narrow, wide = (ranges(statistics(extents), p) for p in (percentile, 100))
    assert (narrow[:, 0] >= wide[:, 0]).all()
    assert (narrow[:, 1] <= wide[:, 1]).all()


def test_one_extreme_image_moves_the_whole_range_but_not_the_input_or_the_percentile() -> None:
    extents = np.tile(np.array([-1, 1], np.float32), (11, 2, 1))
    extents[4] = [-100, 100]
    found = ranges(statistics(extents), 90)
    assert found.tolist() == [[-100, 100], [-1, 1]]
    assert ranges(statistics(extents), 100).tolist() == [[-100, 100], [-100, 100]]


@pytest.mark.parametrize("percentile", [50.0, 100.1, float("nan")])
def test_a_percentile_out_of_range_is_refused(percentile: float) -> None:
    with pytest.raises(ValueError, match=r"not in \(50, 100\]"):
        ranges(statistics(np.zeros((1, 1, 2), np.float32)), percentile)


def test_no_image_is_refused() -> None:
    with pytest.raises(ValueError, match="no calibration image"):
        ranges(statistics(np.zeros((0, 1, 2), np.float32)), 90)


def test_padding_with_infinity_is_left_out() -> None:
    values = np.array([-np.inf, -2, 5, np.inf], np.float32)
    assert extent(values, name="padded") == (-2, 5)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([1.0, np.nan], "NaN in the tensor 'conv'"),
        ([np.nan, np.inf], "NaN in the tensor 'conv'"),
        ([np.inf, np.inf], "only infinities in 'conv'"),
        ([], "'conv' is empty"),
    ],
)
def test_what_has_no_range_is_refused_by_name(values: list[float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        extent(np.array(values, np.float32), name="conv")
