"""Memory of pytest's own process, and a limit that stops a greedy model.

``python -m benchmarks.robustness.memory``: 500 photographs, a baseline of 224 x 224 pixels and 1000
classes with six variants, every gate, from an empty store; then again with nothing changed. Prints
the most memory that was resident in pytest's process (``VmHWM``, Linux), which must stay under
300 MB. Then one variant wants far more memory than ``run.memory_limit = 200 MB``: its verdicts are
FAIL and name the limit, the others' are what they were. Exit code 1 where it is otherwise.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.robustness.kills import environment
from edgeq.judge.verdict import Verdict
from edgeq.pipeline.carrying import points_elsewhere
from edgeq.record import structs as records
from edgeq.record.structs import RunRecord
from tests.plugin.projects import to_toml
from tests.unit import bad_models, tiny_model

MAX_BYTES = 300_000_000
LIMIT = 200_000_000
SIZE, CLASSES = (224, 224), 1000
PHOTOGRAPH = (320, 256)
TYPES: tuple[tiny_model.IoType, ...] = ("float16", "int8", "uint8", "int16")
GATES = {
    "size_reduction": -10.0,
    "max_bytes": 10_000_000,
    "top1_agreement": 0.01,
    "top5_overlap": 0.01,
    "worst_cosine": -1.0,
    "accuracy_drop": 1.0,
    "latency_ratio": 1000.0,
    "max_peak_memory": "4 GB",
}
TELL = """
import atexit
from pathlib import Path

def tell():
    rows = Path("/proc/self/status").read_text("ascii").splitlines()
    peak = next(row.split()[1] for row in rows if row.startswith("VmHWM"))
    Path("peak.txt").write_text(peak, "ascii")

atexit.register(tell)
"""
COMMAND = (sys.executable, "-m", "pytest", "-q", "-p", "no:hypothesispytest", "--rootdir=.")


def build(folder: Path, photographs: int, greedy: int = 0) -> None:
    """Write the project; a variant that wants ``greedy`` bytes joins where that is not 0."""
    shape: dict[str, Any] = {"size": SIZE, "classes": CLASSES, "seed": 1}
    files = {f"vendor-{io}": tiny_model.classifier(io=io, **shape) for io in TYPES}
    if greedy:
        files["greedy"] = bad_models.greedy(greedy, **shape)
    spec: dict[str, Any] = {
        "methods": ["float16", "weight_only_int8"],
        "default_gates": False,
        "models": {"net": {"source": "net.tflite", "preprocessing": {"filter": "bilinear"}}},
        "variants": {name: {"model": "net", "file": f"{name}.tflite"} for name in files},
        "images": {"evaluation": "evaluation"},
        "gates": GATES,
        "latency": {"rounds": 8, "block": 2, "warmup": 1},
    }
    if greedy:
        spec["run"] = {"memory_limit": LIMIT}
    (folder / "edgeq.toml").write_text(to_toml(spec), "utf-8")
    for name, content in {"net": tiny_model.classifier(**shape), **files}.items():
        (folder / f"{name}.tflite").write_bytes(content)
    (folder / "test_gate.py").write_text("from edgeq.gate import *\n", "utf-8")
    (folder / "conftest.py").write_text(TELL, "utf-8")
    draw = np.random.default_rng(0)
    chance = np.random.default_rng(1)  # as the model's own, for labels that it has right
    weights, bias = chance.normal(0, 0.01, (CLASSES, 3)), chance.normal(0, 0.1, CLASSES)
    for number in range(photographs):
        colour, noise = draw.integers(0, 256, 3), draw.integers(-20, 21, (*PHOTOGRAPH, 3))
        pixels = np.clip(colour + noise, 0, 255).astype(np.uint8)
        label = int(np.argmax(weights @ pixels.mean(axis=(0, 1)) + bias))
        place = folder / "evaluation" / str(label)
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(place / f"{number:04}.jpg")


def run(folder: Path) -> tuple[int, RunRecord, int]:
    """Run the gate; return its exit code, its record, and the bytes that it needed at most."""
    with (folder / "output.txt").open("wb") as output:
        done = subprocess.run(
            COMMAND, cwd=folder, env=environment(), stdout=output, stderr=output, check=False
        )
    peak = int((folder / "peak.txt").read_text("ascii")) * 1024
    return done.returncode, records.read(folder / "reports" / "latest" / "run.json"), peak


def greedy_problems(code: int, record: RunRecord) -> list[str]:
    """Return what a run with a greedy variant did wrong."""
    wrong = [] if code == 1 else [f"exit code {code}"]
    if not record.summary.complete or record.errors:
        wrong.append(f"incomplete: {record.summary.not_run}, {record.errors}")
    named = f"memory limit of {LIMIT / 1e6:g} MB"
    others = (case for case in record.cases if case.variant != "greedy")
    wrong += [f"{one.id}: {one.reason}" for one in others if one.status is not Verdict.PASS]
    failed = [case for case in record.cases if case.variant == "greedy" and named in case.reason]
    gates = {case.gate for case in failed if case.status is Verdict.FAIL}
    if not gates:
        wrong.append("no case names the limit")
    gates |= {
        case.gate for case in record.cases if case.variant == "greedy" and points_elsewhere(case)
    }
    if not {"made", "outputs", "top1_agreement", "latency_ratio", "max_peak_memory"} <= gates:
        wrong.append(f"the limit stops {sorted(gates)} alone")
    return wrong


def main() -> int:
    """Print the figures; 1 where one is beyond its limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photographs", type=int, default=500)
    parser.add_argument("--greedy", type=int, default=9_000_000_000, help="bytes")
    arguments = parser.parse_args()
    wrong = []
    with tempfile.TemporaryDirectory(prefix="edgeq-memory-") as name:
        folder = Path(name)
        build(folder, arguments.photographs)
        for what in ("empty store", "nothing changed"):
            code, record, peak = run(folder)
            variants = len(record.models[0].variants)
            print(
                f"{what}: {arguments.photographs} photographs, {variants} variants, "
                f"{len(record.cases)} cases, exit code {code}: {peak / 1e6:.0f} MB in pytest's "
                f"process (at most {MAX_BYTES / 1e6:.0f})",
                flush=True,
            )
            if code or peak > MAX_BYTES:
                wrong.append(f"{what}: exit code {code}, {peak / 1e6:.0f} MB")
    with tempfile.TemporaryDirectory(prefix="edgeq-memory-") as name:
        folder = Path(name)
        build(folder, 20, arguments.greedy)
        code, record, _ = run(folder)
        said = next(one.reason for one in record.verdicts("net", "greedy") if one.gate == "made")
        print(f"greedy variant, limit {LIMIT / 1e6:.0f} MB: {said}")
        wrong += greedy_problems(code, record)
    for line in wrong:
        print(f"FAULT {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
