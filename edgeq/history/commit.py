"""Reads the commit that is checked out."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

TIMEOUT_S = 5.0


def checked_out(folder: Path) -> str | None:
    """Return the hash of the commit that a folder is at, or None outside a repository."""
    git = shutil.which("git")
    if git is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603 - our own arguments
            [git, "-C", str(folder), "rev-parse", "--verify", "HEAD"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None
