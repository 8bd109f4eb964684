"""Where the time of a cold run goes, and what its floor is.

``EDGEQ_DATA=FOLDER python -m benchmarks.cold`` runs the gate of ``versus_sequential.py`` in an
empty store and shows when each task ran, what each kind of process used, what the cores did in all
of that time, and how much of it is ``invoke()``: bare loops over the same models
(``bare_loop.py``), on all cores at once, tell what the evaluation's inferences cost. No run can be
faster than these on all cores, and a Keras model must be exported before the first of them.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks.evaluation import loops_rate
from benchmarks.latency_harness import BareLoop, Network, model_input
from benchmarks.processes import Cost, load_note
from benchmarks.versus_sequential import GATE, MODEL, by_kind, gate, options, stages
from edgeq.config.load import load_spec
from edgeq.config.presets import data_folder
from edgeq.pipeline.run import Run
from edgeq.pipeline.schedule import Stage
from edgeq.results.recording import this_machine

EVALUATING = "evaluating"
BASELINE = "baseline"
LOOPS = 40
WIDTH = 48
SHORT_S = 0.05
PROCESSES = {
    "edgeq.cli": "pytest's own",
    "run/worker.py": "workers",
    "litert_child": "the converter",
    "models.serving": "the exporter",
    "decoding_child": "decoders",
}
"""What tells the kinds of processes apart in their commands."""


def main() -> int:
    """Print the timeline and the two tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    options(parser)
    arguments = parser.parse_args()
    if data_folder() is None:
        sys.exit("EDGEQ_DATA names no folder: weights and photographs are needed")
    machine = this_machine()
    print(f"{machine.processor}, {machine.cores} cores; {load_note()}")
    with tempfile.TemporaryDirectory(prefix="edgeq-cold-") as place:
        folder = Path(place)
        cost = gate(folder, arguments).cost
        tasks = stages(folder)
        print(f"`edgeq {' '.join(GATE[3:])}`: {cost.seconds:.1f} s\n")
        timeline(tasks)
        processes(cost)
        inferences = invoking(folder)
    shares(tasks, cost.seconds, inferences)
    floor(tasks, cost.seconds, inferences)
    return 0


def timeline(tasks: tuple[Stage, ...]) -> None:
    """Print when each task ran; those that only looked whether there is anything to do are left."""
    end = max(task.start_s + task.seconds for task in tasks)
    for task in tasks:
        if task.seconds < SHORT_S:
            continue
        first = round(task.start_s / end * WIDTH)
        length = max(1, round(task.seconds / end * WIDTH))
        bar = (" " * first + "#" * length)[:WIDTH]
        name = task.name.removeprefix(MODEL).lstrip("/: ")
        print(f"    {task.seconds:5.1f} s  {bar:<{WIDTH}}  {name}"[:100].rstrip())


def processes(cost: Cost) -> None:
    """Print how many processes of each kind there were, and what they used of a core."""
    print("\n| processes | number | seconds of a core |\n|---|--:|--:|")
    kinds: dict[str, list[float]] = {}
    for pid, command in cost.commands.items():
        kind = next((name for word, name in PROCESSES.items() if word in command), "others")
        kinds.setdefault(kind, []).append(cost.used_s[pid])
    for kind, used in kinds.items():
        print(f"| {kind} | {len(used)} | {sum(used):.1f} |")


def invoking(folder: Path) -> float:
    """Return the seconds of ``invoke()`` in the run's evaluation, by loops on all cores at once."""
    cores = os.cpu_count() or 1
    run = Run(load_spec(folder))
    photographs = run.inputs(MODEL).images.stream(run.inputs(MODEL).baseline.preprocessing)
    total = 0.0
    for model in (run.baseline(MODEL), *run.variants):
        values = model_input(Network(model.path, model.preprocessing), photographs.first(1)[0])
        with tempfile.TemporaryDirectory(prefix="edgeq-loops-") as place, ExitStack() as closing:
            loops = [BareLoop(model.path, values, Path(place)) for _ in range(cores)]
            for loop in loops:
                closing.callback(loop.close)
                loop.time(LOOPS // 4)
            total += len(photographs.images.photos) * cores / loops_rate(loops, LOOPS)
    return total


def shares(tasks: tuple[Stage, ...], seconds: float, inferences: float) -> None:
    """Print what the cores did in all of the time."""
    cores = os.cpu_count() or 1
    kinds = by_kind(task for task in tasks if task.seconds >= SHORT_S)
    evaluating = kinds.pop(EVALUATING, 0.0)
    span = max(task.start_s + task.seconds for task in tasks)
    rows = {
        "evaluating: `invoke()`": inferences,
        "evaluating: all else (workers' start, loading, decoding, feeding, keeping)": evaluating
        - inferences,
        **dict(sorted(kinds.items(), key=lambda item: -item[1])),
        "before and after all tasks: start of Python and pytest, judging, report": seconds - span,
    }
    idle = seconds * cores - sum(rows.values())
    print("\n| what the cores did | seconds of a core | share |\n|---|--:|--:|")
    for name, spent in {**rows, "nothing": idle}.items():
        print(f"| {name} | {spent:.1f} | {spent / (seconds * cores):.0%} |")


def floor(tasks: tuple[Stage, ...], seconds: float, inferences: float) -> None:
    """Print what no run can go below."""
    cores = os.cpu_count() or 1
    export = by_kind(tasks).get(BASELINE, 0.0)
    least = export + inferences / cores
    print(
        f"\nfloor: {export:.1f} s for the float file and {inferences / cores:.1f} s of `invoke()` "
        f"on {cores} cores, {least:.1f} s; the run took {seconds / least:.2f} times as long"
    )


if __name__ == "__main__":
    sys.exit(main())
