from __future__ import annotations

import msgspec
import numpy as np
import pytest

from edgeq.measure.latency import latency

BLOCKS = np.repeat(np.arange(16), 4)
PAIR = {"inits": (0.1, 0.2), "firsts": (0.03, 0.04), "confidence": 0.95}


def _times(seed: int, mean: float, rounds: int = 64) -> np.ndarray:
    times: np.ndarray = mean * np.random.default_rng(seed).lognormal(0, 0.01, rounds)
    return times


def test_numbers_of_both_models() -> None:
    baseline, variant = _times(1, 0.018), _times(2, 0.006)
    found = latency(baseline, variant, BLOCKS, **PAIR)  # type: ignore[arg-type]
    assert found.baseline.median_s == float(np.median(baseline))
    assert found.variant.mean_s == pytest.approx(float(np.mean(variant)))
    assert found.variant.p90_s == pytest.approx(float(np.quantile(variant, 0.9)))
    assert found.ratio == pytest.approx(np.median(variant) / np.median(baseline))
    assert found.ratio_interval is not None
    assert found.ratio_interval[0] <= found.ratio <= found.ratio_interval[1]
    assert found.variant.median_interval_s is not None
    assert (found.baseline.init_s, found.variant.init_s) == (0.1, 0.2)
    assert (found.baseline.first_s, found.variant.first_s) == (0.03, 0.04)
    assert found.blocks == 16
    msgspec.json.encode(found)


def test_p90_waits_for_64_rounds() -> None:
    found = latency(_times(1, 1, 63), _times(2, 1, 63), BLOCKS[:63], **PAIR)  # type: ignore[arg-type]
    assert found.variant.p90_s is None


def test_few_rounds_have_neither_interval_nor_drift() -> None:
    found = latency([0.01, 0.02], [0.01, 0.02], [0, 1], **PAIR)  # type: ignore[arg-type]
    assert found.ratio == 1.0
    assert found.ratio_interval is None
    assert found.variant.median_interval_s is None
    assert found.variant.drift is None


def test_drift_and_spread() -> None:
    rising = np.linspace(0.010, 0.020, 60)
    found = latency(rising, np.full(60, 0.01), BLOCKS[:60], **PAIR)  # type: ignore[arg-type]
    assert found.baseline.drift is not None
    assert found.baseline.drift > 0.4
    assert found.variant.drift == 0.0
    assert found.variant.spread == 0.0
    deviation = np.median(np.abs(rising - 0.015)) / 0.015
    assert found.baseline.spread == pytest.approx(deviation)


@pytest.mark.parametrize(
    ("baseline", "variant", "blocks"),
    [
        ([], [], []),
        ([0.1, 0.1], [0.1], [0, 0]),
        ([0.1], [0.1], [0, 1]),
        ([0.1], [0.0], [0]),
        ([0.1], [float("nan")], [0]),
    ],
)
def test_what_is_no_pair_of_times_is_refused(
    baseline: list[float], variant: list[float], blocks: list[int]
) -> None:
    with pytest.raises(ValueError, match=r"paired|above 0"):
        latency(baseline, variant, blocks, **PAIR)  # type: ignore[arg-type]


def test_drift_compares_the_last_third_with_the_first() -> None:
    slow_end = np.repeat([0.01, 0.01, 0.02], 20)
    found = latency(slow_end, slow_end[::-1], BLOCKS[:60], **PAIR)  # type: ignore[arg-type]
    assert found.baseline.drift == pytest.approx(1.0)
    assert found.variant.drift == pytest.approx(-0.5)
