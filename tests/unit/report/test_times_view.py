from __future__ import annotations

import numpy as np
import pytest

from edgeq.judge.verdict import Verdict
from edgeq.measure.latency import Latency, latency
from edgeq.record.structs import CaseRecord
from edgeq.report.times_view import times_view
from tests.unit.report import records


def timed(ratio: float = 0.5) -> Latency:
    rng = np.random.default_rng(0)
    baseline = rng.normal(0.02, 0.001, 64)
    return latency(
        baseline,
        baseline * ratio,
        np.repeat(np.arange(16), 4),
        inits=(0.1, 0.2),
        firsts=(0.03, 0.02),
        confidence=0.95,
    )


def limit(value: float) -> CaseRecord:
    return records.case("int8", "latency_ratio", Verdict.PASS, value=0.5, limit=value)


def test_both_distributions_share_an_axis() -> None:
    found = times_view(timed())
    assert found is not None
    assert found.chart is not None
    assert max(bar.x for bar in found.chart.below) < min(bar.x for bar in found.chart.bars)
    assert "baseline, median 20." in found.chart.description.replace("\u00a0", " ")
    assert [name for name, _, _ in found.rows][:2] == ["loading", "first inference"]


def test_the_ratio_of_each_pair_of_blocks_is_drawn_beside_the_limit() -> None:
    found = times_view(timed(), limit(0.6))
    assert found is not None
    assert found.ratios is not None
    assert len(found.ratios.dots) == 16
    assert found.ratios.limit is not None
    assert found.ratios.limit < found.ratios.dots[0][1]


def test_a_limit_far_away_squeezes_no_picture() -> None:
    found = times_view(timed(), limit(3.0))
    assert found is not None
    assert found.ratios is not None
    assert found.ratios.limit is None


def test_an_older_record_has_the_table_alone() -> None:
    found = times_view(records.latency_of(0.01))
    assert found is not None
    assert found.chart is None
    assert found.ratios is None
    assert times_view(None) is None


def test_many_blocks_are_thinned() -> None:
    samples = np.full(800, 0.01)
    found = latency(
        samples, samples, np.repeat(np.arange(400), 2), inits=(1, 1), firsts=(1, 1), confidence=0.9
    )
    assert len(found.block_ratios) == 96
    assert set(found.block_ratios) == {1.0}
    assert found.variant.percentiles_s == pytest.approx([0.01] * 101)
