from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeq.report.axis import Axis
from edgeq.report.histogram import BINS, bars

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
