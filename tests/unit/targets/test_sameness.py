from __future__ import annotations

import numpy as np

from edgeq.run.protocol import AnyArray
from edgeq.targets.sameness import Sameness, sameness


def arrays(*values: list[float]) -> list[AnyArray]:
    return [np.array(row, np.float32) for row in values]


def test_differences_are_counted() -> None:
    ours = arrays([1.0, 2.0, np.nan], [0.0])
    found = sameness(ours, arrays([1.0, 2.5, np.nan], [0.0]))
    assert found == Sameness(values=4, differing=1, largest=0.5)
    assert str(found) == "1 of 4 values differ from here, by 0.5 at most"


def test_the_largest_is_that_of_all_outputs() -> None:
    assert sameness(arrays([3.0], [1.0]), arrays([1.0], [0.0])).largest == 2.0
    assert sameness(arrays([1.0], [3.0]), arrays([0.0], [1.0])).largest == 2.0


def test_the_same_is_the_same() -> None:
    assert str(sameness(arrays([1.0]), arrays([1.0]))) == "the same as here, bit by bit (1 values)"


def test_nan_on_one_side_is_not_hidden() -> None:
    found = sameness(arrays([np.nan, 1.0], [0.0]), arrays([1.0, 3.0], [1.0]))
    assert found.differing == 3
    assert np.isnan(found.largest)


def test_large_integers_are_compared_exactly() -> None:
    ours, theirs = np.array([2**24 + 1], np.int32), np.array([2**24], np.int32)
    assert sameness([ours], [theirs]).differing == 1
