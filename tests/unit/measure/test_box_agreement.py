from __future__ import annotations

import numpy as np
import pytest

from edgeq.measure.box_agreement import box_agreement, box_errors, matched, paired_classes
from edgeq.measure.clusters import find_clusters
from edgeq.tasks.detection.boxes import Boxes
from tests.unit.tasks.detection.test_boxes import boxes

NONE = boxes([], [], [])
LEFT, RIGHT, LEFTISH = [0, 0, 0.4, 1], [0.6, 0, 1, 1], [0, 0, 0.45, 1]


def test_each_box_is_paired_once_and_the_most_certain_chooses_first() -> None:
    first = boxes([LEFT, LEFT, RIGHT], [0.5, 0.9, 0.8], [0, 0, 0])
    second = boxes([LEFTISH, RIGHT], [0.7, 0.7], [0, 1])
    assert matched(first, second).tolist() == [-1, 0, -1]


def test_the_same_boxes_agree_wholly() -> None:
    every = [boxes([LEFT, RIGHT], [0.9, 0.8], [0, 1])] * 30 + [NONE]
    same = box_agreement(every, every, 0.5)
    assert (same.baseline_boxes, same.variant_boxes, same.shared_boxes) == (60, 60, 60)
    assert same.recall is not None
    assert same.recall.value == 1
    assert same.recall.images == 30
    assert same.recall.interval == pytest.approx((0.025 ** (1 / 30), 1))
    assert same.shift is not None
    assert same.shift.value == 0
    assert same.unlike == ()


def test_lost_and_invented_boxes_are_counted_image_by_image() -> None:
    before = [boxes([LEFT, RIGHT], [0.9, 0.8], [0, 0]), boxes([LEFT], [0.9], [0])]
    after = [boxes([LEFT], [0.7], [0]), boxes([LEFT, RIGHT], [0.9, 0.6], [1, 1])]
    found = box_agreement(before, after, 0.5)
    assert found.shared_boxes == 1
    assert found.recall is not None
    assert found.recall.value == pytest.approx((0.5 + 0) / 2)
    assert found.precision is not None
    assert found.precision.value == pytest.approx((1 + 0) / 2)
    assert [image.image for image in found.unlike] == [1, 0]
    assert [box.shared for box in found.unlike[1].baseline] == [False, True]


def test_scores_below_the_operating_score_count_for_the_shift_alone() -> None:
    before, after = [boxes([LEFT], [0.6], [0])] * 2, [boxes([LEFT], [0.2], [0])] * 2
    found = box_agreement(before, after, 0.5)
    assert found.variant_boxes == 0
    assert found.precision is None
    assert found.recall is not None
    assert found.recall.value == 0
    assert found.shift is not None
    assert found.shift.value == pytest.approx(0.4)
    assert found.signed_shift == pytest.approx(-0.4)


def test_a_baseline_without_boxes_has_nothing_to_compare() -> None:
    found = box_agreement([NONE] * 3, [boxes([LEFT], [0.9], [0])] * 3, 0.5)
    assert found.recall is None
    assert found.shift is None
    assert found.precision is not None
    assert found.precision.value == 0


def test_crops_of_a_photograph_count_for_less() -> None:
    every: list[Boxes] = [boxes([LEFT], [0.9], [0])] * 20
    wide, narrow = (
        box_agreement(every, every, 0.5, clusters=clusters)
        for clusters in (find_clusters([at // 4 for at in range(20)]), None)
    )
    assert wide.recall is not None
    assert narrow.recall is not None
    assert wide.recall.interval is not None
    assert narrow.recall.interval is not None
    assert wide.recall.interval[0] < narrow.recall.interval[0]


def test_drawn_boxes_lie_inside_the_photograph() -> None:
    found = box_agreement([boxes([[-0.2, 0, 1.3, 1]], [0.9], [0])], [NONE], 0.5)
    assert found.unlike[0].baseline[0].corners == (0, 0, 1, 1)
    assert np.isclose(found.unlike[0].baseline[0].score, 0.9)


def test_boxes_on_each_other_are_paired_whatever_their_classes() -> None:
    ours = [NONE, boxes([LEFT, RIGHT], [0.9, 0.8], [3, 4])]
    theirs = [NONE, boxes([RIGHT, LEFTISH], [0.5, 0.6], [5, 7])]
    pairs = paired_classes(ours, theirs)
    assert [part.tolist() for part in pairs] == [[1, 1], [3, 4], [7, 5]]
    assert [len(part) for part in paired_classes([NONE], [NONE])] == [0, 0, 0]


def test_the_error_of_boxes_grows_with_place_and_score_and_does_not_jump() -> None:
    ours = boxes([LEFT, RIGHT], [0.8, 0.4], [0, 0])
    assert box_errors(ours, ours, 0.5).tolist() == [0, 0]
    lower = boxes([LEFTISH], [0.4], [0])  # below the operating score, so that only ours counts
    assert box_errors(ours, lower, 0.5).tolist() == pytest.approx([1 - (0.4 / 0.45) * 0.5])
    assert box_errors(ours, boxes([RIGHT], [0.9], [0]), 0.5).tolist() == pytest.approx(
        [1, 1 - 0.4 / 0.9]
    )
    assert box_errors(NONE, NONE, 0.5).size == 0
