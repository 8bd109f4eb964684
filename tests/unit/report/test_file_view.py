from __future__ import annotations

import pytest

from edgeq.io.structs import Json
from edgeq.judge.verdict import Verdict
from edgeq.measure.size import Size
from edgeq.record.measured import RecordedOperators
from edgeq.record.structs import CaseRecord
from edgeq.report.file_view import WIDTH, kernels_view, noise, stack_view
from tests.unit.report import records

BASELINE = Size(bytes=1000, gzip_bytes=900, parts={"weights float32": 900, "graph": 100})
VARIANT = Size(bytes=325, gzip_bytes=300, parts={"weights int8": 225, "graph": 100})


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
    assert (weights.baseline, weights.variant) == ("\u2013", "225\u00a0bytes")


def test_parts_of_one_size_are_in_the_order_of_their_names() -> None:
    alike = dict.fromkeys(("metadata", "graph", "constants", "biases"), 112)
    size = Size(bytes=448, gzip_bytes=400, parts=alike)
    stack = stack_view(size, size)
    assert stack is not None
    assert [row.name for row in stack.rows] == sorted(alike)


def test_a_file_that_was_not_read_has_no_bars() -> None:
    assert stack_view(BASELINE, None) is None
    assert stack_view(None, VARIANT) is not None


def test_what_the_kernels_took_over() -> None:
    loaded = RecordedOperators(delegated=3, total=4, partitions=2, float_islands=("CONV_2D 3",))
    found = kernels_view(loaded)
    assert found is not None
    assert found.summary == "3 of 4 operators in 2 partitions (kernels not known)"
    assert found.share == 0.75
    assert kernels_view(records.operators_of("int8")) is None


def proof(evidence: dict[str, Json]) -> CaseRecord:
    return CaseRecord(
        id="net/int8/kernels",
        model="net",
        variant="int8",
        gate="kernels",
        status=Verdict.PASS,
        reason="differ by little",
        evidence=evidence,
    )


def test_the_kernels_noise_stands_beside_the_quantization_error() -> None:
    found = noise(proof({"noise": 0.111, "own_error": 0.2031, "other_kernels": "reference"}))
    said = "0.111 from those of reference kernels, 0.203 from the baseline's"
    assert found == (("relative error of logits", said),)


def test_nothing_is_said_where_nothing_was_compared() -> None:
    assert noise(None) == noise(proof({})) == ()
    assert noise(proof({"noise": 0.1, "own_error": None, "other_kernels": "reference"})) == ()
