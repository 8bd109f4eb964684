"""Recall by class, calibration and further heads of classifiers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from edgeq.measure.figures import TaskData
from edgeq.measure.predictions import make_answers
from edgeq.measure.tasks.classes import calibration_error, measure
from edgeq.measure.tensors import Output
from tests.unit.measure.test_figures import data


def predicted(classes: npt.ArrayLike, sure: float = 0.9, count: int = 3) -> npt.NDArray[np.float64]:
    """Return probabilities whose greatest is that of the given classes."""
    rest = (1 - sure) / (count - 1)
    return np.where(np.eye(count)[np.asarray(classes)] > 0, sure, rest)


LABELS = np.repeat([0, 1, 2], [40, 20, 5])
ZEROS = data(np.zeros((65, 3)), np.zeros((65, 3)))


def test_the_greatest_drop_of_a_recall_is_that_of_its_class() -> None:
    theirs = LABELS.copy()
    theirs[40:50] = 0  # half of class 1
    theirs[60:] = 0  # class 2 has too few images
    ours, variant = (
        make_answers(predicted(of), None, is_probability=True) for of in (LABELS, theirs)
    )
    figures = measure(ZEROS, ours, variant, LABELS)
    drop = figures.get("class_recall_drop")
    assert drop is not None
    assert (drop.value, drop.baseline, drop.variant) == (0.5, 1, 0.5)
    assert drop.interval is not None
    assert 0.1 < drop.interval[0] < 0.5 < drop.interval[1]
    assert "class 1's on 20 images" in drop.text
    assert [(row.count, row.variant) for row in figures.classes] == [(40, 1), (20, 0.5), (5, 0)]
    assert "head_agreement" in figures.absent


def test_a_variant_that_is_too_sure_is_worse_calibrated() -> None:
    right = np.arange(65) % 10 < 7
    classes = np.where(right, LABELS, (LABELS + 1) % 3)
    ours, theirs = (
        make_answers(predicted(classes, sure), None, is_probability=True) for sure in (0.7, 0.99)
    )
    rise = measure(ZEROS, ours, theirs, LABELS).get("calibration_error_rise")
    assert rise is not None
    share = float(right.mean())
    assert rise.baseline == pytest.approx(abs(share - 0.7), abs=1e-6)
    assert rise.variant == pytest.approx(0.99 - share, abs=1e-6)
    assert rise.interval is not None
    assert rise.interval[0] > 0


def test_the_calibration_error_of_a_hand_count() -> None:
    confidence = np.array([0.51, 0.52, 0.95, 0.95])
    right = np.array([True, False, True, True])
    error = calibration_error(confidence, np.ones(4, np.bool_), right, np.ones((1, 4)))
    assert error == pytest.approx([(2 * abs(0.5 - 0.515) + 2 * 0.05) / 4])


def test_every_further_head_is_compared_and_the_worst_counts() -> None:
    rng = np.random.default_rng(0)
    kinds, flags = rng.random((65, 4)), rng.random((65, 1))
    other = kinds.copy()
    other[:13] = other[:13, ::-1]

    def outputs(*heads: npt.NDArray[np.float64]) -> list[Output]:
        rows = [head.astype(np.float32) for head in heads]
        return [Output(f"head{at}", head.shape[1:], head) for at, head in enumerate(rows)]

    both = TaskData(outputs(kinds, kinds, flags), outputs(kinds, other, flags), 0, tuple(range(65)))
    answers = make_answers(predicted(LABELS), None, is_probability=True)
    figure = measure(both, answers, answers, None, (1, 2)).get("head_agreement")
    assert figure is not None
    assert figure.value == pytest.approx(52 / 65)
    assert "output 1 ('head1')" in figure.text
    flipped = TaskData(
        outputs(kinds, kinds, flags), outputs(kinds, kinds, 1 - flags), 0, tuple(range(65))
    )
    figure = measure(flipped, answers, answers, None, (1, 2)).get("head_agreement")
    assert figure is not None
    assert figure.value == 0
