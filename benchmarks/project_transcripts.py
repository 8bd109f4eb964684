"""Transcripts of projects: a monorepo, a failing test of one's own, two runs that are one answer.

Run ``python -m benchmarks.project_transcripts``: it lays out a repository with EfficientNet-Lite0
in ``services/vision`` and another service beside it, runs pytest and edgeq's own commands there,
and prints them with what they say. Of the output nothing is changed but the folders' names.
``--store`` keeps what is made.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

WIDTH = "100"
QUIET = ("-q", "--no-header", "-p", "no:cacheprovider")
SUITE = "from edgeq.gate import *\n"
SERVICES = ("audio", "vision")
OWN = """def test_fits_the_flash(edgeq_variant):
    assert edgeq_variant.bytes < 8_000_000, f"{edgeq_variant.bytes:,} bytes for 8 MB of flash"
"""


def main() -> int:
    """Print every transcript; 1 if a command answers otherwise than it should."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", type=Path, default=Path(".edgeq"))
    store = parser.parse_args().store.resolve()
    with tempfile.TemporaryDirectory(prefix="edgeq-transcripts-") as folder:
        root = Path(folder)
        vision = lay_out(root, store)
        print("## A monorepo\n")
        run = Terminal(store)
        codes = [
            run(root, "pytest", "services/vision", "-m", "size", *QUIET) == 0,
            run(root, "pytest", "-m", "size", *QUIET) == 2,  # bad input
            run(root, "pytest", "tests", *QUIET) == 2,  # bad input
        ]
        print("## A failing test of one's own\n")
        own = vision / "tests" / "test_own.py"
        own.write_text(OWN, encoding="utf-8")
        print(f"```python\n{OWN}```\n")
        untimed = ("-m", "not latency and not memory")
        codes.append(run(vision, "pytest", *untimed, *QUIET, "--tb=line") == 1)
        codes.append(run(vision, "edgeq", "bundle") == 2)  # nothing to pack
        own.unlink()
        print("## Two partial runs that become one answer\n")
        codes.append(run(vision, "pytest", "-m", "not latency", "-n", "2", *QUIET) == 0)
        codes.append(run(vision, "pytest", "-m", "latency", *QUIET, "--benchmark-quiet") == 0)
    return 0 if all(codes) else 1


def lay_out(root: Path, store: Path) -> Path:
    """Write a repository of two services and return the folder of the one with a model."""
    for name in SERVICES:
        service = root / "services" / name
        (service / "tests").mkdir(parents=True)
        (service / "tests" / f"test_{name}.py").write_text(SUITE, encoding="utf-8")
        (service / "edgeq.toml").write_text(
            f'methods = ["float16"]\nstore = "{store}"\n\n[models.{name}]\n'
            'source = "efficientnet-lite0"\n\n[images]\nevaluation = "sample:imagenet"\n',
            encoding="utf-8",
        )
    (root / "tests").mkdir()
    (root / "tests" / "test_gate.py").write_text(SUITE, encoding="utf-8")
    return root / "services" / "vision"


class Terminal:
    """Runs commands and prints them.

    Args:
        store: Its folder is named ``.edgeq``, as it is by default.
    """

    def __init__(self, store: Path) -> None:
        self._store = store

    def __call__(self, folder: Path, command: str, *arguments: str) -> int:
        """Run a command, print it with what it says, return its exit code."""
        module = "edgeq.cli" if command == "edgeq" else command
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=folder,
            # pytest-benchmark warns that it times nothing under xdist, with its own path
            env={**os.environ, "COLUMNS": WIDTH, "NO_COLOR": "1", "PYTHONWARNINGS": "ignore"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        said = done.stdout.replace(f"{folder}{os.sep}", "").replace(str(self._store), ".edgeq")
        print(f"```console\n$ {shlex.join([command, *arguments])}\n{said.rstrip()}\n$ echo $?")
        print(f"{done.returncode}\n```\n", flush=True)
        return done.returncode


if __name__ == "__main__":
    sys.exit(main())
