"""Label sets of multi-label classifiers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgeq.config.structs import TaskOptions
from edgeq.measure.tasks.label_sets import measure
from tests.unit.measure.test_figures import data

OURS = np.array([[0.9, 0.8, 0.1], [0.1, 0.7, 0.2], [0.2, 0.1, 0.1], [0.9, 0.1, 0.9]])


def test_the_overlap_is_of_the_labels_that_one_of_them_gives() -> None:
    theirs = OURS.copy()
    theirs[0, 1] = 0.4  # of two labels, one is left
    theirs[1, 2] = 0.6  # a second one
    figures = measure(data(OURS, theirs))
    figure = figures.get("label_overlap")
    assert figure is not None
    assert figure.value == pytest.approx((0.5 + 0.5 + 1) / 3)
    assert figure.images == 3  # nobody gives the third image a label
    assert "5 labels of the baseline and 5 of its own" in figure.text
    assert [sample.image for sample in figures.unlike] == [0, 1]
    assert figures.unlike[0].text == "baseline only: 1"


def test_f1_drops_with_labels() -> None:
    truth = [(row >= 0.5).astype(np.uint8) for row in OURS]
    theirs = np.where(OURS >= 0.5, OURS, 0.1)
    theirs[:, 1] = 0
    figures = measure(replace(data(OURS, theirs), labels=truth))
    drop = figures.get("f1_drop")
    assert drop is not None
    assert (drop.baseline, drop.variant) == pytest.approx((1, 2 * 3 / (3 + 5)))
    assert [(row.class_index, row.count, row.variant) for row in figures.classes] == [
        (0, 2, 1),
        (1, 2, 0),
        (2, 1, 1),
    ]


def test_the_spec_sets_the_threshold() -> None:
    low = replace(data(OURS, OURS), options=TaskOptions(threshold=0.95))
    figures = measure(low)
    assert figures.get("label_overlap") is None
    assert "0.95" in figures.absent["label_overlap"]
    assert "no label a probability of 0.95" in figures.doubt


def test_swapped_classes_are_other_labels() -> None:
    figure = measure(data(OURS, OURS[:, [2, 0, 1]])).get("label_overlap")
    assert figure is not None
    assert figure.value < 0.5


def test_labels_of_other_classes_are_refused() -> None:
    with pytest.raises(ValueError, match="labels of 2 classes, outputs of 3"):
        measure(replace(data(OURS, OURS), labels=[np.ones(2)] * 4))
