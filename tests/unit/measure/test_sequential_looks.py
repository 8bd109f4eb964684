from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeq.measure.sequential_looks import LOOKS, MOST_ROUNDS, look_confidence, rounds_at


@given(st.floats(0.5, 0.999), st.integers(1, 50))
def test_the_errors_of_all_looks_add_up_to_that_of_the_answer(
    confidence: float, looks: int
) -> None:
    assert looks * (1 - look_confidence(confidence, looks)) == pytest.approx(1 - confidence)


def test_a_single_look_needs_no_correction() -> None:
    assert look_confidence(0.95, 1) == pytest.approx(0.95)
    assert look_confidence(0.95) == pytest.approx(1 - 0.05 / LOOKS)


def test_every_look_doubles_the_rounds_until_there_are_many() -> None:
    assert [rounds_at(look, 64) for look in range(1, LOOKS + 1)] == [
        64, 128, 256, 512, 1024, 2048, 4096, 8192,
    ]  # fmt: skip
    assert rounds_at(2, 10_000) == MOST_ROUNDS
    assert rounds_at(2, 2 * MOST_ROUNDS) == 2 * MOST_ROUNDS
