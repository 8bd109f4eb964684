"""PSNR and SSIM."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgeq.measure.tasks.pictures import MAX_PSNR, measure, psnr, ssim
from tests.unit.measure.test_figures import data


def photographs(count: int = 12) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    y, x = np.mgrid[:24, :32] / 24
    waves = [np.sin(at + 6 * x + (2 + at) * y) for at in range(count)]
    return np.repeat(np.stack(waves)[..., None] / 2 + 0.5, 3, axis=3)


def test_psnr_of_a_known_error() -> None:
    assert psnr(np.zeros((4, 4)), np.full((4, 4), 0.1), 1.0) == pytest.approx(20)
    assert psnr(np.zeros((4, 4)), np.zeros((4, 4)), 1.0) == MAX_PSNR


def test_ssim_of_equal_noisy_and_constant_pictures() -> None:
    picture = photographs(1)[0]
    noisy = np.clip(picture + np.random.default_rng(0).normal(0, 0.1, picture.shape), 0, 1)
    assert ssim(picture, picture, 1.0) == pytest.approx(1)
    assert 0.4 < ssim(picture, noisy, 1.0) < 0.9
    assert ssim(picture, noisy, 1.0) == pytest.approx(ssim(255 * picture, 255 * noisy, 255.0))
    # of two constant pictures only the means matter: (2 a b + c1) / (a^2 + b^2 + c1)
    flat = ssim(np.full((24, 24), 0.2), np.full((24, 24), 0.4), 1.0)
    assert flat == pytest.approx((2 * 0.08 + 1e-4) / (0.04 + 0.16 + 1e-4))


def test_the_figures_of_pictures() -> None:
    ours = photographs()
    figures = measure(data(ours, np.clip(ours + 0.1, 0, 1.05)))
    of = {figure.name: figure for figure in figures.figures}
    assert of["psnr"].value == pytest.approx(20.2, abs=0.3)
    assert 0.8 < of["ssim"].value < 1
    assert of["psnr"].interval is not None
    assert len(figures.unlike) == 6
    assert figures.unlike[0].columns == 24


@pytest.mark.parametrize(("scale", "offset"), [(1, 0), (2, -1), (255, 0)])
def test_the_range_of_pictures_is_that_of_the_baseline(scale: float, offset: float) -> None:
    ours, theirs = photographs(), np.clip(photographs() + 0.1, 0, 1)
    targets = [np.rint(255 * picture) for picture in ours]
    figures = measure(replace(data(scale * ours + offset, scale * theirs + offset), labels=targets))
    of = {figure.name: figure for figure in figures.figures}
    assert of["psnr"].value == pytest.approx(20.8, abs=0.1)
    assert of["psnr_drop"].value > 25  # the baseline's are the targets, up to rounding
    assert of["psnr_drop"].variant == pytest.approx(of["psnr"].value, abs=0.2)


def test_pictures_that_overshoot_are_not_taken_for_nearly_black_ones() -> None:
    ours = 1.4 * photographs() - 0.2
    figures = measure(data(ours, ours + 0.14))
    assert figures.figures[0].value == pytest.approx(20, abs=0.1)
