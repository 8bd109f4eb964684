from __future__ import annotations

import pytest

from edgeq.judge.verdict import ShipDecision, Verdict
from edgeq.report import words


def spaced(text: str) -> str:
    return text.replace("\u00a0", " ").replace("\u2212", "-")


def test_what_was_not_measured_is_said() -> None:
    shown = (words.percent(None), words.size(None), words.milliseconds(None))
    assert set(shown) == {words.ABSENT}
    assert words.quantity("size_reduction", "ratio", None) == words.NONE
    assert words.limit("types", "", None) == words.NONE
    assert words.span("percent", None) == ""


def test_numbers_are_set_for_a_page() -> None:
    assert words.percent(-0.05) == "\u22125.0\u00a0%"
    assert words.times(0.54) == "0.54\u00d7"
    assert words.size(28_529_820) == "28.5\u00a0MB"
    assert words.span("percent", (0.941, 1.0)) == "94.1 to 100\u00a0%"


@pytest.mark.parametrize(
    ("gate", "unit", "value", "text"),
    [
        ("size_reduction", "ratio", 0.723, "72.3 %"),
        ("latency_ratio", "ratio", 0.54, "0.54\u00d7"),
        ("worst_cosine", "ratio", 0.3101, "0.310"),
        ("max_bytes", "bytes", 9_000_000.0, "9 MB"),
        ("max_latency_ms", "ms", 5.8, "5.80 ms"),
        ("max_partitions", "count", 1.0, "1"),
        ("accuracy_drop", "ratio", 0.004, "0.4 points lost"),
        ("accuracy_drop", "ratio", -0.438, "43.8 points gained"),
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
        ("max_bytes", "bytes", 9_000_001.0, 9_000_000.0, "9.000001 MB"),
        ("top1_agreement", "ratio", 0.93, 0.93, "93.0 %"),
    ],
)
def test_a_value_never_looks_like_a_limit_that_it_is_not(
    gate: str, unit: str, value: float, limit: float, text: str
) -> None:
    assert spaced(words.quantity(gate, unit, value, beside=limit)) == text


def test_every_verdict_and_answer_has_its_own_sign_and_word() -> None:
    assert set(words.VERDICTS) == set(Verdict)
    assert set(words.ANSWERS) == set(ShipDecision)
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


@pytest.mark.parametrize("value", [0.004, -0.004, 0.0])
def test_no_value_begins_with_a_sign_that_is_a_mark(value: float) -> None:
    shown = words.quantity("accuracy_drop", "ratio", value)
    assert shown[0] not in {mark.ascii for mark in words.VERDICTS.values()}
    assert shown[0].isdecimal()


def test_a_limit_says_what_it_asks_for() -> None:
    assert spaced(words.limit("top1_agreement", "ratio", 0.93)) == "at least 93 %"
    assert spaced(words.limit("accuracy_drop", "ratio", 0.03)) == "at most 3 points"
    assert spaced(words.limit("a_gate_of_later", "bytes", 9e6)) == "at most 9 MB"


def test_a_tick_in_points_is_short_and_needs_no_lost_or_gained() -> None:
    texts = [words.tick("points", value) for value in (0.000038, -0.000671, 0.25, -0.1)]
    assert texts == [
        "0\u00a0points",
        "\u22120.07\u00a0points",
        "25\u00a0points",
        "\u221210\u00a0points",
    ]
    assert words.tick("percent", 0.968) == "96.8\u00a0%"
