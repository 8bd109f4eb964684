from __future__ import annotations

import numpy as np
import pytest

from edgeq.tasks.detection import heads
from edgeq.tasks.detection.boxes import Floats


def close(values: Floats, expected: object) -> None:
    np.testing.assert_allclose(values, np.asarray(expected), atol=1e-6)


def test_fastestdet_by_hand() -> None:
    head = np.zeros((2, 2, 7), np.float32)
    head[1, 0] = [0.5, 0.3, -0.2, 0.0, 1.0, 0.1, 0.8]
    found = heads.fastestdet([head], (32, 32))
    x, y = (0 + np.tanh(0.3)) / 2, (1 + np.tanh(-0.2)) / 2
    width, height = 0.5, 1 / (1 + np.exp(-1.0))
    close(found.corners, [[x - width / 2, y - height / 2, x + width / 2, y + height / 2]])
    close(found.scores, [0.5**0.6 * 0.8**0.4])
    assert found.classes.tolist() == [1]


def test_yolov5_multiplies_objectness_and_class() -> None:
    head = np.array([[0.5, 0.5, 0.2, 0.4, 0.9, 0.1, 0.8], [0.5, 0.5, 1, 1, 0.001, 1, 1]], "f4")
    found = heads.yolov5([head], (640, 640))
    close(found.corners, [[0.4, 0.3, 0.6, 0.7]])
    close(found.scores, [0.72])
    assert found.classes.tolist() == [1]


@pytest.mark.parametrize(("scale", "size"), [(1, (320, 640)), ((640, 320, 640, 320), (320, 640))])
def test_yolov8_is_read_relative_or_in_pixels(scale: object, size: tuple[int, int]) -> None:
    centres = np.array([[0.5, 0.5, 0.2, 0.4], [0.25, 0.5, 0.5, 0.5]], "f4") * np.asarray(
        scale, "f4"
    )
    head = np.concatenate([centres, np.array([[0.7, 0.2], [0.001, 0.6]], "f4")], axis=1).T
    found = heads.yolov8([head], size)
    close(found.corners, [[0.4, 0.3, 0.6, 0.7], [0, 0.25, 0.5, 0.75]])
    close(found.scores, [0.7, 0.6])
    assert found.classes.tolist() == [0, 1]


@pytest.mark.parametrize("decode", [heads.yolov5, heads.yolov8])
def test_a_head_without_a_certain_box_gives_none(decode: object) -> None:
    shape = (3, 6) if decode is heads.yolov5 else (6, 3)
    found = decode([np.zeros(shape, np.float32)], (64, 64))  # type: ignore[operator]
    assert len(found) == 0
    assert found.corners.shape == (0, 4)


def test_ssd_stops_at_the_number_of_boxes() -> None:
    corners = np.array([[0.1, 0.2, 0.3, 0.4], [0.5, 0.6, 0.7, 0.8], [0, 0, 1, 1]], "f4")
    outputs = [
        corners,
        np.array([2, 0, 5], "f4"),
        np.array([0.9, 0.4, 0.8], "f4"),
        np.array([2.0], "f4"),
    ]
    found = heads.ssd(outputs, (300, 300))
    close(found.corners, [[0.2, 0.1, 0.4, 0.3], [0.6, 0.5, 0.8, 0.7]])
    assert found.classes.tolist() == [2, 0]


def test_ultraface_has_the_priors_of_its_repository() -> None:
    priors = heads.ultraface_priors((240, 320))
    assert priors.shape == (4420, 4)
    close(priors[0], [4 / 320, 4 / 240, 10 / 320, 10 / 240])
    close(priors[-1], [288 / 320, 224 / 240, 256 / 320, 1])


@pytest.mark.parametrize("swapped", [False, True])
def test_ultraface_by_hand(*, swapped: bool) -> None:
    offsets, scores = np.zeros((4420, 4), "f4"), np.tile(np.array([1, 0], "f4"), (4420, 1))
    offsets[7], scores[7] = [1, -1, 2, 0], [0.2, 0.8]
    outputs = [scores, offsets] if swapped else [offsets, scores]
    found = heads.ultraface(outputs, (240, 320))
    x, y, width, height = heads.ultraface_priors((240, 320))[7]
    x, y, width = x + 0.1 * width, y - 0.1 * height, width * np.exp(0.4)
    close(found.corners, [[x - width / 2, y - height / 2, x + width / 2, y + height / 2]])
    close(found.scores, [0.8])


def test_ultraface_refuses_outputs_of_another_input() -> None:
    outputs = [np.zeros((10, 4), "f4"), np.zeros((10, 2), "f4")]
    with pytest.raises(ValueError, match=r"10 offsets .* 4420 priors"):
        heads.ultraface(outputs, (240, 320))


@pytest.mark.parametrize(
    ("count", "inner", "last"),
    [(896, 512, 7.5 / 8), (2016, 1152, 11.5 / 12), (2254, 1960, 6.5 / 7), (2304, 0, 47.5 / 48)],
)
def test_mediapipes_anchors_are_those_of_its_grids(count: int, inner: int, last: float) -> None:
    anchors = heads.mediapipe_anchors(count)
    assert anchors.shape == (count, 2)
    close(anchors[-1], [last, last])
    first = 0.5 / (1 if not inner else round(1 / (1 - last) / 2))
    close(anchors[inner], [first, first] if inner else [0.5 / 48] * 2)


@pytest.mark.parametrize("swapped", [False, True])
def test_mediapipe_by_hand(*, swapped: bool) -> None:
    values, logits = np.zeros((896, 16), "f4"), np.full((896, 1), -200, "f4")
    values[513, :4], logits[513] = [12.8, -6.4, 32, 64], 2.0
    outputs = [logits, values] if swapped else [values, logits]
    found = heads.mediapipe(outputs, (128, 128))
    # The second anchor of the first of 8 x 8 cells, whose centre is 1/16.
    x, y = 1 / 16 + 0.1, 1 / 16 - 0.05
    close(found.corners, [[x - 0.125, y - 0.25, x + 0.125, y + 0.25]])
    close(found.scores, [1 / (1 + np.exp(-2))])
    assert found.classes.tolist() == [0]


def test_mediapipe_refuses_other_anchors() -> None:
    with pytest.raises(ValueError, match=r"10 boxes and 10 scores .* one set of anchors \(896"):
        heads.mediapipe([np.zeros((10, 16), "f4"), np.zeros((10, 1), "f4")], (128, 128))
