from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from edgeq.judge.text import (
    about,
    beside,
    between,
    kilobytes,
    limit_text,
    milliseconds,
    names,
    plural,
    rate,
    wanted,
)


@pytest.mark.parametrize(
    ("value", "limit", "expected"),
    [(0.962, 0.93, "0.962"), (0.92996, 0.93, "0.92996"), (0.93, 0.93, "0.930"), (1, 0.93, "1.000")],
)
def test_a_number_is_told_from_its_limit(value: float, limit: float, expected: str) -> None:
    assert beside(value, limit, 3) == expected


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_shown_number_never_contradicts_its_verdict(value: float, limit: float) -> None:
    assume(value == limit or abs(value - limit) > 1e-8)
    shown = float(beside(value, limit, 3))
    assume(round(limit, 9) == limit or abs(value - limit) > 1e-8)
    assert (value >= limit) == (shown >= limit)


def test_no_minus_zero() -> None:
    assert rate(-0.0001) == "0.000"
    assert beside(-0.0, 0.5, 2) == "0.00"
    assert rate(-0.01) == "-0.010"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.000512, "0.512 ms"),
        (0.00581, "5.81 ms"),
        (0.01802, "18.0 ms"),
        (0.3094, "309 ms"),
        (0.9997, "1,000 ms"),
        (12.3, "12,300 ms"),
    ],
)
def test_milliseconds(seconds: float, expected: str) -> None:
    assert milliseconds(seconds) == expected


def test_sizes_are_in_kb_of_1000_and_told_from_a_limit() -> None:
    assert kilobytes(8_423_296) == "8,423 kB"
    assert kilobytes(8_423_297, 8_423_296) == "8,423.297 kB"


@pytest.mark.parametrize(("count", "expected"), [(7, "7"), (122, "130"), (1234, "1,300")])
def test_about_rounds_up(count: int, expected: str) -> None:
    assert about(count) == expected


def test_small_words() -> None:
    assert plural(1, "image") == "1 image"
    assert plural(1500, "image") == "1,500 images"
    assert names(["a", "b", "c"]) == "a, b, c"
    assert names(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"
    assert limit_text(0.93) == "0.93"
    assert wanted("0.93", "min") == "at least 0.93 wanted"
    assert wanted("2", "max") == "at most 2 wanted"
    assert between((0.941, 0.977), 0.93) == " (0.941 to 0.977)"
    assert between(None, 0.93) == ""
