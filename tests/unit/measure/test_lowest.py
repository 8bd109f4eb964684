from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from edgeq.measure.lowest import FEW, RARE, lowest, most_by_chance, rules_out_more


def test_the_counts_that_the_documentation_names() -> None:
    counts = [most_by_chance(n, 0.95) for n in (1, 52, 53, 500, 504, 505, 1289, 1290)]
    assert counts == [0, 0, 1, 1, 1, 2, 2, 3]


@given(st.integers(1, 60_000))
def test_one_more_than_chance_allows_is_rare_in_a_good_variant(n: int) -> None:
    """Exactly: the chance of more images below the limit, where a share of RARE lies there."""
    assert binom.sf(most_by_chance(n, 0.95), n, RARE) <= 0.025


@pytest.mark.parametrize("n", [500, 1300, 5000, 50_000])
def test_a_share_of_a_hundredth_is_seen(n: int) -> None:
    assert binom.sf(most_by_chance(n, 0.95), n, FEW) >= 0.7


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=400), st.integers(1, 5))
def test_the_lowest_values_are_the_first_of_all_sorted(values: list[float], crops: int) -> None:
    low = lowest(np.array(values), 0.95)
    assert list(low) == sorted(values)[: len(low)]
    assert len(low) == most_by_chance(len(values), 0.95) + 1
    repeated = lowest(np.repeat(values, crops), 0.95, worth=len(values))
    assert repeated[-1] == low[-1]  # crops of one photograph are ruined together


def test_few_of_many_are_known_to_be_few() -> None:
    assert rules_out_more(0, 1, 1, 0.95)
    assert not rules_out_more(1, 554, 554, 0.95)
    assert rules_out_more(1, 555, 555, 0.95)
    assert not rules_out_more(5, 2775, 500, 0.95)


def test_the_value_of_a_good_variant_does_not_fall_with_the_size_of_the_set() -> None:
    """A tail in which 1 in 500 lies below 0.926, and 1 in 1,300 below 0.838, as was measured."""
    generator = np.random.default_rng(0)
    index = np.log((1 - 0.838) / (1 - 0.926)) / np.log(1300 / 500)
    failed = {}
    for n in (500, 1300, 5000, 20_000):
        ranks = generator.random((400, n))
        cosines = 1 - (1 - 0.926) * (500 * ranks) ** -index
        low = [lowest(np.maximum(row, -1.0), 0.95)[-1] < 0.75 for row in cosines]
        failed[n] = float(np.mean(low)), float(np.mean(cosines.min(axis=1) < 0.75))
    held, alone = zip(*failed.values(), strict=True)
    assert max(held) <= 0.025 + 2 * 0.008  # and two standard errors of so many sets
    assert alone[0] > 0.15
    assert alone[-1] > 0.99  # the lowest alone fails nearly always on the larger sets
