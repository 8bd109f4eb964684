from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeq.measure.bits import pack, unpack


@given(st.lists(st.booleans(), max_size=70))
def test_flags_survive_their_text(flags: list[bool]) -> None:
    text = pack(np.array(flags, np.bool_))
    assert unpack(text, len(flags)).tolist() == flags
    assert len(text) <= len(flags) / 6 + 4


def test_the_first_flag_is_the_highest_bit() -> None:
    assert pack(np.array([True] + [False] * 7)) == "gA=="


@pytest.mark.parametrize(("text", "count"), [("gA==", 9), ("gA==", 0), ("", 1), ("#", 8)])
def test_text_of_another_number_of_flags_is_refused(text: str, count: int) -> None:
    with pytest.raises(ValueError, match=r"."):
        unpack(text, count)
