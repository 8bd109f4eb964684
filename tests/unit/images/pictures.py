"""Pictures that the tests of the images room make for themselves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def gradient(height: int = 12, width: int = 16, *, seed: int = 0) -> Image.Image:
    """Return a small colourful picture, another one for every seed."""
    rng = np.random.default_rng(seed)
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8))


def save(path: Path, *, seed: int = 0) -> Path:
    """Write a small picture and the folders that it needs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    gradient(seed=seed).save(path)
    return path
