from __future__ import annotations

import re

import pytest

from edgeq.config.gates import GATES
from edgeq.errors import SpecError
from edgeq.measure.statistics import best_provable_rate
from edgeq.repair.goals import corrected, parse_goal, provable_with

AGREEMENT = GATES.get("top1_agreement")


@pytest.mark.parametrize(
    ("text", "gate", "number", "reference"),
    [
        ("relative_error <= 0.5 x int8", "relative_error", 0.5, "int8"),
        ("relative_error<=.5*int8@tensorflow", "relative_error", 0.5, "int8@tensorflow"),
        ("top1_agreement >= 98 %", "top1_agreement", 0.98, None),
        (" accuracy_drop <= 0.01 ", "accuracy_drop", 0.01, None),
    ],
)
def test_goals_are_read(text: str, gate: str, number: float, reference: str | None) -> None:
    goal = parse_goal(text)
    assert (goal.gate.name, goal.reference) == (gate, reference)
    assert goal.number == pytest.approx(number)


def test_a_goal_is_a_share_of_what_the_reference_reaches() -> None:
    goal = parse_goal("relative_error <= 0.5 x int8")
    assert goal.limit(0.2) == pytest.approx(0.1)
    assert parse_goal("relative_error <= 0.5").limit(None) == 0.5
    assert goal.text == "relative_error <= 0.5 x int8"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("smaller", "'smaller' is not a goal. Write"),
        ("relativ_error <= 1", "unknown goal 'relativ_error'. Did you mean 'relative_error'?"),
        ("max_bytes <= 7000000", "max_bytes is not measured on samples, so a repair can't aim at"),
        ("types >= 1", "types is not measured on samples"),
        ("relative_error >= 0.5", "relative_error is a limit with <="),
        ("top1_agreement <= 0.9", "top1_agreement is a limit with >="),
    ],
)
def test_what_is_not_a_goal_is_refused_at_once(text: str, message: str) -> None:
    with pytest.raises(SpecError, match=re.escape(message)):
        parse_goal(text)


def test_a_goal_that_the_samples_can_not_prove_is_refused_with_the_number_that_could() -> None:
    with pytest.raises(SpecError, match=r"367 samples can't prove .*; 368 samples without a flip"):
        provable_with([(AGREEMENT, 0.99)], 367, 0.95, 5)
    with pytest.raises(SpecError, match="no number of samples could"):
        provable_with([(AGREEMENT, 1.0)], 500, 0.95, 5)
    with pytest.raises(SpecError, match=r"can't prove accuracy_drop <= 0\.01"):
        provable_with([(GATES.get("accuracy_drop"), 0.01)], 100, 0.95, 5)


@pytest.mark.parametrize(("samples", "most"), [(368, 1), (500, 3), (527, 4), (1000, 5)])
def test_fewer_candidates_are_tried_where_more_would_make_the_goal_unprovable(
    samples: int, most: int
) -> None:
    assert provable_with([(AGREEMENT, 0.99)], samples, 0.95, 5) == most
    assert best_provable_rate(samples, corrected(0.95, most)) >= 0.99


def test_continuous_goals_need_no_number_of_samples() -> None:
    assert provable_with([(GATES.get("relative_error"), 0.01)], 20, 0.95, 5) == 5


def test_intervals_of_several_hold_together() -> None:
    assert corrected(0.95, 1) == pytest.approx(0.95)
    assert corrected(0.95, 5) == pytest.approx(0.99)
