"""What a second run makes again: nothing changed, a limit, a method's parameters, ten photographs.

``EDGEQ_DATA=FOLDER python -m benchmarks.warm`` validates EfficientNetV2-B0 by the README's four
methods, without latency; then once more after each change, and counts what entered the store and
which processes were started. The new photographs are mirrored ones. ``--store`` takes a copy of a
store in place of an empty one, which shortens the first run.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
from PIL import Image, ImageOps

from benchmarks.processes import Cost, load_note, measure
from edgeq.results.recording import this_machine
from edgeq.store.content import ENTRY_FILE, EntryFile
from edgeq.store.rows import ROWS

METHODS = ("dynamic_range", "float16", "int8", "weight_only_int8")
NEW = 10
TIMES = 3
MAX_S = 3.0
GATE = ("gate", "-m", "not latency", "-p", "no:cacheprovider")
PLAIN = f"from edgeq.cli import main; raise SystemExit(main({list(GATE)}))"
OTHER_PARAMETERS = (
    "from edgeq.quantize.recipes import LITERT, weights_only;"
    "LITERT['weight_only_int8'] = weights_only(8, dynamic=False, least=2048);" + PLAIN
)
CHILDREN = {
    "TensorFlow": "serving tensorflow",
    "quantizer": "serving edgeq.quantize.litert_child",
    "worker": "worker.py",
}


@dataclass(frozen=True)
class Expected:
    """What a run may make: entries of the store, rows of its ledgers, processes.

    Attributes:
        variants: Variants made.
        pixels: Photographs decoded.
        answers: Photographs run, by any model.
        quiet: Whether nothing at all may be made and no process started.
    """

    variants: int = 0
    pixels: int = 0
    answers: int = 0
    quiet: bool = False


def main() -> int:
    """Print a table; 1 where a run made more or less than it must, or a warm one is too slow."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", type=Path)
    arguments = parser.parse_args()
    machine = this_machine()
    print(f"{machine.processor}, {machine.cores} cores; {load_note()}\n")
    print("| run | seconds | processor s | variants | decoded | run | other entries | processes |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="edgeq-warm-") as temporary:
        folder = Path(temporary)
        lay_out(folder)
        if arguments.store:
            shutil.copytree(arguments.store, folder / ".edgeq")
        write_spec(folder)
        show("first", folder, None)
        steps = [show("nothing changed", folder, Expected(quiet=True)) for _ in range(TIMES)]
        write_spec(folder, {"int8": {"top1_agreement": 0.5}})
        steps.append(show("one method's limit", folder, Expected(quiet=True)))
        photographs = sum(1 for _ in (folder / "evaluation").iterdir())
        other = Expected(variants=1, answers=photographs)
        steps.append(show("one method's parameters", folder, other, OTHER_PARAMETERS))
        add_mirrored(folder)
        rows = NEW * (1 + len(METHODS))
        more = Expected(pixels=NEW, answers=rows)
        steps.append(show(f"{NEW} new photographs", folder, more))
    return 0 if all(steps) else 1


def lay_out(folder: Path) -> None:
    """Copy the photographs and their labels into a folder."""
    source = Path(os.environ["EDGEQ_DATA"]) / "imagenet"
    for name in ("calibration", "evaluation"):
        shutil.copytree(source / name, folder / name)
    shutil.copy(source / "labels.csv", folder / "labels.csv")


def add_mirrored(folder: Path) -> None:
    """Add mirrored photographs to the evaluation set, between the others by name."""
    rows = (folder / "labels.csv").read_text("utf-8").splitlines()
    chosen = [row.split(",") for row in rows if row.startswith("evaluation,")][:NEW]
    for split, name, label in chosen:
        target = f"{Path(name).stem}-mirrored.png"
        with Image.open(folder / split / name) as image:
            ImageOps.mirror(image.convert("RGB")).save(folder / split / target)
        rows.append(f"{split},{target},{label}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n", "utf-8")


def write_spec(folder: Path, gates: Mapping[str, object] | None = None) -> None:
    """Write the project's spec."""
    spec = {
        "methods": METHODS,
        "models": {"efficientnetv2-b0": {"source": "keras:EfficientNetV2B0"}},
        "images": {"calibration": "calibration", "evaluation": "evaluation"},
        "gates": {"max_peak_memory": "250 MB", **(gates or {})},
    }
    (folder / "edgeq.toml").write_bytes(msgspec.toml.encode(spec))


def show(what: str, folder: Path, expected: Expected | None, program: str = PLAIN) -> bool:
    """Run the gate and print what it made; return whether that is what it must make."""
    before = entries(folder)
    cost = measure([sys.executable, "-c", program], folder)
    if cost.code not in (0, 1):
        sys.exit(f"the run ended with {cost.code}:\n{cost.output[-3000:]}")
    new = {path: entry for path, entry in entries(folder).items() if path not in before}
    made = Counter(entry.kind.partition("-")[0] for entry in new.values())
    rows = Counter[str]()
    for entry in new.values():
        named = entry.facts.get(ROWS)
        rows[entry.kind.partition("-")[0]] += len(named) if isinstance(named, list) else 0
    others = {kind: n for kind, n in made.items() if kind not in ("variants", "pixels", "answers")}
    children = {name: cost.started(word) for name, word in CHILDREN.items() if cost.started(word)}
    print(
        f"| {what} | {cost.seconds:.2f} | {cost.cpu_s:.2f} | {made['variants']} | {rows['pixels']} "
        f"| {rows['answers']} | {_listed(others)} | {_listed(children)} |",
        flush=True,
    )
    return expected is None or _as_expected(expected, cost, made, rows)


def _as_expected(expected: Expected, cost: Cost, made: Counter[str], rows: Counter[str]) -> bool:
    if expected.quiet:
        started = any(cost.started(word) for word in CHILDREN.values())
        return not made and not started and cost.seconds < MAX_S
    return (made["variants"], rows["pixels"], rows["answers"]) == (
        expected.variants,
        expected.pixels,
        expected.answers,
    )


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "none"


def entries(folder: Path) -> dict[Path, EntryFile]:
    """Return the entries of the project's store."""
    found = {}
    for path in (folder / ".edgeq").glob(f"*/*/{ENTRY_FILE}"):
        if path.parts[-3] not in ("tmp", "quarantine"):
            found[path] = msgspec.json.decode(path.read_bytes(), type=EntryFile)
    return found


if __name__ == "__main__":
    sys.exit(main())
