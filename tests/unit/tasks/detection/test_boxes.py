from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edgeq.tasks.detection.boxes import Boxes, Floats, from_centres, iou, suppress

EDGES = st.floats(0, 1, width=32)
CENTRES = st.integers(0, 12).flatmap(lambda n: arrays(np.float32, (n, 4), elements=EDGES))


def boxes(corners: list[list[float]], scores: list[float], classes: list[int]) -> Boxes:
    return Boxes(
        np.array(corners, np.float32).reshape(-1, 4),
        np.array(scores, np.float32),
        np.array(classes, np.int64),
    )


def test_overlap_is_the_shared_area_by_the_covered_area() -> None:
    first = np.array([[0, 0, 2, 2]], np.float32)
    second = np.array([[1, 1, 3, 3], [0, 0, 2, 2], [5, 5, 6, 6]], np.float32)
    np.testing.assert_allclose(iou(first, second), [[1 / 7, 1, 0]], rtol=1e-6)


def test_boxes_without_an_area_overlap_nothing() -> None:
    point = np.array([[1, 1, 1, 1], [2, 2, 1, 1]], np.float32)
    assert not iou(point, point).any()


@given(CENTRES)
def test_overlap_is_symmetric_and_at_most_one(centres: Floats) -> None:
    corners = from_centres(centres)
    ratios = iou(corners, corners)
    np.testing.assert_allclose(ratios, ratios.T, atol=1e-6)
    assert (ratios >= 0).all()
    assert (ratios <= 1 + 1e-5).all()


def test_the_less_certain_box_of_an_object_goes() -> None:
    several = boxes([[0, 0, 1, 1], [0, 0, 1, 0.9], [0, 0, 1, 0.9]], [0.5, 0.9, 0.4], [3, 3, 4])
    left = suppress(several, 0.5)
    assert left.scores.tolist() == np.array([0.9, 0.4], np.float32).tolist()
    assert left.classes.tolist() == [3, 4]


def test_a_box_that_was_dropped_drops_no_other() -> None:
    chain = boxes([[0, 0, 10, 1], [4, 0, 14, 1], [8, 0, 18, 1]], [0.9, 0.8, 0.7], [0, 0, 0])
    assert suppress(chain, 0.4).corners[:, 0].tolist() == [0, 8]


def test_the_most_certain_boxes_stay_if_there_are_too_many() -> None:
    apart = boxes([[at, 0, at + 1, 1] for at in range(5)], [0.1, 0.5, 0.3, 0.4, 0.2], [0] * 5)
    assert suppress(apart, 0.5, most=2).corners[:, 0].tolist() == [1, 3]


@given(CENTRES, st.floats(0, 1))
def test_what_is_left_does_not_overlap_and_covers_what_goes(centres: Floats, limit: float) -> None:
    corners = from_centres(centres)
    scores = np.linspace(1, 0.5, len(corners), dtype=np.float32)
    every = Boxes(corners, scores, np.zeros(len(corners), np.int64))
    left = suppress(every, limit)
    ratios = iou(left.corners, left.corners)
    assert not (np.triu(ratios, 1) > limit).any()
    close = iou(corners, left.corners) > limit
    stays = np.isin(scores, left.scores)
    assert (close.any(axis=1) | stays).all()
