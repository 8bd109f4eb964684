"""A project's own measure: value, drop and intervals, by sample and for all samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgeq.measure.own_measures import Measured, OwnMeasure, compare_measure
from edgeq.measure.statistics import clopper_pearson


def compared(ours: Measured, theirs: Measured, n: int, **keys: Any) -> OwnMeasure:
    settings: dict[str, Any] = {"name": "own", "better": "higher", "confidence": 0.95, **keys}
    return compare_measure(ours, theirs, **{"groups": range(n), **settings})


def by_sample(values: Any) -> Measured:
    numbers = np.asarray(values, np.float64)
    return Measured(float(numbers.mean()), by_sample=numbers)


def whole(values: Any) -> Measured:
    numbers = np.asarray(values, np.float64)
    return Measured(float(numbers.mean()), again=lambda places: float(numbers[places].mean()))


def test_shares_have_their_exact_interval() -> None:
    right, fewer = np.arange(200) < 190, np.arange(200) < 180
    measure = compared(by_sample(right), by_sample(fewer), 200)
    assert (measure.baseline, measure.variant) == (0.95, 0.9)
    assert measure.drop == pytest.approx(0.05)
    assert measure.variant_interval == pytest.approx(clopper_pearson(180, 200, 0.95), abs=1e-6)
    assert measure.drop_interval is not None
    low, high = measure.drop_interval
    assert low < 0.05 < high


def test_the_drop_of_what_should_be_low_is_its_rise() -> None:
    errors = compared(by_sample([0, 0, 1, 0]), by_sample([0, 1, 1, 0]), 4, better="lower")
    assert errors.drop == pytest.approx(0.25)


def test_equal_values_leave_the_drop_open_by_what_the_range_allows() -> None:
    values = np.tile([0.0, 1.0], 50)
    measure = compared(by_sample(values), by_sample(values), 100)
    assert measure.drop == 0
    assert measure.drop_interval is not None
    assert 0.01 < measure.drop_interval[1] < 0.08  # about 3.7 of 100, the rule of three
    alike = compared(by_sample(np.ones(100)), by_sample(np.ones(100)), 100)
    assert (alike.variant_interval, alike.drop_interval) == (None, None)
    known = compared(by_sample(np.ones(100)), by_sample(np.ones(100)), 100, span=(0.0, 1.0))
    assert known.variant_interval == pytest.approx(clopper_pearson(100, 100, 0.95), abs=1e-6)


def test_a_value_for_all_samples_is_resampled_always_alike() -> None:
    generator = np.random.default_rng(0)
    ours, theirs = generator.normal(5, 1, 400), generator.normal(4, 1, 400)
    measure = compared(whole(ours), whole(theirs), 400)
    assert measure.drop_interval is not None
    low, high = measure.drop_interval
    half = 1.966 * float((ours - theirs).std()) / 20
    assert (high - low) / 2 == pytest.approx(half, rel=0.2)
    assert low < measure.drop < high
    assert measure == compared(whole(ours), whole(theirs), 400)
    assert measure.method == "200 resamples of the samples"


def test_equal_values_for_all_samples_leave_what_the_range_allows() -> None:
    values = np.tile([0.0, 1.0], 10)
    measure = compared(whole(values), whole(values), 20, span=(0.0, 1.0))
    assert measure.drop == 0
    assert measure.drop_interval == pytest.approx((-0.168, 0.168), abs=1e-3)
    assert compared(whole(values), whole(values), 20).drop_interval is None
    ruined = compared(whole(np.ones(20)), whole(np.zeros(20)), 20, span=(0.0, 1.0))
    assert ruined.drop_interval is None


def test_what_does_not_vary_among_resamples_proves_nothing() -> None:
    measure = compared(whole(np.ones(30)), whole(np.ones(30)), 30)
    assert (measure.variant_interval, measure.drop_interval) == (None, None)
    one = compared(whole([3.0]), whole([2.0]), 1)
    assert (one.drop, one.drop_interval) == (1.0, None)


def test_samples_of_one_recording_count_as_one() -> None:
    values = np.repeat(np.arange(20) % 4 == 0, 5)
    worse = np.repeat(np.arange(20) % 5 == 0, 5)
    alone = compared(by_sample(values), by_sample(worse), 100)
    together = compared(
        by_sample(values), by_sample(worse), 100, groups=np.repeat(np.arange(20), 5).tolist()
    )
    assert alone.variant_interval is not None
    assert together.variant_interval is not None
    widths = [high - low for low, high in (alone.variant_interval, together.variant_interval)]
    assert widths[1] > 1.8 * widths[0]
