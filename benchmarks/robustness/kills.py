"""Kills (``-9``) at random moments of a run: nothing half-written is read, nothing stays behind.

``python benchmarks/robustness/kills.py --count 200``: a small project (one method that a converter
makes, one ready-made variant, photographs) is run to its end once. Then, again and again, a run is
killed after a random part of that time: on an empty store, or on the one that the killed runs left.
After each kill no process of the run may be left, and the store must verify; after the last one,
and every ``--check``, a run on what is left must give the same figures as the first. Exit code 1
where anything differs.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec

from edgeq.record import structs as records
from edgeq.store import prune
from edgeq.store.content import Store
from tests.plugin.projects import save_photographs, to_toml
from tests.unit import tiny_model

SIZE = (8, 8)
SPEC: dict[str, Any] = {
    "methods": ["float16"],
    "default_gates": False,
    "models": {"tiny": {"source": "net.tflite", "preprocessing": {"filter": "bilinear"}}},
    "variants": {"vendor": {"model": "tiny", "file": "vendor.tflite", "method": "int8"}},
    "images": {"evaluation": "evaluation"},
    "gates": {"size_reduction": -1.0, "top1_agreement": 0.5, "worst_cosine": 0.5},
}
COMMAND = (
    *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:hypothesispytest"),
    *("--rootdir=.", "test_gate.py"),
)
ENDS_S = 10.0
AROUND = ("PYTEST_", "GITHUB_", "COLUMNS")
EMPTY = 0.5
"""How often a run starts on an empty store."""
MARK = "EDGEQ_KILLS"
"""An environment variable that names the processes of a run."""


def build(folder: Path) -> None:
    """Write the project."""
    for name, io in (("net", "float32"), ("vendor", "uint8")):
        content = tiny_model.classifier(size=SIZE, classes=40, seed=1, io=io)  # type: ignore[arg-type]
        (folder / f"{name}.tflite").write_bytes(content)
    save_photographs(folder / "evaluation", count=24)
    (folder / "edgeq.toml").write_text(to_toml(SPEC), "utf-8")
    (folder / "test_gate.py").write_text("from edgeq.gate import *\n", "utf-8")


def environment(**more: str) -> dict[str, str]:
    """Return this process's variables without those of a pytest around it, and some more."""
    own = {key: value for key, value in os.environ.items() if not key.startswith(AROUND)}
    return {**own, **more}


def run(folder: Path, mark: str, kill_after_s: float | None = None) -> float:
    """Run the gate, or kill it; return the seconds that it took."""
    start = time.monotonic()
    with (folder / "output.txt").open("wb") as output:
        process = subprocess.Popen(
            COMMAND, cwd=folder, env=environment(**{MARK: mark}), stdout=output, stderr=output
        )
        try:
            process.wait(kill_after_s)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
    return time.monotonic() - start


def left_over(mark: str) -> list[str]:
    """Return the processes of a run that are still there after a while."""
    end = time.monotonic() + ENDS_S
    while True:
        found = []
        for path in Path("/proc").glob("[0-9]*/environ"):
            try:
                if f"{MARK}={mark}\0".encode() in path.read_bytes():
                    found.append((path.parent / "cmdline").read_bytes().decode("utf-8", "replace"))
            except OSError:
                continue
        if not found or time.monotonic() > end:
            return found
        time.sleep(0.05)


def figures(folder: Path) -> dict[str, Any]:
    """Return what two runs must have in common."""
    path = folder / "reports" / "latest" / "run.json"
    record = records.read(path)
    plain = msgspec.to_builtins(record)
    return {
        "cases": [
            {key: one[key] for key in ("id", "status", "value", "interval", "reason", "evidence")}
            for one in plain["cases"]
        ],
        "summary": plain["summary"],
        "sha256": [one["sha256"] for one in plain["models"][0]["variants"]],
        "errors": plain["errors"],
    }


def differences(first: object, second: object, where: str = "") -> list[str]:
    """Return where two tables differ, one line each."""
    if isinstance(first, dict) and isinstance(second, dict):
        keys = {**first, **second}
        found = [differences(first.get(k), second.get(k), f"{where}/{k}") for k in keys]
        return [line for lines in found for line in lines]
    if isinstance(first, list | tuple) and isinstance(second, list | tuple):
        pairs = enumerate(itertools.zip_longest(first, second))
        return [line for at, pair in pairs for line in differences(*pair, f"{where}/{at}")]
    return [] if first == second else [f"{where}: {first!r}, {second!r}"]


def problems(folder: Path, mark: str) -> list[str]:
    """Return what a killed run did wrong."""
    found = [f"a process is left: {one}" for one in left_over(mark)]
    store = Store(folder / ".edgeq")
    found += [f"{place.name} is damaged: {why}" for place, why in prune.verify(store) if why]
    path = folder / "reports" / "latest" / "run.json"
    if path.exists():
        try:
            records.read(path)
        except Exception as error:  # noqa: BLE001 - whatever it is
            found.append(f"the record can't be read: {error}")
    return found


def torture(folder: Path, *, count: int, check: int) -> tuple[list[str], int]:
    """Kill runs of a project, and look at what they leave.

    Args:
        folder: An empty folder for the project.
        count: Kills.
        check: Kills between two whole runs.

    Returns:
        What went wrong, one line each, and the number of whole runs between.
    """
    draw = random.Random(1)  # noqa: S311
    wrong: list[str] = []
    checks = 0
    build(folder)
    whole_s = run(folder, "first")
    expected = figures(folder)
    for number in range(1, count + 1):
        if draw.random() < EMPTY:
            shutil.rmtree(folder / ".edgeq", ignore_errors=True)
        mark = f"{os.getpid()}-{number}"
        run(folder, mark, draw.uniform(0, whole_s))
        wrong += [f"kill {number}: {one}" for one in problems(folder, mark)]
        if number % check == 0 or number == count:
            run(folder, f"{mark}-whole")
            checks += 1
            other = differences(expected, figures(folder))
            wrong += [f"kill {number}: the next run differs: {one}" for one in other]
    return wrong, checks


def main() -> int:
    """Print the figure; 1 where something went wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--check", type=int, default=20, help="kills between two whole runs")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="edgeq kills für ") as name:
        wrong, checks = torture(Path(name), count=arguments.count, check=arguments.check)
        parts = list((Path(name) / "reports").rglob("*.part"))
    for line in wrong[:20]:
        print(f"FAULT {line}")
    print(
        f"{arguments.count} kills at random moments of a run, {checks} whole runs between: "
        f"{len(wrong)} faults; {len(parts)} unfinished files of reports, at most a minute old"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
