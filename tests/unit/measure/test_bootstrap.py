from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeq.measure.bootstrap import LEAST_BLOCKS, _weighted_medians, median_intervals


@given(
    st.lists(st.tuples(st.floats(0.001, 10), st.integers(0, 4)), min_size=1, max_size=30).filter(
        lambda pairs: any(weight for _, weight in pairs)
    )
)
def test_weighted_median_is_the_median_of_repeated_samples(
    pairs: list[tuple[float, int]],
) -> None:
    samples = np.array([value for value, _ in pairs])
    weights = np.array([weight for _, weight in pairs])
    expected = np.median(np.repeat(samples, weights))
    assert _weighted_medians(samples, weights[None])[0] == pytest.approx(expected)


def _noisy(seed: int, blocks: int, block: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times whose ratio is 0.6, under noise that blocks share and noise of their own."""
    generator = np.random.default_rng(seed)
    shared = np.repeat(generator.lognormal(0, 0.03, blocks), block)
    own = np.repeat(generator.lognormal(0, 0.01, (2, blocks)), block, axis=1)
    single = generator.lognormal(0, 0.02, (2, blocks * block))
    times = np.array([[0.010], [0.006]]) * shared * own * single
    return times[0], times[1], np.repeat(np.arange(blocks), block)


@pytest.mark.parametrize(("blocks", "block"), [(6, 4), (16, 4), (16, 1)])
def test_the_ratio_is_covered(blocks: int, block: int) -> None:
    held = 0
    for seed in range(60):
        found = median_intervals(*_noisy(seed, blocks, block), 0.95, 0)
        assert found is not None
        held += found.ratio[0] <= 0.6 <= found.ratio[1]
    assert held / 60 > 0.9


def test_a_seed_repeats_and_another_does_not() -> None:
    times = _noisy(1, 16, 4)
    assert median_intervals(*times, 0.95, 3) == median_intervals(*times, 0.95, 3)
    assert median_intervals(*times, 0.95, 3) != median_intervals(*times, 0.95, 4)


def test_few_blocks_have_no_interval() -> None:
    assert median_intervals(*_noisy(1, LEAST_BLOCKS - 1, 12), 0.95, 0) is None


def test_a_shared_disturbance_cancels_in_the_ratio() -> None:
    slow = np.repeat([1.0, 3.0], 32) * 0.01
    found = median_intervals(slow, slow / 2, np.repeat(np.arange(16), 4), 0.95, 0)
    assert found is not None
    assert found.ratio == pytest.approx((0.5, 0.5))
    assert found.first[1] > 2 * found.first[0]


def test_blocks_may_be_of_different_length() -> None:
    times = [array[:-3] for array in _noisy(1, 16, 4)]
    assert median_intervals(times[0], times[1], times[2], 0.95, 0) is not None
