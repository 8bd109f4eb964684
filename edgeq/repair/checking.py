"""Checking whether squared errors add up over units, and a greedy search if they don't. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from edgeq.config.structs import Precision
from edgeq.record.repair import MixRecord
from edgeq.repair.choosing import Candidate, candidate_of
from edgeq.repair.table import Aim, ErrorTable, Mix

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
