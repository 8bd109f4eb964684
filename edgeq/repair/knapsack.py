"""Exact choice of one option per item so that the sum of errors stays within a budget. Pure.

This is the multiple-choice knapsack problem, solved for every budget at once by keeping all choices
that no other choice beats in both cost and error (Kellerer, Pferschy and Pisinger, Knapsack
Problems (2004), section 11.5).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Options:
    """The options of one item.

    Attributes:
        costs: Cost of each option, shape ``(k,)``, ``k > 0``.
        errors: Error of each option, not negative, shape ``(k,)``.
    """

    costs: Sequence[float]
    errors: Sequence[float]


@dataclass(frozen=True)
class Frontier:
    """All choices that no other choice beats, the cheapest first.

    Attributes:
        costs: Sum of costs of each choice, ascending, shape ``(n,)``.
        errors: Sum of errors of each choice, descending, shape ``(n,)``.
        choices: Index of the option of every item, shape ``(n, items)``.
    """

    costs: Doubles
    errors: Doubles
    choices: Places

    def within(self, budget: float) -> int | None:
        """Return the index of the cheapest choice whose sum of errors is at most a budget.

        None if there is no such choice.
        """
        places = np.flatnonzero(self.errors <= budget)
        return int(places[0]) if places.size else None


def frontier(items: Sequence[Options]) -> Frontier:
    """Return all choices of one option per item that no other choice beats.

    A choice beats another if its cost and its error are no greater and at least one is smaller.

    Raises:
        ValueError: An item has no options, or different numbers of costs and errors.
    """
    costs, errors = np.zeros(1), np.zeros(1)
    steps: list[tuple[Places, Places]] = []
    for options in items:
        own_costs, own_errors = np.asarray(options.costs), np.asarray(options.errors)
        if own_costs.shape != own_errors.shape or not own_costs.size:
            raise ValueError(f"{own_costs.size} costs and {own_errors.size} errors of an item")
        all_costs = (costs[:, None] + own_costs).ravel()
        all_errors = (errors[:, None] + own_errors).ravel()
        unbeaten = _unbeaten(all_costs, all_errors)
        costs, errors = all_costs[unbeaten], all_errors[unbeaten]
        steps.append(np.divmod(unbeaten, own_costs.size))
    choices = np.empty((costs.size, len(items)), np.int64)
    places = np.arange(costs.size)
    for item in range(len(items) - 1, -1, -1):
        before, option = steps[item]
        choices[:, item], places = option[places], before[places]
    return Frontier(costs, errors, choices)


def _unbeaten(costs: Doubles, errors: Doubles) -> Places:
    """Return the indices of the unbeaten pairs of cost and error, by ascending cost."""
    order = np.lexsort((errors, costs))
    least_before = np.minimum.accumulate(errors[order])
    is_unbeaten = np.ones(order.size, np.bool_)
    is_unbeaten[1:] = errors[order][1:] < least_before[:-1]
    unbeaten: Places = order[is_unbeaten]
    return unbeaten
