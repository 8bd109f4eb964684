from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from edgeq.measure.stored.changes import Changed, factor_of, what_happened
from tests.unit.graphs import drawn

Array = np.ndarray[Any, Any]
KERNEL = drawn(16, 3, 3, 12).astype(np.float64)
STEPS = np.abs(KERNEL.reshape(16, -1)).max(axis=1).reshape(16, 1, 1, 1) / 127


def happened(
    changed: Array, *, baseline: Array = KERNEL, steps: Array = STEPS, rounding: bool = True
) -> Changed:
    """Return what is said of weights that were changed and then rounded."""
    stored = np.rint(changed / steps) if rounding else changed / steps
    stored = np.clip(np.rint(stored), -127, 127).astype(np.int8)
    return what_happened(baseline, stored * steps, steps, stored=stored)


def rescaled(factors: Array) -> Array:
    return np.asarray(KERNEL * factors.reshape(16, 1, 1, 1))


def shuffled(values: Array) -> Array:
    return np.asarray(np.random.default_rng(1).permutation(values.ravel()).reshape(values.shape))


def noisy(share: float) -> Array:
    noise = np.random.default_rng(2).normal(0, share * KERNEL.std(), KERNEL.shape)
    return np.asarray(KERNEL + noise)


def levels(every: int) -> Array:
    """Return weights of which only every so-manieth whole number is used."""
    return np.asarray(np.rint(KERNEL / STEPS / every) * every * STEPS)


CHANGES: dict[str, tuple[Callable[[], Array], str]] = {
    "zeroed": (lambda: 0 * KERNEL, "zeroed"),
    "negated": (lambda: -KERNEL, "negated"),
    "half": (lambda: 0.5 * KERNEL, "scaled"),
    "transposed": (lambda: KERNEL.transpose(0, 2, 1, 3), "transposed"),
    "mirrored": (lambda: KERNEL[:, ::-1, ::-1], "mirrored"),
    "rescaled": (lambda: rescaled(np.linspace(0.4, 0.9, 16)), "rescaled"),
    "clipped": (lambda: np.clip(KERNEL, -0.4, 0.4), "clipped"),
    "clipped by channel": (
        lambda: np.clip(KERNEL, -64 * STEPS, 64 * STEPS),
        "clipped",
    ),
    "truncated": (lambda: np.trunc(KERNEL / STEPS) * STEPS, "truncated"),
    "rows swapped": (lambda: KERNEL[::-1], "reordered"),
    "shuffled": (lambda: shuffled(KERNEL / STEPS) * STEPS, "reordered"),
    "4 bits": (lambda: levels(18), "coarse"),
    "noise of 20 %": (lambda: noisy(0.2), "near"),
    "noise of 100 %": (lambda: noisy(1.0), "other"),
    "another checkpoint": (lambda: drawn(*KERNEL.shape, seed=9).astype(float), "foreign"),
}


@pytest.mark.parametrize("name", list(CHANGES))
def test_what_happened_is_named(name: str) -> None:
    change, expected = CHANGES[name]
    values = change()
    if name == "rows swapped":  # their scales are those of their rows
        stored = np.rint(values / STEPS[::-1]).astype(np.int8)
        found = what_happened(KERNEL, stored * STEPS, STEPS, stored=stored)
    else:
        found = happened(values)
    assert found.change == expected


def test_a_factor_is_told() -> None:
    assert happened(0.5 * KERNEL).factor == pytest.approx(0.5, abs=0.01)
    assert happened(-0.5 * KERNEL).change == "scaled"
    assert happened(-0.5 * KERNEL).factor == pytest.approx(-0.5, abs=0.01)
    assert happened(-KERNEL).factor == pytest.approx(-1, abs=0.01)


def test_twice_the_weights_have_twice_the_rounding() -> None:
    stored = np.rint(KERNEL / STEPS).astype(np.int8)
    found = what_happened(KERNEL, stored * (2 * STEPS), STEPS, stored=stored)
    assert found.change == "scaled"
    assert found.factor == pytest.approx(2, abs=0.01)


def test_levels_are_counted() -> None:
    found = happened(levels(18))
    assert found.change == "coarse"
    assert found.levels == 15  # from -126 to 126
    assert happened(levels(3)).change == "near"  # 85 of 255 are over 6 bits


def test_few_weights_have_few_values_anyway() -> None:
    few = drawn(2, 1, 1, 8).astype(np.float64)
    steps = np.abs(few).max(axis=(1, 2, 3), keepdims=True) / 127
    noise = np.random.default_rng(3).normal(0, 0.1 * few.std(), few.shape)
    assert happened(few + noise, baseline=few, steps=steps).change == "near"


def test_a_kernel_that_is_not_square_is_not_transposed() -> None:
    tall = drawn(16, 3, 1, 12).astype(np.float64)
    steps = np.full((16, 1, 1, 1), np.abs(tall).max() / 127)
    assert happened(tall[:, ::-1], baseline=tall, steps=steps).change != "transposed"


def test_a_kernel_of_one_place_is_neither_turned_nor_transposed() -> None:
    point = drawn(16, 1, 1, 64).astype(np.float64)
    steps = np.full((16, 1, 1, 1), np.abs(point).max() / 127)
    assert happened(-point, baseline=point, steps=steps).change == "negated"
    foreign = drawn(16, 1, 1, 64, seed=5).astype(np.float64)
    assert happened(foreign, baseline=point, steps=steps).change == "foreign"


def test_single_weights_have_no_factor_of_their_own() -> None:
    """Any value is some factor times another: that would explain everything."""
    single, other = drawn(40, 1).astype(np.float64), drawn(40, 1, seed=4).astype(np.float64)
    steps = np.full((40, 1), 0.01)
    assert happened(other, baseline=single, steps=steps).change == "foreign"


def test_channels_of_a_few_values_are_more_than_their_ends() -> None:
    small, other = drawn(40, 2).astype(np.float64), drawn(40, 2, seed=4).astype(np.float64)
    steps = np.full((40, 1), 0.01)
    assert happened(other, baseline=small, steps=steps).change not in {"clipped", "rescaled"}


def test_depthwise_kernels_are_turned_by_height_and_width() -> None:
    kernel = drawn(32, 1, 3, 3).astype(np.float64)
    steps = np.full((32, 1, 1, 1), np.abs(kernel).max() / 127)
    turned = happened(kernel.swapaxes(2, 3), baseline=kernel, steps=steps)
    assert turned.change == "transposed"
    flipped = happened(kernel[:, :, ::-1, ::-1], baseline=kernel, steps=steps)
    assert flipped.change == "mirrored"


def test_floats_that_lie_elsewhere_are_reordered() -> None:
    steps = np.full((16, 1, 1, 1), 2.0**-12)
    other = shuffled(KERNEL)
    found = what_happened(KERNEL, other, steps, stored=other.astype(np.float16))
    assert found.change == "reordered"
    foreign = drawn(*KERNEL.shape, seed=9).astype(np.float64)
    found = what_happened(KERNEL, foreign, steps, stored=foreign.astype(np.float16))
    assert found.change == "foreign"


def test_another_draw_of_the_same_distribution_is_not_reordered() -> None:
    big = drawn(4, 50_000).astype(np.float64)
    steps = np.full((4, 1), np.abs(big).max() / 127)
    other = drawn(4, 50_000, seed=7).astype(np.float64)
    other *= np.linalg.norm(big) / np.linalg.norm(other)
    assert happened(other, baseline=big, steps=steps).change == "foreign"
    assert happened(shuffled(big), baseline=big, steps=steps).change == "reordered"


def test_of_many_channels_some_are_looked_at_from_the_first_to_the_last() -> None:
    many = drawn(1000, 4).astype(np.float64)
    steps = np.full((1000, 1), np.abs(many).max() / 127)
    assert happened(-many, baseline=many, steps=steps).change == "negated"
    last = many.copy()
    last[-1] = 5 * many[-1] + 1
    assert happened(-last, baseline=many, steps=steps).change != "negated"


def test_zeros_explain_only_zeros() -> None:
    zeros = np.zeros((16, 3, 3, 12))
    assert happened(KERNEL, baseline=zeros).change in {"other", "foreign"}
    assert happened(zeros).change == "zeroed"


def test_a_factor_of_nothing_is_1() -> None:
    assert factor_of(np.ones(3), np.zeros(3)) == 1
    assert factor_of(np.array([-4.0, 1.0]), np.array([2.0, -1.0])) == 2


@pytest.mark.parametrize("kind", [np.float16, np.float32])
def test_floats_with_a_little_noise_are_not_reordered(kind: type[np.floating]) -> None:
    values = np.random.default_rng(5).normal(0, 1, (64, 16))
    noisy_values = (values * (1 + np.random.default_rng(6).normal(0, 0.01, values.shape))).astype(
        kind
    )
    steps = np.full((64, 1), 1e-4)
    found = what_happened(values, noisy_values.astype(np.float64), steps, stored=noisy_values)
    assert found.change == "near"
