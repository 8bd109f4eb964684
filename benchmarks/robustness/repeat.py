"""Order and repetition: the same verdicts, numbers and bytes, however a run is run.

``python -m benchmarks.robustness.repeat``: a small project with good variants, one that crashes
and one that fails its limits is run once. Then it is run again in every way of ``WAYS``, each from
a store as that way asks for, and its record is compared byte by byte with the first one's, but for
the fields that name time, duration and latency (``timeless``) and what the way itself says (its
command line). What was made is compared byte by byte too. Exit code 1 where anything differs.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.robustness.kills import differences, environment
from edgeq.io.files import sha256_file
from edgeq.pipeline.evaluating import HELD
from edgeq.record import structs as records
from edgeq.store.content import ENTRY_FILE, LOCKS, LOGS, QUARANTINE, TEMPORARY
from tests.plugin.projects import save_photographs, to_toml
from tests.unit import bad_models, tiny_model

SIZE, CLASSES = (8, 8), 40
SPEC: dict[str, Any] = {
    "methods": ["float16", "int8"],
    "default_gates": False,
    "models": {"tiny": {"source": "net.tflite", "preprocessing": {"filter": "bilinear"}}},
    "variants": {
        "vendor": {"model": "tiny", "file": "vendor.tflite"},
        "crash": {"model": "tiny", "file": "crash.tflite"},
    },
    "images": {"calibration": "calibration", "evaluation": "evaluation"},
    "gates": {
        "size_reduction": -1.0,
        "max_bytes": 2_000,
        "top1_agreement": 0.5,
        "worst_cosine": 0.5,
        "accuracy_drop": 0.5,
        "latency_ratio": 1000.0,
        "max_peak_memory": "4 GB",
    },
    "latency": {"rounds": 8, "block": 2, "warmup": 1},
}
SHUFFLE = """
import os, random

def pytest_collection_modifyitems(items):
    if "EDGEQ_SHUFFLE" in os.environ:
        random.Random(int(os.environ["EDGEQ_SHUFFLE"])).shuffle(items)
"""
PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "no:hypothesispytest", "--rootdir=.")
TIMES = frozenset({"started", "as_of", "duration_s", "previous", "load_average", "commands"})
MEMORY = frozenset({"memory", "max_peak_memory"})
SUMMARY = frozenset({"summary", "partial"})
MEASURED = frozenset({"growth", "loads", "memory", "repeated", LOCKS, LOGS, TEMPORARY, QUARANTINE})
"""What of a store holds times or sizes of processes, or is not an entry."""


@dataclass(frozen=True)
class Ran:
    """What a run left.

    Attributes:
        code: The exit code.
        record: The record, as JSON has it.
        made: The sha256 of every file that was made, by its place in the store.
    """

    code: int
    record: dict[str, Any]
    made: dict[str, str]


def build(folder: Path) -> Path:
    """Write the project and return its folder."""
    folder.mkdir(parents=True)
    shape: dict[str, Any] = {"size": SIZE, "classes": CLASSES, "seed": 1}
    (folder / "net.tflite").write_bytes(tiny_model.classifier(**shape))
    (folder / "vendor.tflite").write_bytes(tiny_model.classifier(io="uint8", **shape))
    (folder / "crash.tflite").write_bytes(bad_models.crashing(**shape))
    save_photographs(folder / "evaluation", count=24)
    save_photographs(folder / "calibration", count=8, seed=1)
    (folder / "edgeq.toml").write_text(to_toml(SPEC), "utf-8")
    (folder / "test_gate.py").write_text("from edgeq.gate import *\n", "utf-8")
    (folder / "conftest.py").write_text(SHUFFLE, "utf-8")
    return folder


def start(folder: Path, *arguments: str, shuffle: int | None = None) -> subprocess.Popen[bytes]:
    """Start the gate in a folder."""
    more = {} if shuffle is None else {"EDGEQ_SHUFFLE": str(shuffle)}
    with (folder / f"output-{len(arguments)}.txt").open("wb") as output:
        return subprocess.Popen(
            [*PYTEST, *arguments], cwd=folder, env=environment(**more), stdout=output, stderr=output
        )


def left(folder: Path, code: int, reports: str = "reports") -> Ran:
    """Return what a run left."""
    record = records.read(folder / reports / "latest" / "run.json")
    store = folder / ".edgeq"
    kinds = [kind for kind in store.iterdir() if kind.is_dir() and kind.name not in MEASURED]
    files = [path for kind in kinds for path in kind.rglob("*") if _is_repeatable(path)]
    made = {path.relative_to(store).as_posix(): sha256_file(path) for path in files}
    return Ran(code, msgspec.to_builtins(record), made)


def _is_repeatable(path: Path) -> bool:
    """Return whether a file of the store is the same in every run.

    An evaluation keeps what its worker held in memory, and its entry tells that file's sha256.
    """
    measured = {HELD, ENTRY_FILE} if (path.parent / HELD).is_file() else set[str]()
    return path.is_file() and path.name not in measured


def run(folder: Path, *arguments: str, shuffle: int | None = None) -> Ran:
    """Run the gate to its end."""
    process = start(folder, *arguments, shuffle=shuffle)
    return left(folder, process.wait())


def timeless(record: Mapping[str, Any], without: AbstractSet[str] = frozenset()) -> dict[str, Any]:
    """Return a record without what names time, duration and latency, nor other fields named."""

    def kept(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                key: kept(one)
                for key, one in value.items()
                if key not in TIMES | without and "latency" not in key
            }
        if isinstance(value, list | tuple):
            return [kept(one) for one in value]
        return value

    found: dict[str, Any] = kept(record)
    found["cases"] = {
        one["id"]: one
        for one in found["cases"]
        if "latency" not in one["gate"] and one["gate"] not in without
    }
    return found


def compared(
    first: Ran, other: Ran, *, without: AbstractSet[str] = frozenset(), part: bool = False
) -> list[str]:
    """Return where a run's answers are not the first one's.

    Args:
        first: The first run.
        other: The run.
        without: Fields and gates that are not compared.
        part: Whether the run was a part, so that only what it has is compared.
    """
    ours, theirs = (timeless(one.record, without) for one in (first, other))
    if part:
        chosen = {key: ours["cases"].get(key) for key in theirs["cases"]}
        return differences(chosen, theirs["cases"], "cases")
    wrong = differences(ours, theirs)
    if not wrong and json.dumps(ours) != json.dumps(theirs):
        wrong.append("the bytes differ: the order of fields")
    code = [] if other.code == first.code else [f"exit code {other.code}, first {first.code}"]
    return [*code, *wrong, *differences(first.made, other.made, "store")]


def fresh(first: Ran, folder: Path) -> list[str]:
    """Run in another folder with an empty store."""
    return compared(first, run(build(folder / "an öther one")), without=MEMORY)


def fresh_shuffled(first: Ran, folder: Path) -> list[str]:
    """Run in another order from an empty store."""
    return compared(first, run(build(folder / "shuffled"), shuffle=1), without=MEMORY)


def parallel(first: Ran, folder: Path) -> list[str]:
    """Run in four processes from an empty store; times are MISSING there."""
    other = run(build(folder / "parallel"), "-n", "4")
    return compared(first, other, without=MEMORY | SUMMARY)


def at_once(first: Ran, folder: Path) -> list[str]:
    """Run twice at the same moment on one empty store."""
    place = build(folder / "at once")
    names = ("one", "two")
    both = [start(place, "--edgeq-reports", name, *["-q"] * at) for at, name in enumerate(names)]
    codes = [process.wait() for process in both]
    rans = [left(place, code, name) for code, name in zip(codes, names, strict=True)]
    wrong = [line for ran in rans for line in compared(first, ran, without=MEMORY)]
    return wrong + compared(rans[0], rans[1])


def interrupted(first: Ran, folder: Path) -> list[str]:
    """Interrupt a run with Ctrl-C at several moments, then let it end."""
    place, draw = build(folder / "interrupted"), random.Random(1)  # noqa: S311
    for _ in range(3):
        process = start(place)
        try:
            process.wait(draw.uniform(0.5, 6.0))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
            process.wait()
    return compared(first, run(place), without=MEMORY)


def again(first: Ran, folder: Path) -> list[str]:
    """Run again where nothing changed."""
    return compared(first, run(folder / "first"))


def shuffled(first: Ran, folder: Path) -> list[str]:
    """Run again in three other orders."""
    rans = [run(folder / "first", shuffle=seed) for seed in (2, 3, 4)]
    return [line for ran in rans for line in compared(first, ran)]


def stopped(first: Ran, folder: Path) -> list[str]:
    """Stop at the first failure, then run what failed last."""
    rans = (run(folder / "first", "-x"), run(folder / "first"), run(folder / "first", "--lf"))
    failed = {one["id"] for one in first.record["cases"] if one["status"] in {"FAIL", "MISSING"}}
    lost = failed - {one["id"] for one in rans[2].record["cases"]}
    wrong = [f"--lf did not run {sorted(lost)}"] if lost else []
    return wrong + [line for ran in rans for line in compared(first, ran, part=True)]


Way = Callable[[Ran, Path], list[str]]
WAYS: tuple[Way, ...] = (
    *(again, shuffled, stopped, fresh, fresh_shuffled, parallel, at_once, interrupted),
)


def main() -> int:
    """Print each way with what differs; 1 where anything does."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=[way.__name__ for way in WAYS])
    chosen = parser.parse_args().only
    bad = False
    with tempfile.TemporaryDirectory(prefix="edgeq-repeat-") as name:
        folder = Path(name)
        first = run(build(folder / "first"))
        verdicts = Counter(one["status"] for one in first.record["cases"])
        print(f"first run: exit code {first.code}, {dict(verdicts)}, {len(first.made)} files made")
        print("| way | differences |\n|---|---|")
        for way in WAYS:
            if way.__name__ not in chosen:
                continue
            wrong = way(first, folder)
            bad = bad or bool(wrong)
            print(f"| {(way.__doc__ or '').splitlines()[0]} | {len(wrong)} |", flush=True)
            for line in wrong[:20]:
                print(f"FAULT {line}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
