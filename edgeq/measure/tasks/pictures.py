"""Measures of image to image networks: peak signal to noise ratio and structural similarity."""

from __future__ import annotations

from functools import partial

import numpy as np

from edgeq.measure.figures import (
    Doubles,
    OutputReading,
    TaskData,
    TaskFigures,
    WorstMaps,
    weighted_mean,
)

MAX_PSNR = 100.0
"""PSNR in dB of two pictures that are equal, or nearly."""

_SIGMA = 1.5
_TRUNCATE = 3.5
_K1, _K2 = 0.01, 0.03
_RANGES = ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0))
"""Ranges that pictures have; the first that holds a baseline's values, up to ``_OVER``."""
_OVER = 0.1
_DARK, _BRIGHT = 0.25, 0.1
"""Shares of a wider range than 0 to 1 that the darkest value must lie below and the brightest
above. Pictures from 0 to 1 that overshoot would otherwise count as nearly black ones, and every
PSNR would be higher by up to 48 dB."""
_STRONG = 0.99
"""Quantile of a picture's differences that is drawn in the full colour: they are small."""


def measure(data: TaskData) -> TaskFigures:
    """Return the figures of networks that give pictures.

    - ``psnr``: the mean over images of the peak signal to noise ratio of the variant's picture and
      the baseline's, in dB.
    - ``ssim``: the mean over images of their structural similarity.
    - ``psnr_drop``: with target pictures, the baseline's mean PSNR minus the variant's.

    Args:
        data: Both models' pictures; a label is a target picture with values from 0 to 255.
    """
    low, high = _range(data)
    peak = high - low
    psnrs, ssims, before, after = np.zeros((4, data.images))
    maps = WorstMaps(data.images)
    for image in range(data.images):
        ours, theirs = (np.nan_to_num(values) for values in data.pair(image))
        psnrs[image], ssims[image] = psnr(ours, theirs, peak), ssim(ours, theirs, peak)
        apart = np.abs(ours - theirs).reshape(*ours.shape[:2], -1).mean(axis=2) / peak
        most = max(float(np.quantile(apart, _STRONG)), np.finfo(np.float64).tiny)
        maps.add(image, MAX_PSNR - psnrs[image], np.clip(apart / most, 0, 1))
        if data.labels is not None:
            target = low + np.asarray(data.labels[image], np.float64) / 255 * peak
            before[image], after[image] = psnr(ours, target, peak), psnr(theirs, target, peak)
    figures = [
        data.resampled(
            "psnr", partial(weighted_mean, psnrs), "mean PSNR with the baseline's", best=MAX_PSNR
        ),
        data.mean("ssim", np.clip(ssims, 0, 1), "mean SSIM with the baseline's pictures"),
    ]
    if data.labels is not None:
        figures.append(
            data.drop(
                "psnr_drop",
                partial(weighted_mean, before),
                partial(weighted_mean, after),
                "mean PSNR",
            )
        )
    return data.figures(
        *figures,
        reading=OutputReading(values="picture", range=(low, high)),
        unlike=maps.described(lambda at: f"PSNR {psnrs[at]:.1f} dB, SSIM {ssims[at]:.3f}"),
    )


def psnr(first: Doubles, second: Doubles, peak: float) -> float:
    """Return the peak signal to noise ratio of two pictures in dB, at most ``MAX_PSNR``.

    Args:
        first: A picture.
        second: Another one of the same shape.
        peak: Difference of the greatest and the least value that a picture can have.
    """
    error = float(((first - second) ** 2).mean())
    return MAX_PSNR if error == 0 else min(MAX_PSNR, 10 * float(np.log10(peak**2 / error)))


def ssim(first: Doubles, second: Doubles, peak: float) -> float:
    """Return the structural similarity of two pictures, the mean over pixels and channels.

    With a Gaussian window of 11 pixels and population covariances. Source: Wang et al., IEEE
    Transactions on Image Processing 13 (2004), 600-612, equation 13.

    Args:
        first: A picture, shape ``(h, w)`` or ``(h, w, channels)``.
        second: Another one of the same shape.
        peak: Difference of the greatest and the least value that a picture can have.
    """
    from scipy.ndimage import gaussian_filter

    blurred = partial(
        gaussian_filter, sigma=(_SIGMA, _SIGMA, *[0] * (first.ndim - 2)), truncate=_TRUNCATE
    )
    mean, other = blurred(first), blurred(second)
    variance, varying = blurred(first**2) - mean**2, blurred(second**2) - other**2
    together = blurred(first * second) - mean * other
    small, smaller = (_K1 * peak) ** 2, (_K2 * peak) ** 2
    similar = ((2 * mean * other + small) * (2 * together + smaller)) / (
        (mean**2 + other**2 + small) * (variance + varying + smaller)
    )
    return float(similar.mean())


def _range(data: TaskData) -> tuple[float, float]:
    """Return the least and greatest value of a baseline's pictures, as their range shows."""
    rows = data.baseline[data.output].rows
    some = rows[: min(data.images, 8), :]
    finite = some[np.isfinite(some)]
    least, greatest = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    for low, high in _RANGES:
        span = high - low
        fits = low - _OVER * span <= least and greatest <= high + _OVER * span
        filled = least <= low + _DARK * span and greatest >= low + _BRIGHT * span
        if fits and (filled or (low, high) == _RANGES[0]):
            return low, high
    return least, greatest
