"""Shortens paths for messages."""

from __future__ import annotations

import os
from pathlib import Path


def shown(path: Path) -> Path:
    """Return a path relative to the current folder if that is shorter."""
    return Path(min(os.path.relpath(path), str(path), key=len))
