"""A run with a crashing, a hanging and a greedy variant among good ones, as it is told.

``python -m benchmarks.robustness.transcript`` lays out a project with EfficientNet-Lite0 and the 20
built-in photographs: ``int8`` and ``float16`` are good, ``dynamic_int2`` crashes the runtime, one
file never ends an inference, one wants 9 GB. It runs ``edgeq gate`` and prints what it says, as in
``transcript.md``; of the output nothing is changed but the folder's name. Exit code 1 where a good
variant is touched by the others. ``--store`` keeps what is made.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.robustness.kills import environment, left_over
from edgeq.judge.verdict import Verdict
from edgeq.record import structs as records
from tests.plugin.projects import to_toml
from tests.unit import bad_models

MODEL = "efficientnet-lite0"
GOOD = ("int8", "float16")
ENDS = {"dynamic_int2": "SIGSEGV", "endless": "no answer for 5 s", "greedy": "limit of 500 MB"}
ARGUMENTS = ("gate", "-m", "not latency", "-q", "--no-header", "-p", "no:cacheprovider")
MARK = "transcript"


def build(folder: Path, store: Path) -> None:
    """Write the project."""
    shape: dict[str, Any] = {"size": (224, 224), "classes": 1000}
    (folder / "endless.tflite").write_bytes(bad_models.endless(**shape))
    (folder / "greedy.tflite").write_bytes(bad_models.greedy(9_000_000_000, **shape))
    spec: dict[str, Any] = {
        "methods": [*GOOD, "dynamic_int2"],
        "default_gates": False,
        "store": str(store),
        "models": {MODEL: {"source": MODEL}},
        "variants": {
            name: {"model": MODEL, "file": f"{name}.tflite"} for name in ("endless", "greedy")
        },
        "images": {"calibration": "sample:imagenet", "evaluation": "sample:imagenet"},
        "gates": {"top1_agreement": 0.7},
        "run": {"timeout_s": 5.0, "memory_limit": 500_000_000},
    }
    (folder / "edgeq.toml").write_text(to_toml(spec), "utf-8")


def main() -> int:
    """Print the transcript; 1 where the run is not what it should be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", type=Path, default=Path(".edgeq"))
    store = parser.parse_args().store.resolve()
    with tempfile.TemporaryDirectory(prefix="edgeq-transcript-") as name:
        folder = Path(name)
        build(folder, store)
        mark = f"{MARK}-{os.getpid()}"
        done = subprocess.run(
            [sys.executable, "-m", "edgeq.cli", *ARGUMENTS],
            cwd=folder,
            env=environment(COLUMNS="100", NO_COLOR="1", EDGEQ_KILLS=mark),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        said = done.stdout.replace(f"{folder}{os.sep}", "").rstrip()
        print(
            f"```console\n$ edgeq {' '.join(ARGUMENTS)}\n{said}\n$ echo $?\n{done.returncode}\n```"
        )
        record = records.read(folder / "reports" / "latest" / "run.json")
    good = {one.status for name in GOOD for one in record.verdicts(MODEL, name)}
    told = [
        any(words in one.reason for one in record.verdicts(MODEL, name))
        for name, words in ENDS.items()
    ]
    left = left_over(mark)
    print(f"\nProcesses left over: {len(left)}")
    sound = all(told) and good <= {Verdict.PASS, Verdict.INCONCLUSIVE} and not left
    return 0 if sound and done.returncode == 1 and record.summary.complete else 1


if __name__ == "__main__":
    sys.exit(main())
