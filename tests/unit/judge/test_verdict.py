from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeq.judge.verdict import Sense, Verdict, decide, half_towards

NUMBERS = st.floats(-10, 10)


@pytest.mark.parametrize(
    ("interval", "sense", "expected"),
    [
        ((0.93, 0.98), "min", Verdict.PASS),
        ((0.90, 0.98), "min", Verdict.INCONCLUSIVE),
        ((0.27, 0.73), "min", Verdict.FAIL),
        ((0.5, 0.93), "min", Verdict.INCONCLUSIVE),
        ((0.5, 0.93), "max", Verdict.PASS),
        ((0.93, 0.98), "max", Verdict.INCONCLUSIVE),
        ((0.931, 0.98), "max", Verdict.FAIL),
    ],
)
def test_intervals_beside_a_limit(
    interval: tuple[float, float], sense: Sense, expected: Verdict
) -> None:
    assert decide(sum(interval) / 2, interval, 0.93, sense) is expected


@given(NUMBERS, NUMBERS, st.sampled_from(["min", "max"]))
def test_exact_values_are_never_inconclusive(value: float, limit: float, sense: Sense) -> None:
    within = value >= limit if sense == "min" else value <= limit
    assert decide(value, None, limit, sense) is (Verdict.PASS if within else Verdict.FAIL)


@given(st.lists(NUMBERS, min_size=3, max_size=3), NUMBERS)
def test_the_two_senses_mirror_each_other(numbers: list[float], limit: float) -> None:
    low, value, high = sorted(numbers)
    mirrored = decide(-value, (-high, -low), -limit, "max")
    assert decide(value, (low, high), limit, "min") is mirrored


def test_the_half_that_counts_is_the_limits() -> None:
    assert half_towards(0.95, (0.9, 0.96), 0.93) == pytest.approx(0.05)
    assert half_towards(0.92, (0.9, 0.96), 0.93) == pytest.approx(0.04)


def test_at_the_limit_itself_the_high_half_has_to_shrink() -> None:
    assert half_towards(0.93, (0.9, 0.94), 0.93) == pytest.approx(0.01)
