"""IoU with the baseline's maps and with masks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from edgeq.config.structs import TaskOptions
from edgeq.measure.tasks.segmentation import measure
from tests.unit.measure.test_figures import data


def halves(images: int = 30, side: int = 16) -> npt.NDArray[np.int64]:
    """Return maps whose left part, of another width in each, is class 1."""
    maps = np.zeros((images, side, side), np.int64)
    for at in range(images):
        maps[at, :, : 4 + at % 8] = 1
    return maps


def scores(maps: npt.NDArray[np.int64], classes: int) -> npt.NDArray[np.float64]:
    return np.eye(classes)[maps]


def iou(first: npt.NDArray[np.int64], second: npt.NDArray[np.int64], name: int) -> float:
    return float(((first == name) & (second == name)).sum()) / float(
        ((first == name) | (second == name)).sum()
    )


def test_mean_iou_is_that_of_all_pixels_of_a_class() -> None:
    ours = halves()
    theirs = np.roll(ours, 1, axis=2)
    figures = measure(data(scores(ours, 2), scores(theirs, 2)))
    figure = figures.get("mean_iou")
    expected = (iou(ours, theirs, 0) + iou(ours, theirs, 1)) / 2
    assert figure is not None
    assert figure.value == pytest.approx(expected)
    assert figure.interval is not None
    assert figure.interval[0] < expected < figure.interval[1]
    assert [row.class_index for row in figures.classes] == [0, 1]
    assert figures.classes[1].variant == pytest.approx(iou(ours, theirs, 1))
    assert figures.classes[1].count == (ours == 1).sum()
    assert len(figures.unlike) == 6
    assert figures.unlike[0].rows == 16
    assert "9" in figures.unlike[0].map


def test_a_copy_is_the_same_and_no_image_differs() -> None:
    figures = measure(data(scores(halves(), 3), scores(halves(), 3)))
    figure = figures.get("mean_iou")
    assert figure is not None
    assert figure.value == 1
    assert not figures.unlike
    assert not figures.doubt


@pytest.mark.parametrize("values", ["probability", "logit", "index", "scores"])
def test_maps_are_read_as_the_baseline_has_them(values: str) -> None:
    def read(maps: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        one = maps[..., None].astype(np.float64)
        every = {"probability": 0.9 * one, "logit": 8 * one - 4, "index": one[..., 0]}
        return every.get(values, scores(maps, 2))

    ours, theirs = halves(), np.roll(halves(), 2, axis=2)
    figure = measure(data(read(ours), read(theirs))).get("mean_iou")
    assert figure is not None
    assert figure.value == pytest.approx((iou(ours, theirs, 0) + iou(ours, theirs, 1)) / 2)


def test_the_threshold_decides_what_is_foreground() -> None:
    values = 0.4 * halves()[..., None]
    assert "the same class" in measure(data(values, values)).doubt
    lower = replace(data(values, values), options=TaskOptions(threshold=0.3))
    assert not measure(lower).doubt


def test_swapped_classes_have_no_overlap() -> None:
    figure = measure(data(scores(halves(), 2), scores(1 - halves(), 2))).get("mean_iou")
    assert figure is not None
    assert figure.value == 0


def test_a_class_of_a_few_pixels_does_not_count() -> None:
    ours = halves()
    ours[0, 0, 0] = 2
    theirs = halves()
    figures = measure(data(scores(ours, 3), scores(theirs, 3)))
    figure = figures.get("mean_iou")
    assert figure is not None
    assert figure.value > 0.99
    assert [row.variant for row in figures.classes][2] == 0


def test_the_drop_against_masks() -> None:
    truth = halves()
    shifted = np.roll(truth, 2, axis=2)
    labelled = replace(data(scores(truth, 2), scores(shifted, 2)), labels=list(truth))
    figures = measure(labelled)
    figure = figures.get("iou_drop")
    assert figure is not None
    assert (figure.baseline, figure.variant) == pytest.approx(
        (1, (iou(truth, shifted, 0) + iou(truth, shifted, 1)) / 2)
    )
    assert figure.interval is not None
    assert figure.interval[0] > 0
    assert figures.class_measure == "IoU with the masks"
    assert figures.classes[1].baseline == 1


def test_ignored_pixels_count_neither_way() -> None:
    truth = halves()
    wrong = scores(truth, 3)
    wrong[:, 0] = np.eye(3)[2]
    masks = truth.copy()
    masks[:, 0] = 255
    figures = measure(replace(data(scores(truth, 3), wrong), labels=list(masks)))
    figure = figures.get("iou_drop")
    assert figure is not None
    assert figure.value == 0
    other = masks.copy()
    other[masks == 255] = 9
    options = TaskOptions(ignored_class=9)
    figure = measure(
        replace(data(scores(truth, 3), wrong), labels=list(other), options=options)
    ).get("iou_drop")
    assert figure is not None
    assert figure.value == 0


def test_a_black_and_white_mask_has_its_foreground_at_255() -> None:
    values, masks = 0.9 * halves()[..., None], [255 * mask for mask in halves()]
    figure = measure(replace(data(values, values), labels=masks)).get("iou_drop")
    assert figure is not None
    assert figure.baseline == 1


def test_masks_in_which_nothing_counts_tell_no_drop() -> None:
    masks = [np.full((16, 16), 255)] * 30
    values = scores(halves(), 3)
    figures = measure(replace(data(values, values), labels=masks))
    assert figures.get("iou_drop") is None
    assert "no pixel of the masks" in figures.absent["iou_drop"]
