from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeq.measure.growth import MIN_INFERENCES, SETTLING, Samples, growth, rise

Numbers = st.integers(SETTLING + MIN_INFERENCES, 400)
BASE = 50_000_000


def held(values: Samples, numbers: Samples | None = None) -> Samples:
    """Return samples whose allocated bytes these are, and resident ones a thousand more."""
    at = np.arange(1, len(values) + 1) if numbers is None else numbers
    return np.stack([at, values, values + 1000], axis=1).astype(np.int64)


@given(Numbers, st.integers(1, 10**7), st.integers(0, 10**7), st.integers(0, 2**32 - 1))
def test_what_is_kept_at_every_inference_raises_every_floor(
    count: int, kept: int, more: int, seed: int
) -> None:
    numbers = np.arange(1, count + 1)
    transient = np.random.default_rng(seed).integers(0, more + 1, count)
    found = rise(numbers, BASE + kept * numbers)
    assert found is not None
    assert found.mean == pytest.approx(kept)
    assert found.least >= kept * (1 - 1 / found.inferences)
    disturbed = rise(numbers, BASE + kept * numbers + transient)
    assert disturbed is not None
    assert abs(disturbed.total - found.total) <= more


@given(Numbers, st.integers(0, 2**32 - 1))
def test_what_is_freed_again_leaves_no_trace(count: int, seed: int) -> None:
    values = BASE + np.random.default_rng(seed).integers(0, 10**7, count)
    values[::3] = BASE
    found = rise(np.arange(1, count + 1), values)
    assert found is not None
    assert (found.steps, found.total) == ((0, 0, 0), 0)


@given(Numbers, st.data())
def test_a_buffer_that_is_made_once_raises_one_floor(count: int, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, count))
    values = np.full(count, BASE)
    values[at:] += 10**7
    found = rise(np.arange(1, count + 1), values)
    assert found is not None
    assert found.least <= 0
    assert sorted(found.steps)[:2] == [0, 0]


def test_the_first_inferences_are_not_judged() -> None:
    values = np.full(40, BASE)
    values[:SETTLING] = np.arange(SETTLING) * 10**6
    found = rise(np.arange(1, 41), values)
    assert found is not None
    assert found.total == 0


def test_samples_may_be_left_out_but_not_long_stretches_of_them() -> None:
    numbers = np.r_[1:25, 28:253:4]
    found = rise(numbers, BASE + 1000 * numbers)
    assert found is not None
    assert found.mean == pytest.approx(1000)
    apart = np.r_[1:25, 400]
    assert rise(apart, BASE + 1000 * apart) is None


def test_too_few_inferences_and_unknown_sizes_tell_nothing() -> None:
    numbers = np.arange(1, SETTLING + MIN_INFERENCES + 1)
    assert rise(numbers, np.full(len(numbers), BASE)) is not None
    assert rise(numbers[:-1], np.full(len(numbers) - 1, BASE)) is None
    assert rise(numbers, np.full(len(numbers), -1)) is None
    assert rise(numbers[:0], numbers[:0]) is None


def test_allocated_memory_is_followed_over_a_load_and_resident_memory_over_a_portion() -> None:
    numbers = np.arange(1, 121)
    values = BASE + 1000 * numbers
    first, second = held(values[:60]), held(values[60:], numbers[60:])
    second[:, 2] += 20_000_000  # the allocator kept what the first portion's answers took
    found = growth([[first, second], [held(np.full(3, BASE))], []])
    assert found.inferences == 123
    (allocated,) = found.allocated
    assert allocated.mean == pytest.approx(1000)
    assert len(found.resident) == 2
    assert all(one.mean == pytest.approx(1000) for one in found.resident)


def test_nothing_is_known_of_nothing() -> None:
    found = growth([])
    assert (found.inferences, found.allocated, found.resident) == (0, (), ())


def test_the_first_inference_that_is_judged_belongs_to_the_first_quarter() -> None:
    numbers = np.arange(1, SETTLING + MIN_INFERENCES + 40)
    values = np.full(len(numbers), BASE + 1000)
    values[: SETTLING + 1] = BASE
    found = rise(numbers, values)
    assert found is not None
    assert found.steps == (1000, 0, 0)
