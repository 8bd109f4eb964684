from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeq.measure.renaming import renaming


def answers(
    classes: int, images: int, accuracy: float, seed: int = 0
) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Return what a model of some accuracy gives, and the labels."""
    generator = np.random.default_rng(seed)
    labels = np.arange(images) % classes
    wrong = generator.integers(0, classes, images)
    given_ = np.where(generator.random(images) < accuracy, labels, wrong)
    return given_.astype(np.int64), labels.astype(np.int64)


@pytest.mark.parametrize("classes", [2, 3, 10, 100])
def test_two_classes_that_changed_places_are_seen(classes: int) -> None:
    given_, labels = answers(classes, 60 * classes, 0.95)
    swap = np.arange(classes)
    swap[[0, 1]] = [1, 0]
    found = renaming(swap[given_], labels, classes, range(labels.size))
    if classes <= 10:  # a hundredth of the images is less than a clear gain
        assert found.sure
        assert found.renamed > found.right
    assert not renaming(given_, labels, classes, range(labels.size)).sure


@given(st.integers(2, 30), st.floats(0.3, 1.0), st.integers(0, 50))
def test_a_model_in_the_right_order_gains_nothing(classes: int, accuracy: float, seed: int) -> None:
    given_, labels = answers(classes, 12 * classes, accuracy, seed)
    assert not renaming(given_, labels, classes, range(labels.size)).sure


def test_few_images_are_never_sure() -> None:
    labels = np.array([0, 1, 2, 3], np.int64)
    assert not renaming(labels[::-1].copy(), labels, 4, range(4)).sure
