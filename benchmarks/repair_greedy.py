"""``edgeq repair`` beside searches that revert one unit after the other.

``python -m benchmarks.repair_greedy [MODEL] [--images N]``: all start from int8 and look for a mix
whose relative error on the evaluation photographs is at most half of int8's. Two searches revert
units to float32 and run every mix on the evaluation set, as sensitivity searches of other toolkits
do; neither needs an assumption:

- ranked: every unit is reverted alone, once; then they are reverted one after the other, the one
  that helped most first, until a mix reaches the goal.
- greedy: in every round each unit that is left is reverted, and the best mix stays.

What all need is not counted: the float model and int8 on the evaluation set. Counted are runs of
mixes over the evaluation set, runs over the 16 calibration samples, and CPU seconds of all
processes, as seconds on a shared machine say little. The searches end where a mix reaches the goal;
the repair has to prove that. Needs EDGEQ_DATA.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from edgeq.config.load import parse
from edgeq.config.structs import Precision, Spec
from edgeq.models.child import idle
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


class Reverting:
    """Mixes of int8 with units in float32, measured on the evaluation set, and how many they were.

    Args:
        name: Name of the model.
        images: Number of evaluation photographs.
        store: Folder of the store.
    """

    def __init__(self, name: str, images: int, store: str) -> None:
        self.name, self.images, self.store = name, images, store
        self.units = [unit.name for unit in Bench(Run(spec_of(name, images, store)), name).units]
        self.runs = 0

    def error(self, reverted: Sequence[str]) -> float:
        """Return the relative error of a mix."""
        self.runs += 1
        mix = dict.fromkeys(reverted, BETTER)
        variant = {"model": self.name, "method": "int8", "units": mix}
        return error_of(
            spec_of(self.name, self.images, self.store, methods=[], variants={"mix": variant})
        )

    def alone(self, reverted: Sequence[str]) -> dict[str, float]:
        """Return the errors if one more unit is reverted, by that unit."""
        return {unit: self.error([*reverted, unit]) for unit in self.units if unit not in reverted}


def ranked(mixes: Reverting, alone: dict[str, float], limit: float) -> Iterator[float]:
    """Yield the errors of ever more units reverted, those first that help most alone."""
    order = sorted(alone, key=alone.__getitem__)
    for count in range(1, len(order) + 1):
        error = alone[order[0]] if count == 1 else mixes.error(order[:count])
        yield error
        if error <= limit:
            return


def greedy(mixes: Reverting, alone: dict[str, float], limit: float) -> Iterator[float]:
    """Yield the error of the best mix of each round."""
    reverted: list[str] = []
    while alone:
        best = min(alone, key=alone.__getitem__)
        reverted.append(best)
        yield alone[best]
        if alone[best] <= limit:
            return
        alone = mixes.alone(reverted)


def cpu_seconds() -> float:
    """Return the CPU seconds of this process and of all its children that have ended."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def main() -> None:
    """Print all three."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", default="lite0", choices=list(MODELS))
    parser.add_argument("--images", type=int, default=60)
    parser.add_argument("--store", default=".edgeq")
    arguments = parser.parse_args()
    name, images, store = arguments.model, arguments.images, arguments.store
    limit = 0.5 * error_of(spec_of(name, images, store))
    print(f"{name}, {images} photographs: relative error at most {limit:.4f}", flush=True)
    start = cpu_seconds()
    outcome = repair(spec_of(name, images, store), Request(start="int8", goals=(GOAL,)))
    cells = sum(len(unit.errors) for unit in outcome.units)
    best = outcome.best
    print(
        f"edgeq repair: {len(outcome.tried)} runs over the evaluation set, "
        f"{cells + len(outcome.mixes)} over {outcome.samples} calibration samples, "
        f"{cpu_seconds() - start:.0f} CPU seconds; error {best.error if best else None}, "
        f"{len(best.units) if best else 0} units, passes: {outcome.repaired is not None}",
        flush=True,
    )
    start, mixes = cpu_seconds(), Reverting(name, images, store)
    alone = mixes.alone([])
    spent, runs = cpu_seconds() - start, mixes.runs
    for search in (ranked, greedy):
        start, mixes.runs = cpu_seconds() - spent, runs
        for units, error in enumerate(search(mixes, alone, limit), 1):
            print(
                f"{search.__name__}: {mixes.runs} runs, {cpu_seconds() - start:.0f} CPU seconds; "
                f"error {error:.4f}, {units} units",
                flush=True,
            )


if __name__ == "__main__":
    main()
