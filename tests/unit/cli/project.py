"""A project without a test file: a tiny baseline and a ready-made variant, nothing to be made."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from PIL import Image

from tests.patience import PATIENCE_S
from tests.unit.tiny_model import classifier

SPEC = """
methods = []
default_gates = false

[models.tiny]
source = "net.tflite"
preprocessing = "keras-0-255"

[variants.vendor]
model = "tiny"
file = "vendor.tflite"

[images]
evaluation = "photographs"

[gates]
top1_agreement = 0.1
"""
CASES = 7
SIZE = (8, 8)


def write(folder: Path, spec: str = SPEC) -> None:
    """Write the project's files."""
    (folder / "net.tflite").write_bytes(classifier(size=SIZE, seed=1))
    (folder / "vendor.tflite").write_bytes(classifier(size=SIZE, seed=1, io="uint8"))
    (folder / "photographs").mkdir(exist_ok=True)
    for number, colour in enumerate(("black", "red", "lime", "blue")):  # of several classes
        Image.new("RGB", SIZE, colour).save(folder / "photographs" / f"{number}.png")
    (folder / "edgeq.toml").write_text(spec, encoding="utf-8")


def edgeq(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own, which knows nothing of the one around it."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    return subprocess.run(
        [sys.executable, "-m", "edgeq.cli", *arguments],
        cwd=folder,
        env=kept | environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
