from __future__ import annotations

import numpy as np
import pytest

from edgeq.config.gates import GATES
from edgeq.config.structs import Preprocessing
from edgeq.diagnosis import feeding, outputs
from edgeq.diagnosis.bench import Trial
from edgeq.diagnosis.cause import Cause, Diagnosis
from edgeq.diagnosis.explaining import with_cause
from edgeq.diagnosis.labels import are_unrelated, best_offset, same_classes
from edgeq.diagnosis.network import first_jump
from edgeq.judge.verdict import Verdict
from edgeq.record.structs import CaseRecord


def test_only_a_way_that_recovers_is_named() -> None:
    swap = feeding.Way("channel_order", "swapped", Preprocessing(channels="bgr"))
    unit = feeding.Way("input_range", "unit", Preprocessing(std=(255.0, 255.0, 255.0)))
    before = Trial(0.4, 1.0)
    assert feeding.explain(before, [(swap, Trial(0.5, 0.6))], 20) is None
    assert feeding.explain(before, [(swap, Trial(0.3, 0.1))], 20) is None
    assert feeding.explain(before, [], 20) is None
    found = feeding.explain(before, [(swap, Trial(0.9, 0.3)), (unit, Trial(1.0, 0.1))], 20)
    assert found is not None
    assert found.name == "input_range"
    assert "agrees on 100 % of 20 images" in found.sentence


ROWS = np.random.default_rng(3).normal(size=(6, 4)).astype(np.float32)


@pytest.mark.parametrize(
    ("forth", "back", "again", "name"),
    [
        (ROWS, ROWS[::-1], ROWS + 1, "nondeterminism"),
        (np.tile(ROWS[0], (6, 1)), np.tile(ROWS[5], (6, 1)), None, "constant_output"),
        (ROWS[[0, 0, 1, 2, 3, 4]], ROWS[[1, 2, 3, 4, 5, 5]], None, "stale_output"),
    ],
)
def test_unsteady_answers_are_told_apart(
    forth: np.ndarray, back: np.ndarray, again: np.ndarray | None, name: str
) -> None:
    found = outputs.explain(forth, back, forth if again is None else again)
    assert found.name == name
    assert ("the photograph before" in found.sentence) == (name == "stale_output")


def test_an_offset_needs_several_classes() -> None:
    classes = np.array([4, 7, 1, 1, 9, 3, 2])
    assert best_offset(classes, classes + 1, 10) == (1, 1.0)
    assert best_offset(classes, (classes - 2) % 10, 10) == (-2, 1.0)
    assert best_offset(classes, classes, 10) is None
    assert best_offset(classes, np.random.default_rng(0).permutation(classes), 10) is None
    assert best_offset(np.full(7, 3), np.full(7, 4), 10) is None
    assert same_classes(classes, classes[::-1]) == 1
    assert same_classes(classes, classes + 20) == 0


def test_classes_that_fit_no_better_than_by_chance_are_unrelated() -> None:
    classes = np.repeat(np.arange(10), 8)
    assert are_unrelated(classes, np.roll(classes, 8))
    assert are_unrelated(classes, np.random.default_rng(0).permutation(classes))
    assert not are_unrelated(classes, classes)
    assert not are_unrelated(classes, np.where(np.arange(80) % 4, (classes + 1) % 10, classes))
    assert not are_unrelated(classes[:19], np.roll(classes, 8)[:19])  # too few
    assert not are_unrelated(np.full(80, 3), classes)  # always the same class
    most = np.where(np.arange(80) % 3, 0, classes)
    assert not are_unrelated(most, classes)  # one class is more than half of them


def test_the_first_jump_is_where_the_error_leaves_what_was_before() -> None:
    assert first_jump([0.01, 0.02, 0.9, 1.0]) == 2
    assert first_jump([0.05, 0.15, 0.3, 0.5, 0.7]) is None
    assert first_jump([0.0, 0.01, 0.3], 0.1) == 2
    assert first_jump([]) is None


def test_every_gate_that_looks_at_predictions_here_names_the_cause_of_its_failure() -> None:
    silent = {name for name, gate in GATES if gate.sees_predictions and not gate.explained}
    assert silent == {"same_as_local"}


def test_a_cause_that_says_no_more_than_the_reason_is_not_repeated() -> None:
    record = CaseRecord(
        id="m/v/weights",
        model="m",
        variant="v",
        gate="weights",
        status=Verdict.FAIL,
        reason="all 0",
    )
    shown = [
        with_cause(record, Diagnosis(Cause("damaged_tensor", sentence, next_step="Rebuild it")))
        for sentence in ("all 0", "all 0; put back, it passes", "another. all 0")
    ]
    assert [case.cause for case in shown] == [
        None,
        "probable cause: put back, it passes",
        "probable cause: another",
    ]
    assert {case.next_step for case in shown} == {"Rebuild it"}
