from __future__ import annotations

import pytest

from edgeq.config.gates import GATES
from edgeq.judge.open_value import in_words, leaning, side
from edgeq.judge.verdict import Verdict
from edgeq.tasks.kinds import KINDS


@pytest.mark.parametrize(
    ("gate", "value", "expected"),
    [
        ("top1_agreement", 0.92, Verdict.FAIL),
        ("top1_agreement", 0.93, Verdict.PASS),
        ("top1_agreement", 0.94, Verdict.PASS),
        ("accuracy_drop", 0.94, Verdict.FAIL),
        ("accuracy_drop", 0.93, Verdict.PASS),
        ("latency_ratio", 0.92, Verdict.PASS),
    ],
)
def test_a_value_leans_to_the_side_of_its_limit(gate: str, value: float, expected: Verdict) -> None:
    assert leaning(gate, Verdict.INCONCLUSIVE, value, 0.93) is expected


@pytest.mark.parametrize("status", [v for v in Verdict if v is not Verdict.INCONCLUSIVE])
def test_only_the_inconclusive_leans(status: Verdict) -> None:
    assert leaning("top1_agreement", status, 0.9, 0.93) is None
    assert in_words(status, None) == status.value


def test_what_has_no_value_limit_or_known_gate_leans_nowhere() -> None:
    assert leaning("top1_agreement", Verdict.INCONCLUSIVE, None, 0.93) is None
    assert leaning("top1_agreement", Verdict.INCONCLUSIVE, 0.9, None) is None
    assert leaning("outputs", Verdict.INCONCLUSIVE, 0.9, 0.93) is None
    assert leaning("a_gate_of_later", Verdict.INCONCLUSIVE, 0.9, 0.93) is None


def test_the_limit_itself_is_within() -> None:
    assert side(0.5, 0.5, "min") is side(0.5, 0.5, "max") is Verdict.PASS


def test_only_gates_on_agreement_and_accuracy_and_boxes_see_predictions() -> None:
    of_tasks = {name for name, gate in GATES if gate.task in KINDS or gate.of_heads}
    assert all(GATES.get(name).sees_predictions for name in of_tasks)
    assert {name for name, gate in GATES if gate.sees_predictions} - of_tasks == {
        "class_recall_drop",
        "calibration_error_rise",
        "top1_agreement",
        "top5_overlap",
        "worst_cosine",
        "relative_error",
        "probability_drift",
        "accuracy_drop",
        "min_accuracy",
        "box_recall",
        "box_precision",
        "score_shift",
        "map_drop",
        "min_map",
        "same_as_local",
    }


def test_what_leans_says_where_to() -> None:
    assert in_words(Verdict.INCONCLUSIVE, Verdict.FAIL) == "INCONCLUSIVE, leans to FAIL"
