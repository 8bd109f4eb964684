from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeq import words
from edgeq.config.gate_table import parse_size
from edgeq.words import Kind

KINDS: tuple[Kind, ...] = ("number", "percent", "points", "times", "size", "ms", "s", "count")

shares = st.floats(-1, 1)
numbers = st.floats(-1e6, 1e6) | shares
sizes = st.integers(0, 10**13).map(float)


@pytest.mark.parametrize(
    ("kind", "number", "text"),
    [
        ("percent", 0.946, "94.6 %"),
        ("percent", 1.0, "100 %"),
        ("percent", 0.0, "0 %"),
        ("percent", 0.9996, "99.96 %"),
        ("percent", 0.0004, "0.04 %"),
        ("percent", -0.05, "-5.0 %"),
        ("percent", 0.07, "7.0 %"),
        ("points", 0.004, "0.4 points lost"),
        ("points", -0.438, "43.8 points gained"),
        ("points", -0.0, "0 points lost"),
        ("times", 0.62, "0.62x"),
        ("times", 1.0, "1.00x"),
        ("size", 0, "0 bytes"),
        ("size", 1, "1 byte"),
        ("size", 999, "999 bytes"),
        ("size", 912_345, "912 kB"),
        ("size", 999_999, "1 MB"),
        ("size", 8_400_000, "8.4 MB"),
        ("size", 69_512_345, "69.5 MB"),
        ("size", 1_200_000_000, "1.2 GB"),
        ("size", 2e12, "2,000 GB"),
        ("s", 0.0000512, "0.0512 ms"),
        ("s", 0.00581, "5.81 ms"),
        ("s", 0.01802, "18.0 ms"),
        ("s", 0.3094, "309 ms"),
        ("s", 0.9997, "1,000 ms"),
        ("s", 12.3, "12,300 ms"),
        ("ms", 5.8, "5.80 ms"),
        ("number", 0.3101, "0.310"),
        ("number", 0.99996, "0.99996"),
        ("number", 1.0, "1"),
        ("number", -0.0000001, "0.000"),
        ("count", 1234, "1,234"),
    ],
)
def test_one_way_to_write_each_kind(kind: Kind, number: float, text: str) -> None:
    assert words.value(kind, number) == text


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_number_is_still_text(kind: Kind) -> None:
    assert words.value(kind, float("nan"), beside=0.5) == "nan"
    assert words.value(kind, float("inf")) == "inf"
    assert words.against(kind, float("nan"), 0.5, "max", (0.0, float("inf"))).startswith("nan (")
    assert words.change(kind, 1.0, float("-inf")).endswith("-> -inf")


def test_limits_are_as_a_person_writes_them() -> None:
    assert words.limit("percent", 0.93) == "93 %"
    assert words.limit("points", 0.03) == "3 points"
    assert words.limit("points", 0.01) == "1 point"
    assert words.limit("times", 1.1) == "1.1x"
    assert words.limit("ms", 10.0) == "10 ms"
    assert words.limit("size", 9_500_000) == "9.5 MB"
    assert words.bound("percent", 0.93, "min") == "at least 93 %"
    assert words.bound("size", 250e6, "max") == "at most 250 MB"
    assert words.bound("points", -0.01, "max") == "at least 1 point gained"


@pytest.mark.parametrize(
    ("kind", "ends", "text"),
    [
        ("percent", (0.941, 0.977), "94.1 to 97.7 %"),
        ("number", (1e-9, 2e-9), "0.000000001 to 0.000000002"),
        ("number", (-1e-17, 1e-17), "0.000 to 0.000"),
        ("percent", (0.5, 0.5 + 2e-16), "50.0 to 50.0 %"),
    ],
)
def test_the_ends_of_an_interval_have_as_many_decimals_as_tell_them_apart(
    kind: Kind, ends: tuple[float, float], text: str
) -> None:
    assert words.interval(kind, ends) == text


def test_a_value_beside_its_limit() -> None:
    said = words.against("percent", 0.962, 0.93, "min", (0.941, 0.977))
    assert said == "96.2 % (94.1 to 97.7 %; limit: at least 93 %)"
    said = words.against("points", 0.1, 0.03, "max", (-0.077, 0.301))
    assert said == "10.0 points lost (7.7 gained to 30.1 lost; limit: at most 3 points)"
    said = words.against("points", -0.02, 0.0, "max", (-0.03, -0.01))
    assert said == "2.0 points gained (1.0 to 3.0 gained; limit: at most 0 points)"
    said = words.against("size", 8_423_297, 8_423_296, "max")
    assert said == "8.423297 MB (limit: at most 8.423296 MB)"
    assert words.against("number", 0.1875, 0.1875, "max") == "0.1875 (limit: at most 0.1875)"
    assert words.against("number", 0.92996, 0.93, "min") == "0.92996 (limit: at least 0.93)"
    assert words.against("times", 0.3204, 0.6, "max", (0.3201, 0.3206)) == (
        "0.32x (0.320 to 0.321x; limit: at most 0.6x)"
    )


def test_a_change_names_the_unit_once() -> None:
    assert words.change("percent", 0.9, 0.8) == "90.0 -> 80.0 %"
    assert words.change("percent", 1.0, 0.99951) == "100 -> 99.95 %"
    assert words.change("size", 912e3, 1.2e9) == "912 kB -> 1.2 GB"
    assert words.change("size", 8e6, 9e6) == "8 -> 9 MB"
    assert words.change("points", -0.004, 0.012) == "0.4 points gained -> 1.2 points lost"
    assert words.sizes(8_423_296, 8_423_297) == ("8.423296 MB", "8.423297 MB")


def test_distances() -> None:
    assert words.distance("percent", 0.00123) == "0.12 points"
    assert words.distance("times", 0.011) == "0.011"
    assert words.distance("ms", 0.05) == "0.05 ms"
    assert words.distance("number", 0.0001) == "0.0001"


@pytest.mark.parametrize(("count", "expected"), [(7, "7"), (122, "130"), (1234, "1,300")])
def test_about_rounds_up(count: int, expected: str) -> None:
    assert words.about(count) == expected


def test_small_words() -> None:
    assert words.plural(1, "image") == "1 image"
    assert words.plural(1500, "image") == "1,500 images"
    assert words.plural(2, "entry", "entries") == "2 entries"
    assert words.names(["a", "b", "c"]) == "a, b, c"
    assert words.names(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"
    assert (words.every(2), words.every(4)) == ("Both", "All 4")


def test_times_of_day_and_durations() -> None:
    assert words.utc("2026-11-23T18:00:00.123+00:00") == "2026-11-23 18:00:00 UTC"
    assert words.utc("2026-11-23T18:00:00Z") == "2026-11-23 18:00:00 UTC"
    assert words.duration(83.4) == "1 min 23 s"
    assert words.duration(5.25) == "5.2 s"


def test_typography_is_for_numbers_only() -> None:
    assert words.typeset("top-1 90.0 -> 80.0 %, 0.62x (-0.02)") == (
        "top-1 90.0 \u2192 80.0\u00a0%, 0.62\u00d7 (\u22120.02)"
    )
    same = "git checkout -b x -> y, 224 x 224, conv_3x3, -n 2, top-1, 8-bit"
    assert words.typeset(same) == same


@given(st.sampled_from(KINDS), numbers, numbers)
def test_a_value_never_reads_as_a_limit_that_it_misses(
    kind: Kind, number: float, limit: float
) -> None:
    number, limit = (abs(number), abs(limit)) if kind == "size" else (number, limit)
    shown = _read(kind, words.value(kind, number, beside=limit))
    asked = _read(kind, words.limit(kind, limit, beside=number))
    assert (shown > asked, shown < asked) == (number > limit, number < limit)


@given(shares, st.integers(-20, 20))
def test_neither_does_the_next_number(share: float, steps: int) -> None:
    near = share + steps * 2.0**-53
    shown = words.value("percent", near, beside=share)
    asked = words.limit("percent", share, beside=near)
    assert near == share or _read("percent", shown) != _read("percent", asked)


@given(st.sampled_from(KINDS), numbers, numbers)
def test_values_that_differ_never_read_the_same(kind: Kind, one: float, other: float) -> None:
    one, other = (abs(one), abs(other)) if kind == "size" else (one, other)
    before, _, after = words.change(kind, one, other).partition(" -> ")
    assert (before == after.partition(" ")[0].removesuffix("x")) is (one == other)


@given(sizes)
def test_the_text_of_a_size_is_the_size_to_three_digits(size: float) -> None:
    text = words.size(size)
    read = parse_size(text.replace("bytes", "B").replace("byte", "B").replace(",", ""))
    assert abs(read - size) <= max(0.005 * size, 0.5)


@given(shares | st.floats(0, 1e-12) | st.floats(1 - 1e-12, 1))
def test_a_share_reads_all_or_nothing_only_if_it_is(share: float) -> None:
    shown = _read("percent", words.share(share))
    assert (shown == 0) is (share == 0)
    assert (shown == 100) is (share == 1)
    assert abs(shown - 100 * share) <= 0.051


@given(st.sampled_from(KINDS), st.floats(-1, 0))
def test_nothing_is_less_than_no(kind: Kind, number: float) -> None:
    text = words.value(kind, number)
    assert not text.startswith("-") or _read(kind, text) != 0


def _read(kind: Kind, text: str) -> float:
    """Return the number that a text says, in the unit of its kind."""
    number, _, unit = text.replace(",", "").partition(" ")
    scale = {"kB": 1e3, "MB": 1e6, "GB": 1e9}.get(unit, 1.0) if kind == "size" else 1.0
    return float(number.removesuffix("x")) * scale * (-1 if unit.endswith("gained") else 1)


def test_ranks() -> None:
    ranks = [words.ordinal(count) for count in (1, 2, 3, 4, 11, 12, 13, 21, 102, 111, 1003)]
    assert ranks == [
        *("1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "102nd", "111th", "1,003rd")
    ]


@pytest.mark.parametrize(
    ("items", "text"),
    [(["a"], "a"), (["a", "b"], "a (and 1 more)"), (["a", "b", "c"], "a (and 2 more)")],
)
def test_the_first_of_several_texts_stands_for_all(items: list[str], text: str) -> None:
    assert words.first_of(items) == text
