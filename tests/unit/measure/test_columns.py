from __future__ import annotations

import numpy as np
import pytest

from edgeq.measure import tensors
from edgeq.measure.columns import Columns
from edgeq.measure.tensors import Output, fit

IMAGES = 20


def detections(seed: int = 0) -> np.ndarray:
    """Boxes that vary by tens beside scores that vary by parts of 1, 30 anchors."""
    rng = np.random.default_rng(seed)
    boxes = rng.normal(0, 10, (IMAGES, 30, 4))
    return np.concatenate([boxes, rng.uniform(0, 0.9, (IMAGES, 30, 5))], axis=2).astype(np.float32)


def lost(ours: np.ndarray, theirs: np.ndarray, step: float = 0.0) -> tuple[int, ...]:
    one, other = (
        Output("x", rows.shape[1:], rows.reshape(len(rows), -1)) for rows in (ours, theirs)
    )
    found = fit(one, Output(other.name, other.shape, other.rows, step), output=0)
    assert found.error is not None
    return found.lost


def test_the_scores_of_another_image_are_seen_although_they_weigh_nothing() -> None:
    ours = detections()
    theirs = ours.copy()
    theirs[..., 4] = ours[::-1, :, 4]
    one, other = (Output("x", (30, 9), rows.reshape(IMAGES, -1)) for rows in (ours, theirs))
    found = fit(one, other, output=0)
    assert found.error is not None
    assert found.error < 0.05  # which is why the error of the whole says nothing
    assert (found.lost, found.lost_axis) == ((4,), 1)


@pytest.mark.parametrize("axis", [0, 1])
def test_columns_in_another_order_are_seen_along_either_axis(axis: int) -> None:
    ours = detections()
    theirs = ours[..., [0, 1, 2, 3, 5, 4, 6, 7, 8]]
    if axis == 0:
        ours, theirs = ours.swapaxes(1, 2), theirs.swapaxes(1, 2)
    assert lost(ours, theirs) == (4, 5)


def test_a_column_that_is_the_same_for_every_image_is_lost() -> None:
    theirs = detections()
    theirs[..., 6] = 0.4
    assert lost(detections(), theirs) == (6,)


@pytest.mark.parametrize(("scale", "shift"), [(0.1, 0.0), (0.5, 0.0), (2.0, 0.0), (1.0, 0.3)])
def test_scores_that_cross_no_threshold_any_more_are_seen(scale: float, shift: float) -> None:
    theirs = detections()
    theirs[..., 4:] = theirs[..., 4:] * scale + shift
    assert lost(detections(), theirs) == (4, 5, 6, 7, 8)


@pytest.mark.parametrize("noise", [0.1, 0.5, 1.5])
def test_noise_alone_loses_no_column(noise: float) -> None:
    ours = detections()
    spread = ours.std(axis=(0, 1))
    theirs = ours + np.random.default_rng(1).normal(0, noise, ours.shape) * spread
    assert lost(ours, theirs.astype(np.float32)) == ()


def test_a_rare_object_of_one_image_decides_nothing() -> None:
    ours = detections()
    ours[..., 8] = 0
    ours[3, 7, 8] = 0.9
    theirs = ours.copy()
    theirs[3, 7, 8] = 0
    assert lost(ours, theirs) == ()
    ours[::2, 7, 8] = 0.9  # half of the images show it
    theirs[..., 8] = 0
    assert lost(ours, theirs) == (8,)


def test_columns_that_hardly_vary_or_that_the_scale_can_not_show_are_left_out() -> None:
    ours = detections()
    ours[..., 8] *= 0.05
    theirs = ours.copy()
    theirs[..., 8] = 0
    assert lost(ours, theirs) == ()
    theirs = ours.copy()
    theirs[..., 4] = 0
    assert lost(ours, theirs, step=0.1) == (4,)
    assert lost(ours, theirs, step=0.3) == ()


def test_few_images_lose_no_column() -> None:
    assert lost(detections()[:7], detections(1)[:7]) == ()


def test_the_values_of_an_embedding_are_no_columns() -> None:
    rng = np.random.default_rng(0)
    ours = rng.normal(0, 1, (60, 128)).astype(np.float32)
    theirs = ours.copy()
    theirs[:, 5] = ours[::-1, 5]
    assert lost(ours, theirs) == ()
    assert lost(ours[:, :16], theirs[:, :16]) == (5,)


def test_few_single_values_lose_nothing_by_chance() -> None:
    rng = np.random.default_rng(0)
    ours = rng.normal(0, 1, (12, 16)).astype(np.float32)
    assert lost(ours, rng.permutation(ours)) == ()


def test_how_much_is_read_at_once_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = detections(), detections()
    theirs[..., 4] = 0
    for block in (20, 140, 777):
        monkeypatch.setattr(tensors, "BLOCK", block)
        assert lost(ours, theirs) == (4,)
        assert lost(ours.swapaxes(1, 2), theirs.swapaxes(1, 2)) == (4,)


def test_memory_is_bounded_by_a_sample_of_the_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgeq.measure.columns.SAMPLE", 10)
    assert Columns(5, 1_000_000)._by_image.shape == (10, 5)
    ours, theirs = detections(), detections()
    theirs[..., 4] = 0
    assert lost(ours, theirs) == (4,)


def test_a_column_is_ignored_below_the_least_range_not_at_it() -> None:
    columns = Columns(1, IMAGES, least=1.0)
    ours = np.where(np.arange(IMAGES) % 2, 0.5, -0.5).reshape(-1, 1)
    columns.add(np.array([0]), ours, np.zeros((IMAGES, 1)), np.zeros(1))
    assert columns.lost(1.0) == (0,)
    assert columns.lost(1.001) == ()
