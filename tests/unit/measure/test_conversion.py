"""A float file beside its source, output by output."""

from __future__ import annotations

import numpy as np
import pytest

from edgeq.measure.conversion import CEILING, Floats, compare_outputs

RNG = np.random.default_rng(0)


def values(*shape: int) -> Floats:
    return RNG.normal(size=shape).astype(np.float32)


def softmax(logits: Floats, axis: int) -> Floats:
    raised = np.exp(logits - logits.max(axis=axis, keepdims=True))
    return np.asarray(raised / raised.sum(axis=axis, keepdims=True), np.float32)


def test_rounding_is_no_fault() -> None:
    ours = values(16, 10)
    (output,) = compare_outputs({"a": ours}, {"a": ours * np.float32(1 + 1e-5)})
    assert output.error is not None
    assert output.error < CEILING / 100
    assert (output.samples_over, output.nonfinite, output.moved) == (0, 0, False)


def test_a_softmax_over_the_wrong_axis_is_far_off() -> None:
    logits = values(16, 4, 6)
    (output,) = compare_outputs({"a": softmax(logits, 2)}, {"a": softmax(logits, 1)})
    assert output.error is not None
    assert output.error > 10 * CEILING
    assert output.samples_over == 16


def test_channels_that_moved_to_the_end_are_the_same_output() -> None:
    ours = values(4, 7, 5, 6)
    (output,) = compare_outputs({"a": ours}, {"a": np.moveaxis(ours, 1, -1)})
    assert (output.error, output.moved, output.shape) == (0.0, True, (7, 5, 6))


@pytest.mark.parametrize("moved", [True, False])
def test_if_both_layouts_fit_the_better_one_counts(*, moved: bool) -> None:
    ours = values(4, 5, 5, 5)
    theirs = np.moveaxis(ours, 1, -1) if moved else ours
    (output,) = compare_outputs({"a": ours}, {"a": theirs})
    assert (output.error, output.moved) == (0.0, moved)


def test_what_is_missing_misshapen_or_not_finite_is_told() -> None:
    ours, broken = values(4, 3), values(4, 3)
    broken[1] = np.nan
    source = {"gone": ours, "flat": values(4, 2, 3), "nan": ours}
    gone, flat, nan = compare_outputs(source, {"flat": values(4, 7), "nan": broken})
    assert gone.file_shape is None
    assert (flat.error, flat.shape, flat.file_shape) == (None, (2, 3), (7,))
    assert nan.nonfinite == 1


def test_the_worst_sample_counts() -> None:
    ours = values(16, 10)
    theirs = ours.copy()
    theirs[5] *= 2
    (output,) = compare_outputs({"a": ours}, {"a": theirs})
    assert (output.worst, output.samples_over) == (5, 1)
