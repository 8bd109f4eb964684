"""Cosines, neighbours and verification of embeddings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from edgeq.config.structs import TaskOptions
from edgeq.measure.tasks.embedding import (
    accept_rates,
    measure,
    quantile_interval,
    shared_neighbours,
    some_identities,
)
from tests.unit.measure.test_figures import data

Doubles = npt.NDArray[np.float64]


def clouds(identities: int = 10, each: int = 6, seed: int = 0) -> tuple[Doubles, list[Doubles]]:
    """Return embeddings near a direction for each identity, and their labels."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(identities, 16))
    values = np.repeat(centres, each, axis=0) + rng.normal(0, 0.3, (identities * each, 16))
    return values, [np.array(float(at // each)) for at in range(len(values))]


def test_a_copy_loses_nothing_whatever_its_length() -> None:
    values, labels = clouds()
    figures = measure(replace(data(values, 3 * values), labels=labels))
    of = {figure.name: figure for figure in figures.figures}
    assert of["low_cosine"].value == pytest.approx(1)
    assert of["neighbour_recall"].value == 1
    assert of["verification_drop"].value == 0
    assert of["verification_drop"].baseline is not None
    assert of["verification_drop"].baseline > 0.9
    assert not figures.doubt
    assert not figures.absent


def test_noise_costs_neighbours_and_verification() -> None:
    values, labels = clouds()
    noisy = values + np.random.default_rng(1).normal(0, 1.5, values.shape)
    figures = measure(replace(data(values, noisy), labels=labels))
    assert figures.get("low_cosine") is not None
    of = {figure.name: figure.value for figure in figures.figures}
    assert of["low_cosine"] < 0.7
    assert of["neighbour_recall"] < 0.7
    assert of["verification_drop"] > 0.3
    assert len(figures.unlike) == 6


def test_embeddings_of_other_samples_have_other_neighbours() -> None:
    values, _ = clouds()
    mixed = np.random.default_rng(0).permutation(values)
    figures = measure(data(values, mixed))
    low, recall = figures.get("low_cosine"), figures.get("neighbour_recall")
    assert low is not None
    assert recall is not None
    assert low.value < 0.5
    assert recall.value < 0.3


def test_a_few_samples_tell_no_neighbours_and_no_verification() -> None:
    values, labels = clouds(3, 4)
    figures = measure(replace(data(values, values), labels=labels))
    assert "neighbour_recall" in figures.absent
    assert "can't show a rate" in figures.absent["verification_drop"]
    one = measure(replace(data(values, values), options=TaskOptions(neighbours=2)))
    assert one.get("neighbour_recall") is not None
    alone = measure(replace(data(values, values), labels=[np.array(0.0)] * 12))
    assert "no two samples" in alone.absent["verification_drop"]


def test_a_baseline_that_gives_all_the_same_proves_nothing() -> None:
    values = np.ones((40, 8)) + np.random.default_rng(0).normal(0, 1e-3, (40, 8))
    assert "the same embedding" in measure(data(values, values)).doubt


def test_an_output_that_is_not_finite_is_unlike() -> None:
    values, _ = clouds()
    figures = measure(data(values, np.full_like(values, np.nan)))
    low = figures.get("low_cosine")
    assert low is not None
    assert low.value == 0


def test_neighbours_that_are_equally_near_count_in_favour() -> None:
    near = np.array([[1, 0.9, 0.8], [0.9, 1, 0.5], [0.8, 0.5, 1]])
    tied = np.array([[1, 0.9, 0.9], [0.9, 1, 0.5], [0.9, 0.5, 1]])
    assert shared_neighbours(near, tied, 1).tolist() == [1, 1, 1]
    other = np.array([[1, 0.1, 0.9], [0.1, 1, 0.5], [0.9, 0.5, 1]])
    assert shared_neighbours(near, other, 1).tolist() == [0, 0, 1]


def test_rates_at_a_threshold_by_counting() -> None:
    scores = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4])
    alike = np.array([True, False, True, True, False, False])
    first, second = np.triu_indices(4, 1)
    rates = accept_rates(scores, (first, second, alike), np.ones((1, 4)), 0.34)
    assert rates == pytest.approx([1.0])  # one of three false pairs may be accepted, at 0.8
    strict = accept_rates(scores, (first, second, alike), np.ones((1, 4)), 0.01)
    assert strict == pytest.approx([1 / 3])


@pytest.mark.parametrize("n", [40, 100])
def test_the_interval_of_a_quantile_covers_it(n: int) -> None:
    rng, misses = np.random.default_rng(0), 0
    for _ in range(300):
        low, high = quantile_interval(rng.random(n), 0.1, 0.95, n)
        misses += not low <= 0.1 <= high
    assert misses <= 22  # of 300 at 95 %


def test_few_samples_leave_the_low_end_of_a_quantile_open() -> None:
    assert quantile_interval(np.linspace(0.9, 1, 20), 0.1, 0.95, 20)[0] == -1


def test_of_very_many_samples_some_are_compared_pair_by_pair() -> None:
    values, _ = clouds(300, 5)
    figures = measure(data(values, values))
    of = {figure.name: figure for figure in figures.figures}
    assert (of["low_cosine"].images, of["neighbour_recall"].images) == (1500, 750)
    identities = np.repeat(np.arange(300), 5)
    chosen = some_identities(identities)
    assert len(chosen) == 400
    assert np.unique(np.bincount(identities[chosen])).tolist() == [0, 5]  # whole identities
