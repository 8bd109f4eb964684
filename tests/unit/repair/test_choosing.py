from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeq.record.repair import MixRecord
from edgeq.repair.choosing import (
    MARGINS,
    Candidate,
    Options,
    choose_mixes,
    frontier,
    is_additive,
    ladder,
    mix_of,
    revert_one_by_one,
)
from edgeq.repair.table import Row
from tests.unit.repair.tables import row, table

BODY = row("body", 8000, weight_only_int8=(0.03, -6000), float16=(0.001, -4000))
HEAD = row("head", 4000, weight_only_int8=(0.01, -3000), weight_only_int4=(0.2, -3500))


def test_the_smallest_mix_in_the_budget_is_chosen() -> None:
    choice = choose_mixes(table(BODY, HEAD), "size", [0.3])
    (candidate,) = choice.candidates
    assert candidate.method == "weight_only_int8"
    assert candidate.units == (("head", "weight_only_int4"),)
    assert candidate.bytes == 100_000 - 9500
    assert candidate.error == pytest.approx((0.03**2 + 0.2**2) ** 0.5)


def test_a_closer_budget_takes_a_larger_mix_and_none_comes_twice() -> None:
    choice = choose_mixes(table(BODY, HEAD), "size", [0.3, 0.25, 0.1, 0.0101])
    assert [candidate.bytes for candidate in choice.candidates] == [90_500, 91_000, 93_000]
    assert choice.candidates[1].units == ()
    assert choice.candidates[2].units == (("body", "float16"),) or (
        choice.candidates[2].method == "float16"
    )


def test_no_more_candidates_than_may_be_tried() -> None:
    choice = choose_mixes(table(BODY, HEAD), "size", [0.3, 0.1, 0.0101], most=2)
    assert len(choice.candidates) == 2


def test_float32_alone_is_no_variant() -> None:
    assert choose_mixes(table(BODY, HEAD), "size", [0.0]).candidates == ()


def test_a_method_that_is_kept_loses_the_units_that_gain_most_for_their_size() -> None:
    units = table(
        row("large", 40_000, int8=(0.2, -29_000), weight_only_int8=(0.01, -30_000)),
        row("small", 4_000, int8=(0.2, -2_900), weight_only_int8=(0.01, -3_000)),
        row("good", 4_000, int8=(0.01, -2_900), weight_only_int8=(0.009, -3_000)),
    )
    (candidate,) = choose_mixes(units, "size", [0.21], base="int8").candidates
    assert candidate.method == "int8"
    assert candidate.units == (("small", "weight_only_int8"),)


def test_a_unit_that_the_method_leaves_alone_is_not_named() -> None:
    units = table(row("stem", 100, weight_only_int8=(0.0, 8)), BODY)
    (candidate,) = choose_mixes(units, "size", [0.1]).candidates
    assert candidate.units == ()
    (plain,) = choose_mixes(units, "size", [0.1], base="weight_only_int8").candidates
    assert plain.units == ()


def test_an_exception_that_saves_next_to_nothing_is_not_made() -> None:
    cheaper = row("body", 8000, weight_only_int8=(0.03, -6000), dynamic_range=(0.02, -6050))
    units = table(cheaper, row("head", 20_000, weight_only_int8=(0.01, -15_000)))
    (candidate,) = choose_mixes(units, "size", [0.1]).candidates
    assert (candidate.method, candidate.units) == ("weight_only_int8", ())
    (close,) = choose_mixes(units, "size", [0.025]).candidates
    assert close.units == (("body", "dynamic_range"),)


def test_the_fastest_mix_is_chosen_by_its_times() -> None:
    cells = row("unit", int8=(0.03, -1), weight_only_int8=(0.01, -1)).cells
    slow = Row("slow", 8000, cells, {"int8": 0.0, "weight_only_int8": 0.004})
    quick = Row("quick", 8000, cells, {"int8": 0.0, "weight_only_int8": 0.001})
    (candidate,) = choose_mixes(table(slow, quick), "latency", [0.035], base="int8").candidates
    assert candidate.units == (("quick", "weight_only_int8"),)
    assert candidate.seconds == pytest.approx(0.001)


def test_the_curve_runs_from_the_smallest_to_float() -> None:
    curve = choose_mixes(table(BODY, HEAD), "size", [0.3]).curve
    assert curve[0].bytes == 90_500
    assert (curve[-1].bytes, curve[-1].error) == (100_000, 0.0)
    assert [point.bytes for point in curve] == sorted(point.bytes for point in curve)


def test_the_ladder_leaves_room_for_what_a_prediction_misses() -> None:
    assert ladder(0.1)[0] == pytest.approx(0.1 * MARGINS[0])
    assert list(ladder(0.1)) == sorted(ladder(0.1), reverse=True)


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
