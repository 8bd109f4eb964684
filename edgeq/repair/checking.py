"""Whether squared errors add up over units, and what is done if they don't. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from edgeq.config.structs import Precision
from edgeq.repair.choosing import Candidate, candidate_of
from edgeq.repair.table import Aim, ErrorTable, Mix

TOLERANCE = 0.25
"""A measured error may exceed the predicted one by this share of it."""


@dataclass(frozen=True)
class Checked:
    """A mix whose error was predicted and measured on the calibration samples.

    Attributes:
        name: What it is.
        predicted: Its relative error by the table.
        measured: Its relative error.
    """

    name: str
    predicted: float
    measured: float

    @property
    def holds(self) -> bool:
        """Whether the error is no greater than predicted, or hardly.

        It may be much smaller: a unit alone pays for the change of types at its borders, which a
        mix with the same types on both sides does not have. What is chosen then errs by less.
        """
        return self.measured <= (1.0 + TOLERANCE) * self.predicted


def is_additive(mixes: Sequence[Checked]) -> bool:
    """Return whether predictions were right: of every mix that was measured."""
    return all(mix.holds for mix in mixes)


def revert_one_by_one(
    table: ErrorTable,
    aim: Aim,
    kept: Precision,
    budgets: Sequence[float],
    measure: Callable[[Candidate], float | None],
) -> Iterator[Candidate]:
    """Yield for each error budget a mix that was measured to stay in it, found greedily.

    Everything starts at one precision. Unit by unit, the one that errs most for what a more exact
    precision costs gets that precision, and the mix is measured.

    Args:
        table: Of the model; it gives the order alone.
        aim: What is to be as small as it can be.
        kept: The precision that everything starts at.
        budgets: Relative errors, the greatest first.
        measure: Returns the relative error of a mix; None if there is no time, which ends it.
    """
    mix: dict[str, Precision] = {row.name: kept for row in table.rows}
    left = list(budgets)
    for name, precision in (None, None), *_reverts(table, aim, kept):
        if name is not None and precision is not None:
            mix[name] = precision
        candidate = candidate_of(table, dict(mix), aim, kept)
        error = None if candidate is None else measure(candidate)
        if candidate is None or error is None:
            return
        within = [budget for budget in left if error <= budget]
        if within:
            yield candidate
            left = [budget for budget in left if budget not in within]
        if not left:
            return


def _reverts(table: ErrorTable, aim: Aim, kept: Precision) -> list[tuple[str, Precision]]:
    """Return units with the precision that each gets, what gains most for its cost first."""
    gains = []
    for row in table.rows:
        if kept not in row.cells:
            continue
        usual, before = row.cost(kept, aim, kept) or 0.0, row.square(kept)
        others = [name for name in row.worthwhile(aim, kept) if row.square(name) < before]
        for name in others[-1:]:  # the cheapest of those that are more exact
            price = max((row.cost(name, aim, kept) or 0.0) - usual, 1e-12)
            gains.append(((before - row.square(name)) / price, row.name, name))
    return [(unit, name) for _, unit, name in sorted(gains, reverse=True)]


def mix_of(table: ErrorTable, precision: Precision) -> Mix | None:
    """Return the mix of one precision alone, None if a unit's error at it is not known."""
    if any(precision not in row.cells for row in table.rows):
        return None
    return {row.name: precision for row in table.rows}
