from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeq.measure.scales import Scale, fitting

values = st.floats(-1e4, 1e4)


def test_a_scale_rounds_to_steps_and_clips_at_its_ends() -> None:
    scale = Scale("int8", 0.5, -128)
    assert scale.range == (0.0, 127.5)
    held = scale.quantized(np.array([-3.0, 0.2, 0.3, 100.1, 400.0]))
    assert held.tolist() == [0.0, 0.0, 0.5, 100.0, 127.5]


@given(values, values, st.sampled_from(["int8", "uint8", "int16"]))
def test_a_fitting_scale_holds_both_ends_and_zero_up_to_half_a_step(
    first: float, second: float, dtype: str
) -> None:
    low, high = sorted((first, second))
    scale = fitting(low, high, dtype)
    room = scale.step * (0.5 + 1e-9) + 1e-12
    assert scale.range[0] <= min(low, 0) + room
    assert scale.range[1] >= max(high, 0) - room
    assert scale.quantized(np.array([0.0]))[0] == 0
    assert scale.ends[0] <= scale.zero_point <= scale.ends[1]


@pytest.mark.parametrize(("dtype", "levels"), [("int8", 255), ("uint8", 255), ("int16", 65535)])
def test_a_fitting_scale_is_no_wider_than_needed(dtype: str, levels: int) -> None:
    scale = fitting(-2.0, 6.0, dtype)
    assert scale.step * levels == pytest.approx(12.0 if dtype == "int16" else 8.0, rel=1e-4)
    assert fitting(0.0, 0.0, dtype).step == 1.0
