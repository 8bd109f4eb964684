from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from edgeq.measure.beside_here import BesideHere, Pair, beside_here, kernel_noise, tensor_noise
from edgeq.measure.predictions import Predictions, make_answers

Floats = npt.NDArray[np.float32]


def compared(here: Floats, there: Floats, step: float = 0.0, **keys: int) -> BesideHere:
    pair = Pair(here, there, step)
    return beside_here([pair], keys.get("moved"), None, images=len(here), confidence=0.95)


def values(*numbers: float) -> Floats:
    return np.array([numbers], np.float32)


def test_equal_outputs_differ_in_nothing() -> None:
    found = compared(values(1, np.nan, np.inf), values(1, np.nan, np.inf))
    assert (found.values, found.differing, found.beyond, found.largest) == (3, 0, 0, 0.0)
    assert found.in_steps, "nothing differs that would have no step"


def test_differences_are_counted_in_steps() -> None:
    found = compared(values(0, 0.5, 1.0, 2.0), values(0, 0.75, 1.0, 2.5), step=0.25)
    assert (found.differing, found.beyond, found.largest, found.in_steps) == (2, 1, 2.0, True)


@pytest.mark.parametrize(("moved", "beyond"), [(4e-6, 0), (4e-5, 1)])
def test_float_outputs_may_differ_by_rounding(moved: float, beyond: int) -> None:
    found = compared(values(0.5, 0.25), values(0.5 + moved, 0.25))
    assert (found.differing, found.beyond, found.in_steps) == (1, beyond, False)


def test_rounding_grows_with_the_values() -> None:
    assert compared(values(640, 1), values(640.001, 1)).beyond == 0


def test_a_nan_on_one_side_is_beyond_everything() -> None:
    found = compared(values(1, 2), values(1, np.nan), step=0.5)
    assert (found.differing, found.beyond, found.largest) == (1, 1, 0.0)


def test_samples_with_another_class_have_an_interval() -> None:
    same = np.zeros((20, 3), np.float32)
    found = compared(same, same, moved=1)
    assert found.moved_interval is not None
    low, high = found.moved_interval
    assert low < 1 / 20 < high


def test_values_at_the_same_end_on_both_sides_show_nothing() -> None:
    here = np.array([[0, 0, 0.5, 1], [0, 0.25, 0, 1]], np.float32)
    there = np.array([[0, 0, 0.75, 1], [0, 0.25, 0.25, 1]], np.float32)
    found = compared(here, there, step=0.25)
    assert (found.values, found.differing, found.live) == (8, 2, 3)
    assert compared(here, there).live == 0, "an output without a scale has no steps"
    assert not found.unlike


RNG = np.random.default_rng(0)
LOGITS = RNG.normal(0, 1, (6, 40)).astype(np.float32)


def answers(logits: np.ndarray) -> Predictions:
    return make_answers(logits, None, is_probability=False)


def noisy(size: float, seed: int) -> np.ndarray:
    drawn = np.random.default_rng(seed).normal(0, size, LOGITS.shape)
    return (LOGITS + drawn).astype(np.float32)


def test_noise_and_error_are_relative_errors_of_the_same_images() -> None:
    own, other = noisy(0.2, 1), noisy(0.1, 2)[:4]
    found = kernel_noise(answers(LOGITS), answers(own), answers(other))
    assert found.images == 4
    assert found.own_error == pytest.approx(0.2, rel=0.2)
    assert found.other_error == pytest.approx(0.1, rel=0.2)
    assert found.noise == pytest.approx(np.hypot(0.2, 0.1), rel=0.2)
    assert found.worst_noise is not None
    assert found.noise is not None
    assert found.worst_noise >= found.noise
    changed = (own[:4].argmax(1) != other.argmax(1)).sum()
    assert (found.differing, found.nonfinite) == (changed, 0)


def test_equal_kernels_have_no_noise() -> None:
    found = kernel_noise(answers(LOGITS), answers(LOGITS), answers(LOGITS))
    assert (found.noise, found.own_error, found.other_error, found.differing) == (0, 0, 0, 0)


def test_nan_of_the_other_kernels_alone_is_counted() -> None:
    broken = LOGITS.copy()
    broken[1, 3] = np.nan
    assert kernel_noise(answers(LOGITS), answers(LOGITS), answers(broken)).nonfinite == 1
    assert kernel_noise(answers(LOGITS), answers(broken), answers(broken)).nonfinite == 0


def test_constant_answers_have_no_relative_error() -> None:
    flat = np.zeros_like(LOGITS)
    found = kernel_noise(answers(LOGITS), answers(flat), answers(LOGITS))
    assert found.noise is None
    assert found.own_error == 1.0


def test_outputs_that_are_no_classes_are_compared_as_they_are() -> None:
    ours = np.array([[3.0, 4.0], [0.0, 2.0], [1.0, 0.0], [7.0, 7.0]], np.float32)
    own = ours + np.array([[0.0, 0.5], [0.2, 0.0], [0.0, 0.0], [1.0, 1.0]], np.float32)
    other = own[:3] + np.array([[0.0, 0.0], [0.0, 0.4], [np.nan, 0.0]], np.float32)
    found = tensor_noise(ours, own, other)
    assert (found.images, found.differing, found.nonfinite) == (3, 0, 1)
    between = [0.0, 0.4 / np.hypot(0.2, 2.0)]
    assert found.noise == pytest.approx(np.mean(between))
    assert found.worst_noise == pytest.approx(max(between))
    assert found.own_error == pytest.approx(np.mean([0.5 / 5, 0.2 / 2, 0]))
    assert found.other_error == pytest.approx(np.mean([0.5 / 5, np.hypot(0.2, 0.4) / 2]))
