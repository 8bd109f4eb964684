from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edgeq.measure.stored.steps import (
    COARSEST,
    MIN_CHANNEL,
    Distance,
    are_float16,
    bias_distance,
    distance,
    float16_steps,
    sensible_steps,
)
from tests.unit.graphs import drawn

Array = np.ndarray[Any, Any]
NONE = np.empty(0, np.float32)
NO_POINTS = np.empty(0, np.int64)
MOST = np.sqrt(3) * (1 + 1e-3)
"""Of plain rounding; the rest is float32's, in which scales are stored."""

weights = hnp.arrays(
    np.float32,
    hnp.array_shapes(min_dims=2, max_dims=3, max_side=8),
    elements=st.floats(-100, 100, width=32, allow_subnormal=False),
)


def plain(
    values: Array, bits: int, *, tensorwise: bool = False, asymmetric: bool = False
) -> tuple[Array, Array, Array]:
    """Return values rounded, their scales and zero points, as a plain quantizer makes them."""
    rows = values.reshape(len(values), -1).astype(np.float64)
    low, high = np.minimum(rows.min(axis=1), 0), np.maximum(rows.max(axis=1), 0)
    if tensorwise:
        low, high = low.min(keepdims=True), high.max(keepdims=True)
    if asymmetric:
        scales = np.maximum((high - low) / (2**bits - 1), 1e-30).astype(np.float32)
        points = np.rint(-low / scales).astype(np.int64)
        least, most = 0, 2**bits - 1
    else:
        top = 2 ** (bits - 1) - 1
        scales = np.maximum(np.maximum(-low, high) / top, 1e-30).astype(np.float32)
        points, least, most = np.zeros(len(scales), np.int64), -top, top
    stored = np.clip(np.rint(rows / scales[:, None]) + points[:, None], least, most)
    real = ((stored - points[:, None]) * scales[:, None]).astype(np.float32)
    return real.reshape(values.shape), scales, points


KINDS = {"int8": 8, "int4": 4, "int16": 16, "int2": 2}


@given(weights, st.sampled_from(sorted(KINDS)), st.booleans())
def test_plain_rounding_is_never_farther_than_sqrt_3(
    values: Array, dtype: str, tensorwise: bool
) -> None:
    real, scales, points = plain(values, KINDS[dtype], tensorwise=tensorwise)
    found = distance(
        values, real, dtype=dtype, scales=scales, zero_points=points, tensorwise=tensorwise
    )
    assert found.greatest <= MOST
    assert found.whole <= MOST
    assert found.channels.shape == (len(values),)


@given(weights)
def test_plain_rounding_to_uint8_is_never_farther_than_a_whole_step(values: Array) -> None:
    real, scales, points = plain(values, 8, tensorwise=True, asymmetric=True)
    found = distance(
        values, real, dtype="uint8", scales=scales, zero_points=points, tensorwise=True
    )
    # The zero point is rounded too, so the last number may be half a step away: one in all.
    assert found.greatest <= 2 * MOST


@given(
    hnp.arrays(
        np.float32,
        hnp.array_shapes(min_dims=2, max_dims=3, max_side=8),
        elements=st.floats(-65504, 65504, width=32),
    )
)
def test_rounding_to_float16_is_never_farther_than_sqrt_3(values: Array) -> None:
    real = values.astype(np.float16).astype(np.float32)
    found = distance(values, real, dtype="float16", scales=NONE, zero_points=NO_POINTS)
    assert found.greatest <= MOST
    assert (found.coarseness == 1).all()


@pytest.mark.parametrize("dtype", ["int8", "int16", "int4"])
def test_rounding_of_many_weights_is_1(dtype: str) -> None:
    values = drawn(16, 400)
    real, scales, points = plain(values, KINDS[dtype])
    found = distance(values, real, dtype=dtype, scales=scales, zero_points=points)
    assert found.channels == pytest.approx(np.ones(16), abs=0.1)
    assert found.whole == pytest.approx(1, abs=0.03)
    assert found.coarseness == pytest.approx(np.ones(16))


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_an_infinity_in_both_is_no_distance(dtype: str) -> None:
    ours = np.array([[-np.inf, 1.0, 2.0]], np.float32)
    same = distance(ours, ours, dtype=dtype, scales=NONE, zero_points=NO_POINTS)
    assert (same.greatest, same.relative) == (0.0, 0.0)
    other = distance(ours, np.abs(ours), dtype=dtype, scales=NONE, zero_points=NO_POINTS)
    assert not other.greatest < 1e6


def test_rounding_of_many_weights_to_float16_is_1() -> None:
    values = drawn(16, 400)
    real = values.astype(np.float16).astype(np.float32)
    found = distance(values, real, dtype="float16", scales=NONE, zero_points=NO_POINTS)
    assert found.channels == pytest.approx(np.ones(16), abs=0.1)


def of_int8(values: Array, real: Array, scales: Array, **more: Any) -> Distance:
    points = np.zeros(len(scales), np.int64)
    return distance(values, real, dtype="int8", scales=scales, zero_points=points, **more)


def test_cutting_off_in_place_of_rounding_is_2() -> None:
    values = drawn(8, 500)
    _, scales, _ = plain(values, 8)
    cut = (np.trunc(values / scales[:, None]) * scales[:, None]).astype(np.float32)
    assert of_int8(values, cut, scales).whole == pytest.approx(2, abs=0.05)


def test_one_row_is_one_channel() -> None:
    values = drawn(8, 50)
    real, scales, _ = plain(values, 8)
    real[3] = -real[3]
    found = of_int8(values, real, scales)
    assert found.channels[3] > 50
    assert np.delete(found.channels, 3).max() < MOST
    assert found.greatest == found.channels[3]
    assert found.whole < found.greatest


def test_distances_are_in_steps_over_the_root_of_12() -> None:
    values = np.full((1, 4), 1.27, np.float32)
    found = of_int8(values, values + np.float32(0.01), np.array([0.01], np.float32))
    assert found.greatest == pytest.approx(np.sqrt(12), rel=1e-4)
    assert found.relative == pytest.approx(0.01 / 1.27, rel=1e-4)


def test_the_distance_of_a_whole_channel_is_finite_as_those_of_its_weights_are() -> None:
    values = np.full((1, 4), 1.27, np.float32)
    far = np.full((1, 4), 1.5e17, np.float32)  # squares of 2e38, of which float32 holds one
    found = of_int8(values, far, np.array([0.01], np.float32))
    assert found.greatest == pytest.approx(np.sqrt(12) * 1.5e19, rel=1e-3)


@pytest.mark.parametrize(
    ("factor", "unit"), [(0.5, 1), (1, 1), (1.2, 1.2), (2, COARSEST), (8, COARSEST)]
)
def test_a_file_s_own_step_excuses_its_error_up_to_a_half_more_than_a_sensible_one(
    factor: float, unit: float
) -> None:
    values = np.full((2, 8), 1.27, np.float32)
    scales = np.full(2, 0.01 * factor, np.float32)
    found = of_int8(values, values + np.float32(0.01), scales)
    assert found.greatest == pytest.approx(np.sqrt(12) / unit, rel=1e-4)
    assert found.coarseness == pytest.approx(np.full(2, factor))


def test_one_scale_is_sensible_only_where_it_is_usual() -> None:
    values = drawn(8, 200)
    values[5] *= 0.01
    real, scales, _ = plain(values, 8, tensorwise=True)
    assert of_int8(values, real, scales, tensorwise=True).greatest < MOST
    found = of_int8(values, real, scales)
    assert found.channels[5] > 10
    assert found.coarseness[5] > 50


def test_channels_of_next_to_nothing_cause_no_alarm() -> None:
    values = drawn(8, 100)
    values[2] *= 1e-7
    values[3] = 0
    real, scales, _ = plain(values, 8)
    real[2:4] = 0  # the quantizer gave them a step that is far too great
    scales[2:4] = scales[0] * np.float32(MIN_CHANNEL)
    assert of_int8(values, real, scales).greatest < MOST


def test_nothing_but_zeros_is_no_distance() -> None:
    zeros = np.zeros((3, 4), np.float32)
    for dtype, scales in (("int8", np.full(3, 1e-9, np.float32)), ("float32", NONE)):
        points = np.zeros(len(scales), np.int64)
        found = distance(zeros, zeros, dtype=dtype, scales=scales, zero_points=points)
        assert found.greatest == found.relative == 0
    ones = np.ones((3, 4), np.float32)
    found = distance(zeros, ones, dtype="float32", scales=NONE, zero_points=NO_POINTS)
    assert found.greatest > 1e9
    assert found.relative == 1


def test_floats_may_be_off_by_what_converters_fold() -> None:
    values = drawn(4, 100)
    apart = 1e-6 * np.abs(values).max(axis=1, keepdims=True)
    found = distance(values, values + apart, dtype="float32", scales=NONE, zero_points=NO_POINTS)
    assert 0 < found.greatest < 0.2
    noise = values * np.float32(1.001)
    found = distance(values, noise, dtype="float32", scales=NONE, zero_points=NO_POINTS)
    assert found.greatest > 10


def test_steps_that_the_biases_need_are_sensible() -> None:
    values = drawn(4, 100)
    real, scales, _ = plain(values, 8)
    scales[1] *= 6
    real[1] = np.rint(values[1] / scales[1]) * scales[1]
    assert of_int8(values, real, scales).channels[1] > 2.2
    least = np.zeros(4)
    least[1] = scales[1]
    assert of_int8(values, real, scales, least_steps=least).greatest < MOST
    # Of another number of channels they mean nothing.
    assert of_int8(values, real, scales, least_steps=least[1:]).channels[1] > 2.2


def test_tensorflow_s_least_range_is_sensible() -> None:
    values = 1e-7 * drawn(4, 100)
    least = np.full(4, 5e-7 / 127, np.float32)
    real = (np.rint(values / least[0]) * least[0]).astype(np.float32)
    assert of_int8(values, real, least).greatest < MOST
    assert of_int8(values, -real, least).greatest > 10
    # Any other step that is so far too great is no one's.
    other = np.full(4, 8e-7 / 127, np.float32)
    real = (np.rint(values / other[0]) * other[0]).astype(np.float32)
    assert of_int8(values, real, other).greatest > MOST


def test_two_roundings_add_up_in_squares() -> None:
    values = drawn(4, 2000)
    first, steps, _ = plain(values, 8)
    other = (np.rint(values / 0.012) * 0.012).astype(np.float32)
    found = of_int8(first, other, np.full(4, 0.012, np.float32), baseline_steps=steps)
    alone = of_int8(first, other, np.full(4, 0.012, np.float32))
    assert found.channels == pytest.approx(np.ones(4), abs=0.15)
    assert alone.channels.min() > 1.1 * found.channels.max()


def test_a_number_that_is_none_is_no_small_distance() -> None:
    values = drawn(2, 10)
    for broken in (np.nan, np.inf, np.float32(3e38)):
        other = values.copy()
        other[0, 0] = broken
        found = distance(values, other, dtype="float32", scales=NONE, zero_points=NO_POINTS)
        assert not found.channels[0] <= 1e9
        assert found.channels[1] == 0


@pytest.mark.parametrize(
    ("value", "step"),
    [
        (1.0, 2**-10),
        (-1.0, 2**-10),
        (1.5, 2**-10),
        (2.0, 2**-9),
        (0.0, 2**-24),
        (1e-7, 2**-24),
        (40000.0, 32.0),
        (65504.0, 32.0),
        (1e6, 32.0),
        (-1e6, 32.0),
    ],
)
def test_a_float16_step_is_the_distance_to_the_next(value: float, step: float) -> None:
    assert float16_steps(np.array([value], np.float32)).tolist() == [step]


@pytest.mark.parametrize("stored", [65504.0, np.inf])
def test_what_float16_does_not_hold_is_far_away(stored: float) -> None:
    values, other = np.full((1, 4), 1e5, np.float32), np.full((1, 4), stored, np.float32)
    found = distance(values, other, dtype="float16", scales=NONE, zero_points=NO_POINTS)
    assert not found.greatest <= 100


def test_sensible_steps_end_at_the_greatest_weight() -> None:
    rows = np.array([[-2.54, 1.0], [0.5, 1.27]], np.float32)
    assert sensible_steps(rows, 8) == pytest.approx([0.02, 0.01])
    assert sensible_steps(rows, 8, tensorwise=True) == pytest.approx([0.02, 0.02])
    assert sensible_steps(rows, 4) == pytest.approx([2.54 / 7, 1.27 / 7])
    assert sensible_steps(rows, 2) == pytest.approx([2.54, 1.27])
    assert sensible_steps(rows, 8, asymmetric=True) == pytest.approx([3.54 / 255, 1.27 / 255])
    assert sensible_steps(rows, 8, tensorwise=True, asymmetric=True) == pytest.approx(
        [3.81 / 255, 3.81 / 255]
    )


def test_an_asymmetric_range_always_holds_0() -> None:
    rows = np.array([[2.0, 2.55], [-2.55, -2.0]], np.float32)
    assert sensible_steps(rows, 8, asymmetric=True) == pytest.approx([0.01, 0.01])


def test_a_channel_of_next_to_nothing_has_a_step_of_a_share_of_the_layer_s() -> None:
    rows = np.array([[1.27], [0.0], [1e-6]], np.float32)
    assert sensible_steps(rows, 8) == pytest.approx([0.01, 0.01 * 1e-3, 0.01 * 1e-3])


def test_biases_are_counted_in_their_own_steps() -> None:
    ours, theirs = np.array([1.0, -2.0, 0.5]), np.array([1.2, -2.0, 0.2])
    found = bias_distance(ours, theirs, np.array([0.1, 0.1, 0.2]))
    assert found == pytest.approx([2, 0, 1.5], rel=1e-4)


def test_a_bias_may_be_off_by_the_digits_of_a_float32() -> None:
    values = np.array([1000.0])
    apart = values * 2.0**-22
    assert bias_distance(values, values + apart * 0.99, np.array([1e-9])) == 0
    assert bias_distance(values, values + apart * 3, np.array([1e-9])) > 1e5


def test_a_bias_without_a_step_may_not_be_off_at_all() -> None:
    found = bias_distance(np.array([0.0, 1.0]), np.array([0.0, 2.0]), np.zeros(2))
    assert found[0] == 0
    assert found[1] > 1e9


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.1, 0.2], False),
        ([1.0, 0.5, -3.0], True),
        ([0.0, 0.0], False),
        ([70000.0, 1.0], False),
        ([float("nan"), 1.0], False),
        ([], False),
    ],
)
def test_what_float16_holds(values: list[float], expected: bool) -> None:
    assert are_float16(np.array(values, np.float32)) is expected


def test_one_of_many_that_float16_does_not_hold_is_enough() -> None:
    values = np.ones(1000, np.float32)
    assert are_float16(values)
    values[900] = 0.1
    assert not are_float16(values)


def test_float32_weights_may_lie_half_a_step_from_a_baseline_in_float16() -> None:
    weights = np.random.default_rng(2).normal(size=(4, 300)).astype(np.float32)
    halves = weights.astype(np.float16).astype(np.float32)
    found = distance(halves, weights, dtype="float32", scales=NONE, zero_points=NO_POINTS)
    assert found.greatest == pytest.approx(1, abs=0.1)
    other = distance(weights, halves, dtype="float32", scales=NONE, zero_points=NO_POINTS)
    assert other.greatest > 5
    noisy = weights * np.float32(1.002)
    found = distance(halves, noisy, dtype="float32", scales=NONE, zero_points=NO_POINTS)
    assert found.greatest > 5


@pytest.mark.filterwarnings("error")
def test_a_bias_in_infinite_steps_is_at_no_distance() -> None:
    infinite = np.array([np.inf])
    assert np.isnan(bias_distance(np.array([1.0]), infinite, infinite)).all()
