from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeq.measure.ranges import (
    REGAINED,
    RangeFit,
    Trial,
    misreading,
    nearer_share,
    need,
    needed_by_all,
    range_fit,
    spread_errors,
    squared_errors,
)
from edgeq.measure.scales import Scale, fitting

DRAW = np.random.default_rng(0)
VALUES = np.maximum(DRAW.normal(0, 1, (8, 400)), 0)
"""What a layer with a ReLU computes on eight samples."""


def fit(scale: Scale, values: np.ndarray = VALUES) -> RangeFit:
    needed = need(values)
    assert needed is not None
    return range_fit(values, scale, needed, name="conv", tensor=3)


def test_a_range_that_calibration_gives_is_not_suspicious() -> None:
    found = fit(fitting(0.0, float(VALUES.max()), "int8"))
    assert not found.suspicious
    assert found.error < 0.01
    assert (found.clipped, found.place) == (0, "inner")
    assert found.covered == 1
    assert found.values == (0.0, float(VALUES.max()))


@pytest.mark.parametrize(
    ("scale", "gross"),
    [
        (Scale("int8", 0.1, -128), True),
        (Scale("int8", 0.002, -128), True),
        (Scale("int8", float(VALUES.max()) / 255, 100), True),
        (Scale("int8", 3 * float(VALUES.max()) / 255, -128), False),
        (Scale("int16", 1e-5, 0), True),
    ],
    ids=["wide", "narrow", "shifted", "a bit wide", "narrow int16"],
)
def test_a_range_that_loses_much_is(scale: Scale, gross: bool) -> None:
    found = fit(scale)
    assert found.gross == gross
    assert found.error > found.best


def test_what_pads_a_maximum_is_not_a_value() -> None:
    padded = np.concatenate([np.full((8, 5), -3.4e38), VALUES], axis=1)
    found = fit(fitting(0.0, float(VALUES.max()), "int8"), padded)
    assert found.values[0] == 0
    assert not found.suspicious
    assert need(np.full((2, 3), np.inf)) is None
    assert need(np.full((2, 3), np.nan)) is None


def test_what_shares_a_range_is_measured_by_what_all_need() -> None:
    narrow, wide = need(VALUES / 8), need(VALUES)
    assert narrow is not None
    assert wide is not None
    scale = fitting(0.0, float(VALUES.max()), "int8")
    alone = range_fit(VALUES / 8, scale, narrow, name="pool", tensor=4)
    joined = range_fit(VALUES / 8, scale, needed_by_all([narrow, wide]), name="pool", tensor=4)
    assert alone.gross
    assert not joined.suspicious


def test_one_extreme_sample_does_not_set_what_is_best() -> None:
    outlier = VALUES.copy()
    outlier[0, 0] = 50.0
    assert fit(Scale("int8", 0.02, -128), outlier).fitting.range[1] < 25
    assert fit(Scale("int8", 0.4, -128), outlier).fitting.range[1] == pytest.approx(50)


@given(
    st.floats(-100, 0), st.floats(0.1, 100), st.sampled_from(["int8", "uint8", "int16"]), st.data()
)
def test_errors_are_those_of_rounding_and_clipping(
    low: float, high: float, dtype: str, data: st.DataObject
) -> None:
    values = np.random.default_rng(data.draw(st.integers(0, 9))).uniform(low, high, (4, 50))
    scale = Scale(dtype, data.draw(st.floats(0.01, 10)), 0)
    found = fit(scale, values)
    wrong = np.abs(scale.quantized(values) - values)
    assert found.error * values.std() <= wrong.max() * (1 + 1e-9)
    assert found.error * values.std() >= wrong.min() * (1 - 1e-9)


def trial(before: float | None, after: float | None, **keys: object) -> Trial:
    plain = Trial(
        tensors=("a",),
        gross=False,
        agreeing=None,
        before=(before,),
        after=(after,),
        nearer=(1.0,),
    )
    return msgspec.structs.replace(plain, **keys)


@pytest.mark.parametrize(
    ("found", "recovers"),
    [
        (trial(0.5, 0.22), True),
        (trial(0.5, 0.23), False),
        (trial(0.5, 0.35), False),
        (trial(0.5, 0.38, gross=True), True),
        (trial(0.5, 0.4, gross=True), False),
        (trial(0.5, 0.26, gross=True, tensors=("a", "b")), False),
        (trial(0.5, 0.25, gross=True, tensors=("a", "b")), True),
        (trial(0.5, 0.1, nearer=(0.75,)), True),
        (trial(0.5, 0.1, nearer=(0.7,)), False),
        (trial(0.5, 0.1, nearer=(0.1,), agreeing=(2, 2 + REGAINED)), True),
        (trial(0.05, 0.02), False),
        (trial(0.2, 0.3), False),
        (trial(None, 0.2), True),
        (trial(0.2, None), False),
        (trial(None, None), False),
        (trial(0.5, 0.4, agreeing=(2, 2 + REGAINED)), True),
        (trial(0.5, 0.4, agreeing=(2, 1 + REGAINED)), False),
        (trial(0.5, 0.6, agreeing=(2, 8)), False),
    ],
)
def test_only_what_brings_much_back_recovers(found: Trial, recovers: bool) -> None:
    assert found.recovers == recovers
    assert msgspec.json.decode(msgspec.json.encode(found), type=Trial) == found


@pytest.mark.parametrize(
    ("left", "caused", "recovers"),
    [
        ((0.5, 0.8), 0.06, True),
        ((0.5, 0.81), 0.06, False),
        ((0.5, 0.8), 0.059, False),
    ],
)
def test_a_range_that_clips_is_the_cause_if_the_whole_interval_is_below_what_good_ones_leave(
    left: tuple[float, float], caused: float, recovers: bool
) -> None:
    found = trial(0.1, float(np.sqrt(0.01 - caused**2)) - 1e-9, gross=True, samples=128, left=left)
    assert found.recovers == recovers
    assert not msgspec.structs.replace(found, left=None).recovers


@pytest.mark.parametrize(
    ("scale", "clips"),
    [(fitting(0.0, float(VALUES.max()), "int8"), False), (Scale("int8", 0.002, -128), True)],
)
def test_a_range_clips_if_it_leaves_values_out(scale: Scale, clips: bool) -> None:
    assert fit(scale).clips == clips


@pytest.mark.parametrize(("after", "promises"), [(0.39, True), (0.4, False)])
def test_what_several_ranges_bring_back_may_be_due_to_one(after: float, promises: bool) -> None:
    found = trial(0.5, after, tensors=("a", "b"))
    assert (found.promises, found.recovers) == (promises, False)


@pytest.mark.parametrize(
    ("drift", "calms"), [((0.14, 0.04), True), ((0.14, 0.08), False), (None, False)]
)
def test_probabilities_come_back_although_the_error_of_logits_stays(
    drift: tuple[float, float] | None, calms: bool
) -> None:
    several = trial(0.14, 0.137, drift=drift, tensors=("a", "b"))
    assert (several.calms, several.promises, several.recovers) == (calms, calms, False)


def test_the_output_that_gains_most_decides() -> None:
    found = Trial(
        tensors=("a",),
        gross=False,
        agreeing=None,
        before=(0.1, 0.6, 0.3),
        after=(0.1, 0.1, 0.2),
        nearer=(0.0, 1.0, 0.0),
    )
    assert found.output == 1
    assert found.caused == pytest.approx(np.sqrt(0.36 - 0.01))


def test_outputs_are_compared_by_what_varies() -> None:
    ours = DRAW.normal(0, 1, (6, 9)).astype(np.float32)
    offset = ours + np.float32(100)
    plain, shifted = spread_errors([ours, offset], [1.1 * ours, offset + (1.1 * ours - ours)])
    assert plain == pytest.approx(shifted, rel=1e-3)
    apart = np.array([[0.0, 10.0], [1.0, 11.0]])
    moved = apart + np.array([[0.5, 0.0], [0.0, 0.0]])
    assert spread_errors([apart], [moved]) == pytest.approx((0.5,))
    constant = np.ones((3, 4), np.float32)
    (half,) = spread_errors([constant], [1.5 * constant])
    assert half == pytest.approx(0.5)
    assert spread_errors([0 * constant], [constant]) == (None,)
    assert spread_errors([constant], [constant * np.float32("nan")]) == (None,)


def test_a_bias_is_misread_if_its_steps_are_not_its_layers() -> None:
    bias = np.array([10, -400, 30])
    counted = np.array([0.01, 0.02, 0.05])
    assert misreading(bias, counted, counted * (1 + 1e-5), 0.1) is None
    found = misreading(bias, counted, 2 * counted, 0.1)
    assert found is not None
    assert found.factor == 2
    assert found.steps == pytest.approx(400 * 0.02 / 0.1)
    alike = misreading(bias, np.array([0.01]), np.array([0.02]), 0.1)
    assert alike is not None
    assert alike.steps == pytest.approx(40)


def test_samples_are_counted_that_come_nearer() -> None:
    ours = np.zeros((4, 2), np.float32)
    before = np.array([[1, 0], [1, 1], [0, 0], [np.nan, 0]], np.float32)
    after = np.array([[0, 0.5], [2, 0], [0, 0], [1, 0]], np.float32)
    errors = [squared_errors(ours, theirs) for theirs in (before, after)]
    # The third sample has no error at all, so that it does not count.
    assert nearer_share(*errors) == pytest.approx(2 / 3)
    assert nearer_share(errors[0], errors[0]) == 0.0
    assert nearer_share(np.zeros(4), np.zeros(4)) == 0.0
