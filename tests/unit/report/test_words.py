from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeq.judge.verdict import Answer, Verdict
from edgeq.report import words


def spaced(text: str) -> str:
    return text.replace("\u00a0", " ").replace("\u2212", "-")


def test_sizes_are_in_kilobytes_of_1000() -> None:
    assert spaced(words.kilobytes(28_529_820)) == "28,529.8 kB"


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.982, "98.2 %"),
        (1.0, "100.0 %"),
        (0.9996, "99.96 %"),
        (0.0004, "0.04 %"),
        (0.0, "0.0 %"),
        (-0.05, "-5.0 %"),
        (None, "not measured"),
    ],
)
def test_percent_never_rounds_to_all_or_nothing(share: float | None, text: str) -> None:
    assert spaced(words.percent(share)) == text


def test_points_have_a_sign() -> None:
    assert spaced(words.points(0.004)) == "+0.4 points"
    assert spaced(words.points(-0.438)) == "-43.8 points"
    assert spaced(words.points(-0.0)) == "0.0 points"


@pytest.mark.parametrize(
    ("gate", "unit", "value", "text"),
    [
        ("size_reduction", "ratio", 0.723, "72.3 %"),
        ("latency_ratio", "ratio", 0.54, "0.54\u00d7"),
        ("worst_cosine", "ratio", 0.3101, "0.310"),
        ("max_bytes", "bytes", 9_000_000.0, "9,000.0 kB"),
        ("max_latency_ms", "ms", 5.8, "5.80 ms"),
        ("max_partitions", "count", 1.0, "1"),
        ("a_gate_of_later", "s", 0.0058, "5.80 ms"),
        ("types", "", None, words.NONE),
    ],
)
def test_quantity_speaks_the_gates_unit(
    gate: str, unit: str, value: float | None, text: str
) -> None:
    assert spaced(words.quantity(gate, unit, value)) == text


@pytest.mark.parametrize(
    ("gate", "unit", "value", "limit", "text"),
    [
        ("top1_agreement", "ratio", 0.92996, 0.93, "92.996 %"),
        ("latency_ratio", "ratio", 1.1004, 1.1, "1.1004\u00d7"),
        ("max_bytes", "bytes", 9_000_001.0, 9_000_000.0, "9,000.001 kB"),
        ("top1_agreement", "ratio", 0.93, 0.93, "93.0 %"),
    ],
)
def test_a_value_never_looks_like_a_limit_that_it_is_not(
    gate: str, unit: str, value: float, limit: float, text: str
) -> None:
    assert spaced(words.quantity(gate, unit, value, beside=limit)) == text


def test_every_verdict_and_answer_has_its_own_sign_and_word() -> None:
    assert set(words.VERDICTS) == set(Verdict)
    assert set(words.ANSWERS) == set(Answer)
    for marks in (words.VERDICTS.values(), words.ANSWERS.values()):
        assert len({mark.symbol for mark in marks}) == 4
        assert len({mark.ascii for mark in marks}) == 4
        assert all(mark.ascii.isascii() and mark.word for mark in marks)


def test_an_open_case_shows_which_way_it_leans_in_word_and_sign() -> None:
    to_fail = words.verdict_mark(Verdict.INCONCLUSIVE, Verdict.FAIL)
    to_pass = words.verdict_mark(Verdict.INCONCLUSIVE, Verdict.PASS)
    assert to_fail.word == "INCONCLUSIVE, leans to FAIL"
    assert to_pass.word == "INCONCLUSIVE, leans to PASS"
    for sign in ("symbol", "ascii", "tone"):
        assert getattr(to_fail, sign) != getattr(to_pass, sign), sign
        assert getattr(to_pass, sign) == getattr(words.VERDICTS[Verdict.INCONCLUSIVE], sign)
    assert words.verdict_mark(Verdict.FAIL) == words.VERDICTS[Verdict.FAIL]


def test_a_change_names_the_unit_once() -> None:
    assert spaced(words.change(0.9, 0.8)) == "90.0 \u2192 80.0 %"


def test_times_of_day_and_durations() -> None:
    assert words.utc("2026-11-23T18:00:00.123+00:00") == "2026-11-23 18:00:00 UTC"
    assert words.utc("2026-11-23T18:00:00Z") == "2026-11-23 18:00:00 UTC"
    assert words.duration(83.4) == "1 min 23 s"
    assert words.duration(5.25) == "5.2 s"


@given(st.floats(-1, 1))
def test_percent_keeps_the_sign_and_the_order(share: float) -> None:
    shown = float(spaced(words.percent(share)).removesuffix(" %"))
    assert abs(shown - share * 100) <= 0.051
