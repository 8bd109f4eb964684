"""Pictures that the tests of the images room make for themselves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from edgeq.samples.photo import Decoded, pillow_warnings_are_errors, read_photo


def gradient(height: int = 12, width: int = 16, *, seed: int = 0) -> Image.Image:
    """Return a small colourful picture, another one for every seed."""
    rng = np.random.default_rng(seed)
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8))


def waves(width: int, height: int) -> Image.Image:
    """Return a large picture without sharp edges in which a shift of a pixel shows."""
    x, y = np.linspace(0, 1, width), np.linspace(0, 1, height)[:, np.newaxis]
    planes = [np.sin(40 * x) * np.cos(30 * y), np.sin(30 * (x + y)), np.cos(50 * x * y)]
    return Image.fromarray((np.stack(planes, axis=-1) * 120 + 128).astype(np.uint8))


def save(path: Path, *, seed: int = 0) -> Path:
    """Write a small picture and the folders that it needs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    gradient(seed=seed).save(path)
    return path


def open_photo(path: Path) -> Decoded:
    """Read a photograph as the child that decodes does."""
    with pillow_warnings_are_errors():
        return read_photo(path)
