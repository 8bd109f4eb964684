from __future__ import annotations

import numpy as np

from edgeq.measure.percentiles import percentiles, short


def test_percentiles_rise_from_the_least_to_the_greatest() -> None:
    found = percentiles(np.random.default_rng(0).permutation(np.arange(1001.0)))
    assert found[:2] == (0.0, 10.0)
    assert found[50] == 500.0
    assert found[-1] == 1000.0
    assert len(found) == 101


def test_numbers_are_short() -> None:
    assert short([1 / 3, 123456.789, 1e-9 / 3]) == (0.33333, 123460.0, 3.3333e-10)


def test_narrow_numbers_are_interpolated_as_finely_as_wide_ones() -> None:
    assert percentiles(np.array([0.3, 1000], np.float16))[50] == 500.15
