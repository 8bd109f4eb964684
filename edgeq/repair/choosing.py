"""Choosing the few mixes that are worth making, one for each error budget of a ladder. Pure.

One option per unit is chosen so that the sum of errors stays within a budget. This is the
multiple-choice knapsack problem, solved for every budget at once by keeping all choices that no
other choice beats in both cost and error (Kellerer, Pferschy and Pisinger, Knapsack Problems
(2004), section 11.5). Whether squared errors do add up over units is checked; if they don't, the
search is greedy.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeq.config.methods import FLOAT32
from edgeq.config.structs import Precision
from edgeq.record.repair import MixRecord, PointRecord
from edgeq.repair.table import Aim, ErrorTable, Mix, Row

Doubles = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]

MAX_CANDIDATES = 5

MARGINS = (0.97, 0.87, 0.77, 0.67, 0.55, 0.4, 0.25)
"""The ladder: error budgets as shares of the error that can be proved. The first leaves 3 % for
inexact predictions. The others are needed because gates other than the error may decide."""

TIDY = 0.001
"""Share of the float file's bytes that may be spent on having fewer exceptions."""

CURVE = 60
"""Maximum number of points of the frontier in a chart."""


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


@dataclass(frozen=True)
class Candidate:
    """A mix that may be made.

    Attributes:
        mix: The precision of every unit.
        method: The precision of the variant's method: the base, or that of most of the
            weights.
        units: The units whose precision differs from it, with their precisions.
        error: Predicted relative error on the calibration images.
        bytes: Predicted size of the file in bytes.
        seconds: Predicted seconds of an inference in addition to the method that the repair starts
            from; None if time does not matter.
        percentile: Percentile of the activation ranges; None for the method's own.
    """

    mix: Mix
    method: Precision
    units: tuple[tuple[str, Precision], ...]
    error: float
    bytes: int
    seconds: float | None = None
    percentile: float | None = None


@dataclass(frozen=True)
class Choice:
    """The result of the knapsack.

    Attributes:
        candidates: The candidates without duplicates, the cheapest first.
        curve: A selection of the mixes that no other mix beats in both size and error, the smallest
            first.
    """

    candidates: tuple[Candidate, ...]
    curve: tuple[PointRecord, ...]


def choose_mixes(
    table: ErrorTable,
    aim: Aim,
    budgets: Sequence[float],
    *,
    base: Precision | None = None,
    most: int = MAX_CANDIDATES,
) -> Choice:
    """Return the cheapest mix within each error budget."""
    mixes = _Mixes.of(table, aim, base)
    candidates: dict[int, Candidate] = {}
    for budget in budgets:
        if len(candidates) == most:
            break
        place = mixes.frontier.within(budget**2)
        if place is not None and place not in candidates:
            candidate = candidate_of(table, mixes.at(place), aim, base)
            if candidate is not None:
                candidates[place] = _tidied(table, candidate, aim, budget, base)
    by_size = mixes if aim == "size" and base is None else _Mixes.of(table, "size", None)
    step = max(1, -(-len(by_size.frontier.costs) // CURVE))
    curve = [by_size.at(place) for place in range(0, len(by_size.frontier.costs), step)]
    ordered = [candidates[place] for place in sorted(candidates)]
    return Choice(
        tuple(own for at, own in enumerate(ordered) if own.units not in _units(ordered[:at])),
        tuple(PointRecord(bytes=table.bytes(mix), error=table.error(mix)) for mix in curve),
    )


@dataclass(frozen=True)
class _Mixes:
    """All mixes of a table that no other mix beats."""

    table: ErrorTable
    names: tuple[tuple[Precision, ...], ...]
    frontier: Frontier

    @classmethod
    def of(cls, table: ErrorTable, aim: Aim, base: Precision | None) -> _Mixes:
        """Return the unbeaten mixes of a table for an aim."""
        names = tuple(row.worthwhile(aim, base) for row in table.rows)
        items = [
            Options(
                [row.cost(name, aim, base) or 0.0 for name in own],
                [row.square(name) for name in own],
            )
            for row, own in zip(table.rows, names, strict=True)
        ]
        return cls(table, names, frontier(items))

    def at(self, place: int) -> Mix:
        """Return the mix at an index of the frontier."""
        chosen = zip(self.table.rows, self.names, self.frontier.choices[place], strict=True)
        return {row.name: own[option] for row, own, option in chosen}


def candidate_of(
    table: ErrorTable, mix: Mix, aim: Aim, base: Precision | None = None
) -> Candidate | None:
    """Return a mix as a candidate: a method, and the units whose precision differs from it.

    Returns:
        The candidate; None if every unit is in float32, so that there is no method.
    """
    method = base or _most_common(table, mix)
    if method is None:
        return None
    seconds = (row.seconds.get(mix[row.name], 0.0) for row in table.rows)
    return Candidate(
        mix=mix,
        method=method,
        units=tuple(
            (row.name, mix[row.name])
            for row in table.rows
            if mix[row.name] != method and not _is_left_alone(row, mix[row.name], method)
        ),
        error=table.error(mix),
        bytes=table.bytes(mix),
        seconds=sum(seconds) if aim == "latency" else None,
    )


def _tidied(
    table: ErrorTable, candidate: Candidate, aim: Aim, budget: float, base: Precision | None
) -> Candidate:
    """Return a candidate without exceptions that hardly matter, still within its budget.

    Avoiding type conversions at the borders of a unit is worth more than a few bytes.
    """
    if aim != "size" or base is not None:
        return candidate
    method, mix = candidate.method, dict(candidate.mix)
    room = TIDY * table.float_bytes
    prices = {
        row.name: usual - own
        for row in table.rows
        if (usual := row.bytes(method)) is not None
        and (own := row.bytes(mix[row.name])) is not None
    }
    for name in sorted(prices, key=prices.__getitem__):
        plain = {**mix, name: method}
        if mix[name] != method and prices[name] <= room and _square(table, plain) <= budget**2:
            room -= max(prices[name], 0)
            mix = plain
    return candidate_of(table, mix, aim, base) or candidate


def _square(table: ErrorTable, mix: Mix) -> float:
    return sum(row.square(mix[row.name]) for row in table.rows)


def _units(candidates: Sequence[Candidate]) -> list[tuple[tuple[str, Precision], ...]]:
    return [candidate.units for candidate in candidates]


def _is_left_alone(row: Row, precision: Precision, method: Precision) -> bool:
    """Return whether the method itself leaves a unit in float32, because the unit is small."""
    cell = row.cells.get(method)
    return precision == FLOAT32 and cell is not None and cell.mean_square == 0.0


def ladder(error: float) -> tuple[float, ...]:
    """Return error budgets below a target error, the greatest first."""
    return tuple(error * margin for margin in MARGINS)


def _most_common(table: ErrorTable, mix: Mix) -> Precision | None:
    """Return the precision of most of the weights' float bytes, not counting float32."""
    weight_bytes: Counter[Precision] = Counter()
    for row in table.rows:
        if mix[row.name] != FLOAT32:
            weight_bytes[mix[row.name]] += row.weight_bytes
    return weight_bytes.most_common(1)[0][0] if weight_bytes else None


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


TOLERANCE = 0.25
"""Share of the predicted error by which the measured error may exceed it."""


def is_additive(mixes: Sequence[MixRecord]) -> bool:
    """Return whether no mix's measured error exceeds the prediction by more than ``TOLERANCE``.

    It may be much smaller: the error of a single unit includes the type conversions at its
    borders, which a mix with the same types on both sides avoids. The chosen mix is then more
    exact than predicted.
    """
    return all(mix.measured <= (1.0 + TOLERANCE) * mix.predicted for mix in mixes)


def revert_one_by_one(
    table: ErrorTable,
    aim: Aim,
    base: Precision,
    budgets: Sequence[float],
    measure: Callable[[Candidate], float | None],
) -> Iterator[Candidate]:
    """Yield for each error budget a mix whose measured error stays within it, found greedily.

    All units start at one precision. Step by step, the unit with the greatest gain in error per
    cost gets a more exact precision, and the mix is measured.

    ``measure`` returns the relative error of a mix; None if there is no time left, which ends the
    search. The table only determines the order, and the budgets are relative errors, the greatest
    first.
    """
    mix: dict[str, Precision] = {row.name: base for row in table.rows}
    left = list(budgets)
    for name, precision in (None, None), *_reverts(table, aim, base):
        if name is not None and precision is not None:
            mix[name] = precision
        candidate = candidate_of(table, dict(mix), aim, base)
        error = None if candidate is None else measure(candidate)
        if candidate is None or error is None:
            return
        within = [budget for budget in left if error <= budget]
        if within:
            yield candidate
            left = [budget for budget in left if budget not in within]
        if not left:
            return


def _reverts(table: ErrorTable, aim: Aim, base: Precision) -> list[tuple[str, Precision]]:
    """Return units with their more exact precisions, by descending gain in error per cost."""
    gains = []
    for row in table.rows:
        if base not in row.cells:
            continue
        usual, before = row.cost(base, aim, base) or 0.0, row.square(base)
        others = [name for name in row.worthwhile(aim, base) if row.square(name) < before]
        for name in others[-1:]:  # the cheapest of those that are more exact
            price = max((row.cost(name, aim, base) or 0.0) - usual, 1e-12)
            gains.append(((before - row.square(name)) / price, row.name, name))
    return [(unit, name) for _, unit, name in sorted(gains, reverse=True)]


def mix_of(table: ErrorTable, precision: Precision) -> Mix | None:
    """Return the mix with all units at one precision, None if a unit's error there is unknown."""
    if any(precision not in row.cells for row in table.rows):
        return None
    return {row.name: precision for row in table.rows}
