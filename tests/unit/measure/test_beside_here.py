from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from edgeq.measure.beside_here import BesideHere, Pair, beside_here

Floats = npt.NDArray[np.float32]


def compared(here: Floats, there: Floats, step: float = 0.0, **keys: int) -> BesideHere:
    pair = Pair(here, there, step)
    return beside_here([pair], keys.get("moved"), None, images=len(here), confidence=0.95)


def values(*numbers: float) -> Floats:
    return np.array([numbers], np.float32)


def test_equal_outputs_differ_in_nothing() -> None:
    found = compared(values(1, np.nan, np.inf), values(1, np.nan, np.inf))
    assert (found.values, found.differing, found.beyond, found.largest) == (3, 0, 0, 0.0)
    assert found.in_steps, "nothing differs that would have no step"


def test_differences_are_counted_in_steps() -> None:
    found = compared(values(0, 0.5, 1.0, 2.0), values(0, 0.75, 1.0, 2.5), step=0.25)
    assert (found.differing, found.beyond, found.largest, found.in_steps) == (2, 1, 2.0, True)


@pytest.mark.parametrize(("moved", "beyond"), [(4e-6, 0), (4e-5, 1)])
def test_float_outputs_may_differ_by_rounding(moved: float, beyond: int) -> None:
    found = compared(values(0.5, 0.25), values(0.5 + moved, 0.25))
    assert (found.differing, found.beyond, found.in_steps) == (1, beyond, False)


def test_rounding_grows_with_the_values() -> None:
    assert compared(values(640, 1), values(640.001, 1)).beyond == 0


def test_a_nan_on_one_side_is_beyond_everything() -> None:
    found = compared(values(1, 2), values(1, np.nan), step=0.5)
    assert (found.differing, found.beyond, found.largest) == (1, 1, 0.0)


def test_samples_with_another_class_have_an_interval() -> None:
    same = np.zeros((20, 3), np.float32)
    found = compared(same, same, moved=1)
    assert found.moved_interval is not None
    low, high = found.moved_interval
    assert low < 1 / 20 < high


def test_values_at_the_same_end_on_both_sides_show_nothing() -> None:
    here = np.array([[0, 0, 0.5, 1], [0, 0.25, 0, 1]], np.float32)
    there = np.array([[0, 0, 0.75, 1], [0, 0.25, 0.25, 1]], np.float32)
    found = compared(here, there, step=0.25)
    assert (found.values, found.differing, found.live) == (8, 2, 3)
    assert compared(here, there).live == 0, "an output without a scale has no steps"
    assert not found.unlike
