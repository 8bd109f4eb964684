from __future__ import annotations

import numpy as np

from edgeq.measure.repeats import repeats, same

A = (np.array([[1.0, 2.0]], np.float32),)
B = (np.array([[1.0, 2.5]], np.float32),)
NAN = (np.array([[1.0, np.nan]], np.float32),)


def test_the_same_answers_three_times() -> None:
    found = repeats(A, A, A)
    assert found.same
    assert (found.images, found.largest) == (1, 0.0)


def test_an_answer_that_depends_on_the_photograph_before() -> None:
    found = repeats(A, B, A)
    assert not found.same
    assert found.at_once
    assert not found.after_others
    assert found.largest == 0.5


def test_an_answer_that_changes_right_away() -> None:
    found = repeats(A, A, B)
    assert (found.after_others, found.at_once, found.same) == (True, False, False)


def test_nan_is_like_nan_and_has_no_distance() -> None:
    assert repeats(NAN, NAN, NAN).same
    assert repeats(NAN, NAN, NAN).largest is None
    assert not repeats(A, NAN, A).same


def test_bits_count_and_shapes_too() -> None:
    assert not same((np.array([0.0], np.float32),), (np.array([-0.0], np.float32),))
    assert not same((np.zeros((1, 2), np.float32),), (np.zeros((2, 1), np.float32),))


def test_outputs_without_values_are_the_same_again() -> None:
    nothing = (np.empty((1, 0, 4), np.float32),)
    found = repeats(nothing, nothing, nothing)
    assert found.same
    assert found.largest == 0
