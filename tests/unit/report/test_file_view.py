from __future__ import annotations

import pytest

from edgeq.record import Facts
from edgeq.report.file_view import WIDTH, kernels_view, stack_view
from tests.unit.report import records

BASELINE: Facts = {"parts": {"weights float32": 900.0, "graph": 100.0}}
VARIANT: Facts = {"parts": {"weights int8": 225.0, "graph": 100.0}}


def test_both_bars_have_one_scale_and_one_letter_per_part() -> None:
    found = stack_view(BASELINE, VARIANT)
    assert found is not None
    first, second = found.bars
    assert first[-1].x + first[-1].width == pytest.approx(WIDTH, abs=1.1)
    assert second[-1].x + second[-1].width == pytest.approx(WIDTH * 0.325, abs=1.1)
    assert [row.letter for row in found.rows] == ["a", "b", "c"]
    assert {bar.colour for bar in first if "graph" in bar.title} == {
        bar.colour for bar in second if "graph" in bar.title
    }
    weights = next(row for row in found.rows if row.name == "weights int8")
    assert (weights.baseline, weights.variant) == ("\u2013", "0.2\u00a0kB")


def test_a_file_that_was_not_read_has_no_bars() -> None:
    assert stack_view(BASELINE, {}) is None
    assert stack_view({}, VARIANT) is not None


def test_what_the_kernels_took_over() -> None:
    facts: Facts = {"delegated": 3, "total": 4, "partitions": 2, "float_islands": ["CONV_2D 3"]}
    found = kernels_view(facts)
    assert found is not None
    assert found.summary == "3 of 4 operators in 2 partitions (kernels not known)"
    assert found.share == 0.75
    assert found.islands == ("CONV_2D 3",)
    assert kernels_view(records.operator_facts("int8")) is None
