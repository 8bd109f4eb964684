"""Memory of a run on a large set of photographs beside one on a tenth of it.

``EDGEQ_DATA=FOLDER python -m benchmarks.large_sets`` makes 20,000 photographs (crops of the real
ones, small JPEGs) in a temporary folder, validates two variants of EfficientNet-Lite0 on 2,000 and
on all of them, each in a fresh store, and compares the peak memory of the whole tree of processes.
Between the two it interrupts a run on the small set and counts what the next one still evaluates.
``--count`` takes fewer, ``--folder`` keeps photographs and stores for another time, ``--model``
takes another float ``.tflite``.
"""

from __future__ import annotations

import argparse
import csv
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import msgspec
import numpy as np
from PIL import Image

from benchmarks.processes import Cost, load_note, measure
from edgeq.results.recording import this_machine

LITE0 = "efficientnet-lite0"
SIDE = 256
ALLOWED = 0.10
METHODS = ("weight_only_int8", "dynamic_range")


def main() -> int:
    """Print a table; 1 where the memory grows with the set or work is done twice."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--small", type=int, help="default: a tenth")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--model", default=LITE0, help="a source, as a spec names it")
    parser.add_argument("--preprocessing", default="efficientnet-lite")
    arguments = parser.parse_args()
    small = arguments.small or max(1, arguments.count // 10)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    with tempfile.TemporaryDirectory(prefix="edgeq-large-") as temporary:
        folder = (arguments.folder or Path(temporary)).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        make_photographs(folder / "photographs", arguments.count)
        machine = this_machine()
        print(f"{machine.processor}, {machine.cores} cores; {load_note()}")
        spec = {"source": arguments.model, "preprocessing": arguments.preprocessing}
        warm_up(folder, spec)
        again = interrupted(folder, spec, small)
        rows = [(count, run(folder, spec, count)) for count in (small, arguments.count)]
    stays = show(rows)
    return 0 if again and stays else 1


def make_photographs(folder: Path, count: int) -> None:
    """Cut photographs out of the real ones, unless the folder has as many."""
    source = Path(os.environ["EDGEQ_DATA"]) / "imagenet"
    with (source / "labels.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "evaluation"]
    names = [f"{number:06}.jpg" for number in range(count)]
    folder.mkdir(exist_ok=True)
    work = [
        (source / "evaluation" / rows[number % len(rows)]["file"], folder / name, number)
        for number, name in enumerate(names)
        if not (folder / name).exists()
    ]
    with ProcessPoolExecutor() as pool:
        list(pool.map(cut, work, chunksize=64))
    for path in set(folder.glob("*.jpg")) - {folder / name for name in names}:
        path.unlink()
    with (folder / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "class_index"])
        writer.writerows(
            (name, rows[number % len(rows)]["class_index"]) for number, name in enumerate(names)
        )


def cut(work: tuple[Path, Path, int]) -> None:
    """Write a square crop of a photograph, another one for every number."""
    source, target, number = work
    chance = np.random.default_rng(number)
    with Image.open(source) as image:
        side = int(min(image.size) * chance.uniform(0.7, 1.0))
        left, top = (int(chance.integers(0, length - side + 1)) for length in image.size)
        crop = image.convert("RGB").crop((left, top, left + side, top + side))
        crop.resize((SIDE, SIDE)).save(target, quality=85)


def project(folder: Path, name: str, model: dict[str, str], count: int) -> Path:
    """Return a folder with the spec of a run on the first so many photographs."""
    place = folder / name
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    spec = {
        "methods": METHODS,
        "default_gates": False,
        "models": {"net": {**model, "labels": "imagenet"}},
        "images": {"evaluation": "../photographs", "max_evaluation": count},
        "gates": {"top1_agreement": 0.5, "worst_cosine": -1, "accuracy_drop": 1},
    }
    (place / "edgeq.toml").write_bytes(msgspec.toml.encode(spec))
    ready = folder / "ready" / ".edgeq"
    if ready.exists():
        shutil.copytree(ready, place / ".edgeq")
    return place


def gate() -> list[str]:
    """Return the command that validates a project."""
    return [
        sys.executable,
        "-m",
        "edgeq.cli",
        "gate",
        "-m",
        "not latency",
        "-p",
        "no:cacheprovider",
    ]


def warm_up(folder: Path, model: dict[str, str]) -> None:
    """Make the float file and the variants, so that the runs compared only look at images."""
    place = project(folder, "ready", model, 8)
    require(measure(gate(), place))
    for kind in [*(place / ".edgeq").glob("answers-*"), *(place / ".edgeq").glob("pixels-*")]:
        shutil.rmtree(kind)


def run(folder: Path, model: dict[str, str], count: int) -> Cost:
    """Return what a run on so many photographs costs."""
    place = project(folder, f"run-{count}", model, count)
    cost = require(measure(gate(), place))
    shutil.rmtree(place)
    return cost


def interrupted(folder: Path, model: dict[str, str], count: int) -> bool:
    """Interrupt a run in the middle of its evaluation; return whether the next one goes on."""
    place = project(folder, "interrupted", model, count)
    wanted = portions(count) * (len(METHODS) + 1)

    stopped: list[int] = []

    def stop(process: subprocess.Popen[str]) -> None:
        if not stopped and len(answers(place)) >= wanted // 2:
            process.send_signal(signal.SIGINT)
            stopped.append(process.pid)  # a second one would kill it, as a second Ctrl-C does

    first = measure(gate(), place, watch=stop)
    before = answers(place)
    require(measure(gate(), place))
    after = answers(place)
    kept = {path: after.get(path) == time for path, time in before.items()}
    print(
        f"interrupted (exit code {first.code}) with {len(before)} of {wanted} portions evaluated; "
        f"the next run kept {sum(kept.values())} and evaluated {len(after) - len(before)}"
    )
    return first.code != 0 and all(kept.values()) and len(after) == wanted


def portions(count: int) -> int:
    """Return in how many portions a set is evaluated."""
    from edgeq.samples.stream import portion_size

    return -(-count // portion_size(count))


def answers(place: Path) -> dict[Path, int]:
    """Return the portions of answers in a project's store, with the time that each was made."""
    found = place.glob(".edgeq/answers-*/*/scores.npy")
    return {path: path.stat().st_mtime_ns for path in found}


def require(cost: Cost) -> Cost:
    """Return a run's cost; end this where the run failed."""
    if cost.code:
        sys.exit(f"the run failed with exit code {cost.code}:\n{cost.output[-3000:]}")
    return cost


def show(rows: Sequence[tuple[int, Cost]]) -> bool:
    """Print what the runs cost; return whether memory stayed."""
    print("\n| photographs | seconds | peak memory of the tree, MB | of it in no file, MB |")
    print("|---|---|---|---|")
    for count, cost in rows:
        sizes = f"{cost.peak_pss / 1e6:.1f} | {cost.peak_private / 1e6:.1f}"
        print(f"| {count} | {cost.seconds:.1f} | {sizes} |")
    growth = rows[1][1].peak_pss / rows[0][1].peak_pss - 1
    print(f"\npeak memory with {rows[1][0]} beside {rows[0][0]} photographs: {growth:+.1%}")
    return bool(growth <= ALLOWED)


if __name__ == "__main__":
    sys.exit(main())
