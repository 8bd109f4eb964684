"""Transcripts of three repairs: EfficientNetV2-B0, EfficientNet-Lite0 and FastestDet.

Run ``python -m benchmarks.repair_transcripts FOLDER [NAME ...]``: it lays out a project for each in
the folder, runs its command, and prints both, then the CPU seconds of all processes beside the wall
seconds. Of the output nothing is changed but paths. The stores below the folder keep what is made.
Needs EDGEQ_DATA.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

HALF = "relative_error <= 0.5 x int8"
PHOTOGRAPHS = """
[images]
calibration = "data:imagenet"
evaluation = "data:imagenet"
"""
CALIBRATION = 64
"""Photographs of coco128 that calibrate, the first by name; the others are evaluated."""


@dataclass(frozen=True)
class Project:
    """A project whose int8 model failed.

    Attributes:
        spec: The content of ``edgeq.toml``.
        arguments: The arguments of ``edgeq repair``.
        detects: Whether its photographs are those of coco128.
    """

    spec: str
    arguments: tuple[str, ...]
    detects: bool = False


PROJECTS = {
    "v2": Project(
        'methods = ["int8"]\n[models.efficientnetv2-b0]\nsource = "keras:EfficientNetV2B0"\n'
        + PHOTOGRAPHS,
        ("efficientnetv2-b0", "--until", HALF),
    ),
    "lite0": Project(
        'methods = ["int8"]\n[models.efficientnet-lite0]\nsource = "efficientnet-lite0"\n'
        + PHOTOGRAPHS,
        ("efficientnet-lite0", "--from", "int8", "--until", HALF),
    ),
    "fastestdet": Project(
        """methods = []

[models.fastestdet]
source = "fastestdet_float.tflite"
task = "tensors"
preprocessing = { std = [255.0, 255.0, 255.0], channels = "bgr", filter = "bilinear" }

[variants.tensorflow_int8]
model = "fastestdet"
file = "tensorflow_int8.tflite"
method = "int8"

[images]
calibration = "calibration"
evaluation = "evaluation"
""",
        ("fastestdet", "--from", "tensorflow_int8", "--until", HALF),
        detects=True,
    ),
}


def lay_out(project: Project, folder: Path) -> None:
    """Write a project."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "edgeq.toml").write_text(project.spec, "utf-8")
    if not project.detects:
        return
    detection = Path(os.environ["EDGEQ_DATA"]) / "tasks" / "detection"
    photographs = sorted((detection / "coco128" / "images").iterdir())
    files = {
        "fastestdet_float.tflite": detection / "fastestdet_float.tflite",
        "tensorflow_int8.tflite": detection / "fastestdet" / "tensorflow_int8.tflite",
    }
    for at, photograph in enumerate(photographs):
        half = "calibration" if at < CALIBRATION else "evaluation"
        files[f"{half}/{photograph.name}"] = photograph
    for name, source in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(source, folder / name)


def run(name: str, folder: Path) -> None:
    """Run the command of a project, and print it with what it says."""
    project = PROJECTS[name]
    lay_out(project, folder)
    before, start = os.times(), time.monotonic()
    outcome = subprocess.run(
        [sys.executable, "-m", "edgeq.cli", "repair", *project.arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    wall, after = time.monotonic() - start, os.times()
    cpu = sum(after[2:4]) - sum(before[2:4])
    text = (outcome.stdout or outcome.stderr).replace(f"{folder}{os.sep}", "").rstrip()
    print(f"## {name}\n\n```console\n$ edgeq repair {shlex.join(project.arguments)}\n{text}\n```\n")
    print(f"exit code {outcome.returncode}, {cpu:.0f} CPU seconds, {wall:.0f} s\n", flush=True)


def main() -> None:
    """Print the transcripts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", default=list(PROJECTS), choices=[[], *PROJECTS])
    arguments = parser.parse_args()
    for name in arguments.names or PROJECTS:
        run(name, arguments.folder.resolve() / name)


if __name__ == "__main__":
    main()
