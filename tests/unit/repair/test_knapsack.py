from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeq.repair.knapsack import Options, frontier

NUMBERS = st.integers(0, 40).map(float)
PAIRS = st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=4)
ITEMS = st.lists(PAIRS, min_size=1, max_size=5)


def options_of(items: list[list[tuple[float, float]]]) -> list[Options]:
    return [Options([cost for cost, _ in item], [error for _, error in item]) for item in items]


@given(ITEMS, st.integers(0, 200))
def test_the_cheapest_choice_in_a_budget_is_that_of_trying_all(
    items: list[list[tuple[float, float]]], budget: int
) -> None:
    found = frontier(options_of(items))
    sums = [tuple(map(sum, zip(*choice, strict=True))) for choice in product(*items)]
    cheapest = min((cost for cost, error in sums if error <= budget), default=None)
    place = found.within(budget)
    assert (None if place is None else found.costs[place]) == cheapest


@given(ITEMS)
def test_every_choice_has_the_cost_and_error_that_is_said(
    items: list[list[tuple[float, float]]],
) -> None:
    found = frontier(options_of(items))
    for cost, error, choice in zip(found.costs, found.errors, found.choices, strict=True):
        chosen = [item[option] for item, option in zip(items, choice, strict=True)]
        assert (cost, error) == tuple(map(sum, zip(*chosen, strict=True)))


@given(ITEMS)
def test_costs_rise_and_errors_fall(items: list[list[tuple[float, float]]]) -> None:
    found = frontier(options_of(items))
    assert (np.diff(found.costs) > 0).all()
    assert (np.diff(found.errors) < 0).all()


def test_a_budget_that_nothing_keeps_has_no_choice() -> None:
    assert frontier([Options([1.0], [2.0])]).within(1.9) is None


@pytest.mark.parametrize("options", [Options([], []), Options([1.0], [1.0, 2.0])])
def test_an_item_without_matching_options_is_refused(options: Options) -> None:
    with pytest.raises(ValueError, match="costs and"):
        frontier([options])


def test_thirty_units_with_five_precisions_take_no_time() -> None:
    generator = np.random.default_rng(0)
    items = [
        Options(
            generator.integers(0, 10_000, 5).astype(float).tolist(), generator.random(5).tolist()
        )
        for _ in range(30)
    ]
    assert len(frontier(items).costs) > 100
