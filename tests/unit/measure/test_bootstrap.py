from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm
from scipy.stats import t as student

from edgeq.measure import bootstrap
from edgeq.measure.bootstrap import (
    MIN_IN_TAIL,
    _weighted_medians,
    least_blocks,
    median_intervals,
    stretch,
)


@given(
    st.lists(st.tuples(st.floats(0.001, 10), st.integers(0, 4)), min_size=1, max_size=30).filter(
        lambda pairs: any(weight for _, weight in pairs)
    )
)
def test_weighted_median_is_the_median_of_repeated_samples(
    pairs: list[tuple[float, int]],
) -> None:
    samples = np.array([value for value, _ in pairs])
    weights = np.array([weight for _, weight in pairs], np.int32)
    expected = np.median(np.repeat(samples, weights))
    found = _weighted_medians(samples, weights[:, None], np.arange(len(pairs)))
    assert found[0] == pytest.approx(expected)


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
    assert [least_blocks(one) for one in (0.9, 0.95, 0.99)] == [5, 6, 8]
    assert median_intervals(*_noisy(1, 5, 12), 0.95, 0) is None
    assert median_intervals(*_noisy(1, 7, 12), 0.99, 0) is None
    assert median_intervals(*_noisy(1, 8, 12), 0.99, 0) is not None


def test_many_rounds_are_resampled_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    times = _noisy(1, 16, 4)
    whole = median_intervals(*times, 0.95, 3)
    monkeypatch.setattr(bootstrap, "_CELLS", 64 * 1000)
    portions = median_intervals(*times, 0.95, 3)
    assert whole is not None
    assert portions is not None
    assert portions.ratio == pytest.approx(whole.ratio, rel=0.003)
    assert portions.first == pytest.approx(whole.first, rel=0.01)


def test_a_strict_interval_has_resamples_beyond_its_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    times = _noisy(1, 32, 4)
    loose = median_intervals(*times, 0.95, 0)
    drawn: list[int] = []
    real = bootstrap._resampled

    def counted(*given: Any) -> Any:
        drawn.append(given[-1])
        return real(*given)

    monkeypatch.setattr(bootstrap, "_resampled", counted)
    strict = median_intervals(*times, 0.999, 0)
    assert loose is not None
    assert strict is not None
    assert sum(drawn) >= 2 * MIN_IN_TAIL / 0.001 - 1
    assert strict.ratio[0] < loose.ratio[0] < loose.ratio[1] < strict.ratio[1]


def test_a_shared_disturbance_cancels_in_the_ratio() -> None:
    slow = np.repeat([1.0, 3.0], 32) * 0.01
    found = median_intervals(slow, slow / 2, np.repeat(np.arange(16), 4), 0.95, 0)
    assert found is not None
    assert found.ratio == pytest.approx((0.5, 0.5))
    assert found.first[1] > 2 * found.first[0]


def test_blocks_may_be_of_different_length() -> None:
    times = [array[:-3] for array in _noisy(1, 16, 4)]
    assert median_intervals(times[0], times[1], times[2], 0.95, 0) is not None


def by_hand(
    first: np.ndarray, second: np.ndarray, blocks: np.ndarray, confidence: float, seed: int
) -> list[tuple[float, float]]:
    """Return the intervals as a loop over resamples gives them, drawn from the same numbers."""
    names = np.unique(blocks)
    drawn = max(4000, int(np.ceil(40 / (1 - confidence))))
    picks = np.random.default_rng(seed).integers(names.size, size=(drawn, names.size))
    rounds = [np.flatnonzero(blocks == name) for name in names]
    taken = [np.concatenate([rounds[block] for block in pick]) for pick in picks]
    medians = np.array([[np.median(times[each]) for each in taken] for times in (first, second)])
    n, top = names.size, 0.5 + confidence / 2
    factor = student.ppf(top, n - 1) / norm.ppf(top) * (n + 1) / (n - 1)
    ends = []
    for values, centre in (
        (medians[0], np.median(first)),
        (medians[1], np.median(second)),
        (medians[1] / medians[0], np.median(second) / np.median(first)),
    ):
        low, high = np.quantile(values, [1 - top, top])
        ends.append(
            (
                min(centre, centre * (low / centre) ** factor),
                max(centre, centre * (high / centre) ** factor),
            )
        )
    return ends


@pytest.mark.parametrize(("blocks", "confidence"), [(6, 0.95), (12, 0.8), (12, 0.992)])
def test_intervals_are_those_of_a_plain_loop(blocks: int, confidence: float) -> None:
    first, second, numbers = _noisy(3, blocks, 3)
    # Blocks need not be numbered from 0, nor come one after the other.
    order = np.random.default_rng(5).permutation(first.size)
    times = first[order], second[order], 7 * numbers[order] + 2
    found = median_intervals(*times, confidence, 11)
    assert found is not None
    ends = [found.first, found.second, found.ratio]
    assert np.array(ends) == pytest.approx(np.array(by_hand(*times, confidence, 11)), rel=1e-9)


def test_an_interval_never_leaves_its_median_out() -> None:
    # A median that hardly any resample has: every interval is widened to hold it.
    first = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 9.0, 9.0, 9.0, 9.0, 9.0, 5.0, 5.0])
    found = median_intervals(first, np.full(12, 2.0), np.arange(12), 0.95, 0)
    assert found is not None
    assert found.first[0] <= 5.0 <= found.first[1]
    assert found.second == (2.0, 2.0)
    assert all(isinstance(end, float) for end in (*found.first, *found.ratio))


@pytest.mark.parametrize(("blocks", "confidence"), [(2, 0.95), (6, 0.95), (32, 0.8)])
def test_the_stretch_is_students_by_the_normals_and_a_little_more(
    blocks: int, confidence: float
) -> None:
    top = 0.5 + confidence / 2
    expected = student.ppf(top, blocks - 1) / norm.ppf(top) * (blocks + 1) / (blocks - 1)
    assert stretch(blocks, confidence) == pytest.approx(expected, rel=1e-9)


def test_portions_are_as_many_resamples_as_one_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    times = _noisy(1, 16, 4)
    rows: list[int] = []
    real = bootstrap._resampled

    def counted(*given: Any) -> Any:
        rows.append(given[-1])
        return real(*given)

    monkeypatch.setattr(bootstrap, "_resampled", counted)
    monkeypatch.setattr(bootstrap, "_CELLS", 64 * 1500)
    median_intervals(*times, 0.95, 0)
    assert rows == [1500, 1500, 1000]
    rows.clear()
    monkeypatch.setattr(bootstrap, "_CELLS", 1)
    monkeypatch.setattr(bootstrap, "RESAMPLES", 3)
    monkeypatch.setattr(bootstrap, "MIN_IN_TAIL", 0)
    median_intervals(*times, 0.95, 0)
    assert rows == [1, 1, 1]


def test_as_many_blocks_as_halve_the_error() -> None:
    # 2 * 0.5 ** n is at most 1 - confidence.
    for confidence in (0.5, 0.75, 0.9, 0.95, 0.99, 0.999):
        n = least_blocks(confidence)
        assert 2 * 0.5**n <= 1 - confidence < 2 * 0.5 ** (n - 1)
