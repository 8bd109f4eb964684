from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest

from edgeq.errors import ImageError
from edgeq.measure.accuracy import accuracy
from edgeq.measure.agreement import agreement
from edgeq.measure.answers import Answers, make_answers
from edgeq.measure.statistics import clopper_pearson, mcnemar_exact, paired_difference


def answers(scores: object) -> Answers:
    return make_answers(np.array(scores, np.float32), None, is_probability=False)


def test_lost_gained_and_drop() -> None:
    labels = [0, 1, 2, 3, 4]
    found = accuracy(
        answers(np.eye(7)[[0, 1, 2, 3, 6]]),  # right, right, right, right, wrong
        answers(np.eye(7)[[0, 1, 5, 6, 4]]),  # right, right, lost, lost, gained
        labels,
    )
    assert (found.lost, found.gained) == (2, 1)
    assert found.drop == pytest.approx(0.2)
    assert found.drop_interval == paired_difference(2, 1, 5, 0.95)
    assert found.mcnemar_p == mcnemar_exact(2, 1)
    assert found.baseline_top1.images == 4
    assert found.variant_top1.value == 0.6
    assert found.variant_top1.interval == clopper_pearson(3, 5, 0.95)
    msgspec.json.encode(found)


def test_ties_and_values_that_are_not_finite_are_wrong() -> None:
    variant = np.eye(3)
    variant[0, 2] = 1.0
    variant[1, 0] = math.nan
    found = accuracy(answers(np.eye(3)), answers(variant), [0, 1, 2])
    assert (found.lost, found.gained, found.variant_top1.images) == (2, 0, 1)


def test_top_5_counts_ties_against_the_label() -> None:
    flat = answers(np.zeros((1, 10)))
    found = accuracy(answers(np.arange(10.0)[None]), flat, [5])
    assert found.baseline_top5 is not None
    assert found.variant_top5 is not None
    assert (found.baseline_top5.images, found.variant_top5.images) == (1, 0)
    assert accuracy(answers(np.arange(10.0)[None]), flat, [4]).baseline_top5.images == 0  # type: ignore[union-attr]


def test_five_classes_have_no_top_5() -> None:
    assert accuracy(answers(np.eye(5)), answers(np.eye(5)), range(5)).baseline_top5 is None


@pytest.mark.parametrize("seed", range(5))
def test_lost_and_gained_are_the_flips_of_agreement(seed: int) -> None:
    generator = np.random.default_rng(seed)
    baseline, variant = generator.integers(0, 4, (2, 100, 6))  # many ties
    labels = generator.integers(0, 6, 100)
    pair = answers(baseline), answers(variant)
    counts = agreement(*pair, labels).flip_counts
    found = accuracy(*pair, labels)
    assert counts is not None
    assert (found.lost, found.gained) == (counts.right_to_wrong, counts.wrong_to_right)


def test_labels_out_of_range_are_refused() -> None:
    with pytest.raises(ImageError, match="label 7"):
        accuracy(answers(np.eye(5)), answers(np.eye(5)), [0, 1, 2, 3, 7])
