"""What may not be read or written is bad input: one line, exit code 2, nothing measured passes."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from benchmarks.robustness import kills

CAPABILITIES = "-dac_override,-dac_read_search"
HUMBLE = ("setpriv", f"--bounding-set={CAPABILITIES}", f"--inh-caps={CAPABILITIES}")
"""Takes from root what lets it read and write everything."""


def can_be_humble() -> bool:
    """Return whether setpriv works here."""
    if shutil.which("setpriv") is None:
        return False
    return subprocess.run([*HUMBLE, "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize(
    ("place", "mode", "said"),
    [
        (".", 0o555, ".edgeq/locks: can't be locked: Permission denied. Make it writable"),
        ("net.tflite", 0, "net.tflite: can't be read: Permission denied"),
        ("vendor.tflite", 0, "vendor.tflite: can't be read: Permission denied"),
        ("evaluation/11", 0, "evaluation/11: can't be read: Permission denied"),
        ("edgeq.toml", 0, "edgeq.toml: can't be read: Permission denied"),
    ],
)
def test_without_permission(tmp_path: Path, place: str, mode: int, said: str) -> None:
    humble = HUMBLE if os.geteuid() == 0 else ()
    if humble and not can_be_humble():
        pytest.skip("root may read and write everything, and setpriv takes nothing from it here")
    kills.build(tmp_path)
    (tmp_path / place).chmod(mode)
    try:
        done = subprocess.run(
            [*humble, *kills.COMMAND],
            cwd=tmp_path,
            env=kills.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    finally:
        (tmp_path / place).chmod(0o755)
    assert said in done.stdout
    assert done.returncode == 2
    assert "Traceback" not in done.stdout
    assert "INTERNALERROR" not in done.stdout
