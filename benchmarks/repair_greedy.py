"""``edgeq repair`` beside a search that reverts one unit after the other.

``python -m benchmarks.repair_greedy [MODEL] [--images N]``: both start from int8 and look for the
mix whose relative error on the evaluation photographs is at most half of int8's. The greedy search
makes, in every round, each mix with one unit more in float32, runs it on the evaluation set, and
keeps the best; that is how sensitivity searches of other toolkits work, and it needs no
assumption. Counts runs over the evaluation set, runs over the 16 calibration samples, and seconds.
Needs EDGEQ_DATA.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgeq.config.load import parse
from edgeq.config.structs import Precision, Spec
from edgeq.models.children import idle
from edgeq.pipeline.run import Run
from edgeq.repair.bench import Bench
from edgeq.repair.goals import parse_goal
from edgeq.repair.repairing import repair
from edgeq.repair.request import Request
from edgeq.repair.trying import ERROR
from edgeq.results.judging import judge

GOAL = parse_goal(f"{ERROR} <= 0.5 x int8")
BETTER: Precision = "float32"
RESNET8 = Path(os.environ.get("EDGEQ_DATA", ".")) / "models" / "resnet8_cifar10_float.tflite"
MODELS: dict[str, dict[str, Any]] = {
    "resnet8": {
        "source": str(RESNET8),
        "labels": "cifar10",
        "images": {"calibration": "sample:cifar10", "evaluation": "sample:cifar10"},
    },
    "lite0": {"source": "efficientnet-lite0"},
    "v2": {"source": "keras:EfficientNetV2B0"},
}


def spec_of(name: str, images: int, store: str, **keys: Any) -> Spec:
    """Return the spec of one model, without latency: what is compared is the search."""
    table = {
        "models": {name: MODELS[name]},
        "methods": ["int8"],
        "default_gates": False,
        "without": ["latency", "memory"],
        "gates": {ERROR: 10.0},
        "images": {
            "calibration": "data:imagenet",
            "evaluation": "data:imagenet",
            "max_evaluation": images,
        },
        "store": store,
    }
    return parse(table | keys, root=Path.cwd(), origin=Path.cwd() / "edgeq.toml")


def error_of(spec: Spec) -> float:
    """Return the relative error of the only variant of a spec on the evaluation set."""
    run = Run(spec)
    (case,) = (case for case in run.cases if case.gate.name == ERROR)
    with idle.kept(), run.executor.workers.kept():
        record, error = judge(case, explain=False)
    if error is not None or record.value is None:
        raise SystemExit(record.reason)
    return record.value


def greedy(name: str, images: int, store: str, limit: float) -> Iterator[tuple[list[str], float]]:
    """Yield the best mix of every round with its error, until one reaches the limit."""
    units = [unit.name for unit in Bench(Run(spec_of(name, images, store)), name).units]
    reverted: list[str] = []
    while len(reverted) < len(units):
        errors = {}
        for unit in units:
            if unit not in reverted:
                mix = dict.fromkeys([*reverted, unit], BETTER)
                variant = {"model": name, "method": "int8", "units": mix}
                spec = spec_of(name, images, store, methods=[], variants={"mix": variant})
                errors[unit] = error_of(spec)
        best = min(errors, key=errors.__getitem__)
        reverted.append(best)
        yield list(errors), errors[best]
        if errors[best] <= limit:
            return


def main() -> None:
    """Print both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", default="lite0", choices=list(MODELS))
    parser.add_argument("--images", type=int, default=60)
    parser.add_argument("--store", default=".edgeq")
    arguments = parser.parse_args()
    name, images, store = arguments.model, arguments.images, arguments.store
    limit = 0.5 * error_of(spec_of(name, images, store))
    print(f"{name}, {images} photographs: relative error at most {limit:.4f}", flush=True)
    start = time.monotonic()
    found = repair(spec_of(name, images, store), Request(start="int8", goals=(GOAL,)))
    seconds = time.monotonic() - start
    cells = sum(len(unit.errors) for unit in found.units)
    best = found.best
    print(
        f"edgeq repair: {seconds:.0f} s, {len(found.tried)} runs over the evaluation set, "
        f"{cells + len(found.mixes)} over {found.samples} calibration samples; error "
        f"{best.error if best else None}, {len(best.units) if best else 0} units",
        flush=True,
    )
    start, runs = time.monotonic(), 0
    for tried, error in greedy(name, images, store, limit):
        runs += len(tried)
        print(
            f"greedy: {runs} runs, {time.monotonic() - start:.0f} s, error {error:.4f}", flush=True
        )


if __name__ == "__main__":
    main()
