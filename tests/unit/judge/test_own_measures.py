"""Verdicts on a project's own measures."""

from __future__ import annotations

from typing import Any

import pytest

from edgeq.judge.own_measures import own_drop, own_value
from edgeq.judge.verdict import Verdict
from edgeq.measure.own_measures import OwnMeasure


def measure(**changes: Any) -> OwnMeasure:
    facts: dict[str, Any] = {
        "name": "word_error",
        "better": "lower",
        "images": 500,
        "confidence": 0.95,
        "baseline": 0.1,
        "variant": 0.12,
        "variant_interval": (0.1, 0.14),
        "drop": 0.02,
        "drop_interval": (0.01, 0.03),
        "method": "Gaffke's bounds",
    }
    return OwnMeasure(**(facts | changes))


@pytest.mark.parametrize(
    ("limit", "verdict"),
    [(0.05, Verdict.PASS), (0.025, Verdict.INCONCLUSIVE), (0.005, Verdict.FAIL)],
)
def test_the_drop_is_held_against_its_limit(limit: float, verdict: Verdict) -> None:
    judgement = own_drop(measure(), limit)
    assert judgement.status is verdict
    assert "word_error 0.100 -> 0.120 on 500 images, lower is better; worse by" in judgement.reason


@pytest.mark.parametrize(
    ("better", "limit", "verdict"),
    [
        ("lower", 0.15, Verdict.PASS),
        ("lower", 0.09, Verdict.FAIL),
        ("higher", 0.09, Verdict.PASS),
        ("higher", 0.15, Verdict.FAIL),
    ],
)
def test_the_value_is_held_against_its_limit_on_its_side(
    better: str, limit: float, verdict: Verdict
) -> None:
    judgement = own_value(measure(better=better), limit)
    assert (judgement.status, judgement.value) == (verdict, 0.12)
    assert "baseline 0.100" in judgement.reason


def test_without_an_interval_nothing_is_settled() -> None:
    judgement = own_drop(measure(drop=0.0, drop_interval=None), 0.1)
    assert judgement.status is Verdict.INCONCLUSIVE
    assert judgement.next_step
