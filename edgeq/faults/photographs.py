"""Photographs as a device's camera gives them, instead of those that the baseline gets."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from edgeq.faults.fault import Faulty, NotApplicableError
from edgeq.faults.good import Good

Reals = npt.NDArray[np.float64]
Change = Callable[[Reals], Reals]

BT601 = np.array([[0.299, 0.587, 0.114], [-0.1687, -0.3313, 0.5], [0.5, -0.4187, -0.0813]])
BT709 = np.array([[0.2126, 0.7152, 0.0722], [-0.1146, -0.3854, 0.5], [0.5, -0.4542, -0.0458]])
"""RGB to YCbCr of the full range, by ITU-R BT.601 and BT.709."""


def photographed(good: Good, name: str, change: Change) -> Faulty:
    """Return the variant with its own photographs, each changed before the resize.

    Args:
        good: The good variant.
        name: Name of the folder that they are written to.
        change: Function that takes and returns pixels from 0 to 255, shape ``(h, w, 3)``.

    Raises:
        NotApplicableError: There are no evaluation images.
    """
    images = good.variant.inputs.images.evaluation
    if images is None:
        raise NotApplicableError("there are no evaluation images")
    folder = good.scratch / "photographs" / name
    for photo in images.photos:
        with Image.open(photo.path) as picture:
            pixels = np.asarray(picture.convert("RGB"), np.float64)
        changed = np.clip(np.rint(change(pixels)), 0, 255).astype(np.uint8)
        path = folder / Path(photo.name).with_suffix(".png")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(changed).save(path, compress_level=1)
    return Faulty(photographs=folder)


def compressed(quality: int) -> Change:
    """Return the change of writing a JPEG of a given quality and reading it back."""

    def change(pixels: Reals) -> Reals:
        buffer = io.BytesIO()
        Image.fromarray(pixels.astype(np.uint8)).save(buffer, "JPEG", quality=quality)
        with Image.open(io.BytesIO(buffer.getvalue())) as picture:
            return np.asarray(picture.convert("RGB"), np.float64)

    return change


def grey(pixels: Reals) -> Reals:
    """Return pixels in grey."""
    return np.asarray(np.repeat(pixels @ BT601[:1].T, 3, axis=2))


def other_matrix(pixels: Reals) -> Reals:
    """Return pixels whose BT.601 YCbCr values are read as BT.709."""
    return np.asarray(pixels @ (BT601.T @ np.linalg.inv(BT709).T))


def limited_range(pixels: Reals) -> Reals:
    """Return pixels from 16 to 235 that were not expanded to 0 to 255."""
    return pixels * (219 / 255) + 16
