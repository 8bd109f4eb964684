"""Paths as a user reads them."""

from __future__ import annotations

import os
from pathlib import Path


def shown(path: Path) -> Path:
    """Return a path as seen from the current folder, where that is shorter."""
    return Path(min(os.path.relpath(path), str(path), key=len))
