from __future__ import annotations

import pytest

from edgeq.record.repair import MixRecord
from edgeq.repair.checking import is_additive, mix_of, revert_one_by_one
from edgeq.repair.choosing import Candidate
from tests.unit.repair.tables import row, table

UNITS = table(
    row("a", 4000, int8=(0.3, -2900), weight_only_int8=(0.01, -3000)),
    row("b", 40_000, int8=(0.3, -29_000), weight_only_int8=(0.01, -30_000)),
    row("c", 4000, int8=(0.1, -2900), weight_only_int8=(0.01, -3000)),
)


@pytest.mark.parametrize(
    ("predicted", "measured", "holds"),
    [(0.1, 0.1, True), (0.1, 0.125, True), (0.1, 0.2, False), (0.2, 0.1, True)],
)
def test_an_error_may_exceed_its_prediction_by_a_quarter(
    predicted: float, measured: float, *, holds: bool
) -> None:
    mix = MixRecord(name="mix", predicted=predicted, measured=measured)
    assert is_additive([MixRecord(name="exact", predicted=1.0, measured=1.0), mix]) is holds


def test_units_are_reverted_until_the_measured_error_is_in_the_budget() -> None:
    measured = iter([0.9, 0.5, 0.2, 0.05])
    asked: list[Candidate] = []

    def measure(candidate: Candidate) -> float:
        asked.append(candidate)
        return next(measured)

    candidates = list(revert_one_by_one(UNITS, "size", "int8", [0.6, 0.1], measure))
    assert [len(candidate.units) for candidate in asked] == [0, 1, 2, 3]
    assert [candidate.units for candidate in candidates] == [asked[1].units, asked[3].units]
    first = [name for name, _ in asked[1].units]
    assert first == ["a"]  # as much gained as by b, for a tenth of its bytes


def test_without_time_nothing_more_is_measured() -> None:
    assert list(revert_one_by_one(UNITS, "size", "int8", [0.6], lambda _: None)) == []


def test_a_whole_method_is_a_mix_if_all_of_it_was_measured() -> None:
    assert mix_of(UNITS, "int8") == {"a": "int8", "b": "int8", "c": "int8"}
    assert mix_of(UNITS, "float16") is None
