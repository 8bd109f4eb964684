from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edgeq.report.axis import BINS, MAX_TICKS, Axis, bars, powers_of_ten, round_numbers, series


def test_numbers_lie_between_the_ends_in_order() -> None:
    axis = Axis(0.0, 10.0, 100.0, 200.0)
    assert (axis.at(0.0), axis.at(2.5), axis.at(10.0)) == (100.0, 125.0, 200.0)
    assert (axis.at(-5.0), axis.at(50.0)) == (100.0, 200.0)
    assert Axis(1.0, 100.0, 0.0, 50.0, log=True).at(10.0) == 25.0
    assert Axis(1.0, 1.0, 7.0, 50.0).at(1.0) == 7.0


def test_ticks_lie_on_the_axis_only() -> None:
    ticks = Axis(1.0, 10.0, 0.0, 90.0).ticks((0.0, 1.0, 10.0, 11.0), str)
    assert [(tick.at, tick.text) for tick in ticks] == [(0.0, "1.0"), (90.0, "10.0")]


@given(st.floats(1e-3, 1e12), st.floats(1.001, 1e6))
def test_round_numbers_enclose_what_is_drawn(low: float, factor: float) -> None:
    high = low * factor
    for found in (round_numbers(low, high), powers_of_ten(low, high)):
        assert found[0] <= low * (1 + 1e-6)
        assert found[-1] >= high * (1 - 1e-6)
        assert list(found) == sorted(set(found))


@given(st.floats(1e-3, 1e12), st.floats(9.0, 1e12))
@example(low=21809.759 * 0.88, factor=24.0)
def test_two_to_six_of_the_series_lie_on_any_axis(low: float, factor: float) -> None:
    high = low * factor
    found = series(low, high)
    assert 2 <= len(found) <= MAX_TICKS
    assert list(found) == sorted(set(found))
    assert len(Axis(low, high, 0.0, 100.0, log=True).ticks(found, str)) == len(found)


@pytest.mark.parametrize(
    ("low", "high", "found"),
    [
        (3.0, 40.0, (5, 10, 20)),
        (1.0, 10.0, (1, 2, 5, 10)),
        (0.002, 0.02, (0.002, 0.005, 0.01, 0.02)),
        (1.0, 100.0, (1, 10, 100)),
        (3.0, 3e7, (10, 1000, 100_000, 10_000_000)),
    ],
)
def test_the_series_is_one_two_five(low: float, high: float, found: tuple[int, ...]) -> None:
    assert series(low, high) == found


AXIS = Axis(0.0, 1.0, 10.0, 370.0)


def test_an_even_distribution_has_even_bars() -> None:
    found = bars([k / 100 for k in range(101)], AXIS, 100.0, 50.0)
    assert len(found) == BINS
    assert {round(bar.height) for bar in found} == {50}
    assert all(bar.y + bar.height == pytest.approx(100.0) for bar in found)


def test_bars_may_hang_down() -> None:
    assert all(bar.y == 100.0 for bar in bars([0.2, 0.4, 0.9], AXIS, 100.0, -50.0))


def test_one_value_is_one_bar() -> None:
    [bar] = bars([0.5] * 101, AXIS, 100.0, 50.0)
    assert bar.x <= AXIS.at(0.5) <= bar.x + bar.width + 0.7


@given(st.lists(st.floats(-0.5, 1.5), min_size=2, max_size=101).map(sorted))
def test_bars_stay_inside(values: list[float]) -> None:
    found = bars(values, AXIS, 100.0, 50.0)
    assert found
    for bar in found:
        assert bar.x >= 10.0
        assert bar.x + bar.width <= 370.1
        assert 0 < bar.height <= 50.0


def test_ticks_are_as_far_apart_as_their_texts_say() -> None:
    assert round_numbers(0.0, 0.01) == (0.0, 0.005, 0.01)  # 0.0025 would be shown as 0.002
