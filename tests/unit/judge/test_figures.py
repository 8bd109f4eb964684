"""Verdicts on the figures of tasks.

Verdicts on a project's own measures.
"""

from __future__ import annotations

from typing import Any

import pytest

from edgeq.config.gates import GATES
from edgeq.judge.figures import doubt_of_figures, figure, own_drop, own_value
from edgeq.judge.verdict import Verdict
from edgeq.measure.figures import Figure, TaskFigures
from edgeq.measure.own_measures import OwnMeasure

IOU = Figure(name="mean_iou", value=0.9, interval=(0.85, 0.95), text="mean IoU", images=50)
DROP = Figure(
    name="psnr_drop",
    value=2.0,
    interval=(1.5, 2.5),
    text="mean PSNR",
    images=50,
    baseline=32.0,
    variant=30.0,
)


def figures(*every: Figure, **more: object) -> TaskFigures:
    return TaskFigures(images=50, confidence=0.95, figures=every, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("limit", "status"),
    [(0.8, Verdict.PASS), (0.9, Verdict.INCONCLUSIVE), (0.97, Verdict.FAIL)],
)
def test_the_interval_decides(limit: float, status: Verdict) -> None:
    judged = figure(figures(IOU), limit, GATES.get("mean_iou"), method="int8")
    assert judged.status is status
    assert (judged.value, judged.interval, judged.limit) == (0.9, (0.85, 0.95), limit)
    assert judged.reason.startswith("mean IoU on 50 images: 90.0 % (85.0 to 95.0 %; limit: at")
    assert (judged.next_step is None) is (status is Verdict.PASS)


def test_a_difference_names_the_figures_of_both() -> None:
    judged = figure(figures(DROP), 1.0, GATES.get("psnr_drop"), method=None)
    assert judged.status is Verdict.FAIL
    assert "mean PSNR 32 -> 30 dB, on 50 images: 2 dB (1.5 to 2.5 dB; limit: at most 1 dB)" in (
        judged.reason.replace(".0", "").replace("00", "")
    )
    assert judged.evidence["baseline"] == 32.0


def test_a_figure_that_could_not_be_computed_is_missing_with_the_reason() -> None:
    judged = figure(
        figures(absent={"mean_iou": "there is no map"}), 0.9, GATES.get("mean_iou"), method=None
    )
    assert judged.status is Verdict.MISSING
    assert judged.reason == "there is no map"
    other = figure(figures(), 0.9, GATES.get("mean_iou"), method=None)
    assert "no figure 'mean_iou'" in other.reason


def test_a_doubt_about_the_baseline() -> None:
    assert doubt_of_figures(figures(IOU)) is None
    doubt = doubt_of_figures(figures(IOU, doubt="it sees nothing", doubt_step="Look"))
    assert doubt is not None
    assert (doubt.reason, doubt.next_step) == ("it sees nothing", "Look")


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
