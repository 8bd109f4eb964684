"""What a device's camera makes of a scene, in place of the photograph that the baseline sees."""

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
    """Return the variant with photographs of its own, each changed before the resize.

    Args:
        good: The good variant.
        name: Of the folder that they are written to.
        change: Takes and returns pixels from 0 to 255, shape ``(h, w, 3)``.

    Raises:
        NotApplicableError: There are no evaluation images.
    """
    images = good.variant.inputs.evaluation
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
    """Return what writing a JPEG of a quality and reading it does."""

    def change(pixels: Reals) -> Reals:
        held = io.BytesIO()
        Image.fromarray(pixels.astype(np.uint8)).save(held, "JPEG", quality=quality)
        with Image.open(io.BytesIO(held.getvalue())) as picture:
            return np.asarray(picture.convert("RGB"), np.float64)

    return change


def grey(pixels: Reals) -> Reals:
    """Return pixels in grey."""
    return np.asarray(np.repeat(pixels @ BT601[:1].T, 3, axis=2))


def other_matrix(pixels: Reals) -> Reals:
    """Return YCbCr pixels of BT.601 read as those of BT.709."""
    return np.asarray(pixels @ (BT601.T @ np.linalg.inv(BT709).T))


def limited_range(pixels: Reals) -> Reals:
    """Return pixels of 16 to 235 that are not brought to 0 to 255."""
    return pixels * (219 / 255) + 16
