from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import hypothesis.strategies as st
from hypothesis import given, settings

from edgeq.config.methods import FLOAT32
from edgeq.config.structs import Precision
from edgeq.repair.bench import Bench, Cells, Key, QuantizedUnit
from edgeq.repair.choosing import TIDY, Candidate, choose_mixes, ladder
from edgeq.repair.clock import Clock
from edgeq.repair.request import Request
from edgeq.repair.searching import bound, complete_table, necessary_table
from edgeq.repair.table import MIN_SAVING, Cell, ErrorTable, Row
from edgeq.tflite.units import Unit
from tests.unit.repair.tables import IMAGES, cell

WEIGHTS = 40_000
FLOAT_BYTES = 500_000
ANY = Request()


@dataclass
class Measured:
    """A bench whose measurements are known beforehand, and counted."""

    known: Cells
    measured: list[Key] = field(default_factory=list)
    places: range = range(IMAGES)

    def quantized_units(
        self,
        names: Sequence[Precision],
        *,
        every: bool = False,  # noqa: ARG002 - every unit has all its precisions here
    ) -> list[QuantizedUnit]:
        units = dict.fromkeys(name for name, _ in self.known)
        return [
            QuantizedUnit(Unit(unit, (), (), WEIGHTS, is_dense=False), name)
            for name in names
            for unit in units
            if (unit, name) in self.known
        ]

    def cells(self, to_measure: Sequence[QuantizedUnit], clock: Clock) -> Cells:
        keys = [unit.key for unit in to_measure if not clock.is_over]
        self.measured += keys
        return {key: self.known[key] for key in keys}

    def table(self, cells: Cells) -> ErrorTable:
        rows = (
            Row(name, WEIGHTS, {kind: own for (unit, kind), own in cells.items() if unit == name})
            for name in dict.fromkeys(name for name, _ in self.known)
        )
        return ErrorTable(tuple(rows), FLOAT_BYTES, outputs=1, images=IMAGES)

    @property
    def bench(self) -> Bench:
        return cast("Bench", self)


def of(unit: str, weight_only: float, half: float = 0.0001) -> dict[Key, Cell]:
    return {
        (unit, "weight_only_int8"): cell(weight_only, -29_000),
        (unit, "float16"): cell(half, -19_000),
    }


def candidates(table: ErrorTable, budgets: Sequence[float]) -> tuple[Candidate, ...]:
    return choose_mixes(table, "size", budgets).candidates


def test_what_no_candidate_contains_is_not_measured() -> None:
    measured = Measured({**of("worst", 0.2), **of("good", 0.01), **of("better", 0.001)})
    budgets = [0.1, 0.05]
    table = necessary_table(measured.bench, ANY, budgets, 5, Clock())
    (candidate,) = candidates(table, budgets)
    assert candidate.units == (("worst", "float16"),)
    assert [key for key in measured.measured if key[1] == "float16"] == [("worst", "float16")]


def test_a_precision_that_is_worse_than_its_bound_leads_to_another_choice() -> None:
    measured = Measured({**of("worst", 0.2, half=0.19), **of("good", 0.01)})
    table = necessary_table(measured.bench, ANY, [0.1], 5, Clock())
    (candidate,) = candidates(table, [0.1])
    assert candidate.mix["worst"] == FLOAT32


def test_without_time_only_the_first_precision_is_measured() -> None:
    measured = Measured({**of("a", 0.2), **of("b", 0.1)})
    necessary_table(measured.bench, ANY, [0.1], 5, Clock(0.0))
    assert {kind for _, kind in measured.measured} == {"weight_only_int8"}


def test_a_complete_table_has_every_precision() -> None:
    measured = Measured({**of("a", 0.2), **of("b", 0.1)})
    table = complete_table(measured.bench, ANY, Clock())
    assert [set(row.cells) for row in table.rows] == [{"weight_only_int8", "float16"}] * 2
    assert len(measured.measured) == len(set(measured.measured)) == 4


def test_fewer_bits_are_at_best_as_exact_as_weights_of_8_bits() -> None:
    unit = Unit("a", (), (), WEIGHTS, is_dense=True)
    known: dict[Key, Cell] = {("a", "weight_only_int8"): cell(0.2, -29_000)}
    four = bound(QuantizedUnit(unit, "weight_only_int4"), known, IMAGES)
    assert four.squares == cell(0.2, 0).squares
    assert four.bytes == -35_000
    half = bound(QuantizedUnit(unit, "float16"), known, IMAGES)
    assert half.mean_square == 0.0
    assert half.bytes == -20_000


ERRORS = st.floats(0.001, 0.5)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(ERRORS, st.floats(0.0, 1.0)), min_size=1, max_size=6), ERRORS)
def test_the_choice_is_that_of_the_complete_table(
    units: list[tuple[float, float]], target: float
) -> None:
    known: dict[Key, Cell] = {}
    for number, (error, share) in enumerate(units):
        known |= of(f"u{number}", error, half=error * share)
    measured, budgets = Measured(known), ladder(target)
    chosen = candidates(necessary_table(measured.bench, ANY, budgets, 9, Clock()), budgets)
    best = candidates(complete_table(Measured(known).bench, ANY, Clock()), budgets)
    assert len(measured.measured) == len(set(measured.measured))
    assert bool(chosen) == bool(best)
    slack = MIN_SAVING * WEIGHTS * len(units) + TIDY * FLOAT_BYTES
    for own in best[:1]:
        assert chosen[0].bytes <= own.bytes + slack
