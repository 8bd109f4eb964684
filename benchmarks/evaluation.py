"""How much of the cores an evaluation uses: images per second beside a loop over ``invoke()``.

``EDGEQ_DATA=FOLDER python -m benchmarks.evaluation`` runs EfficientNetV2-B0 as float32 and int8 on
500 decoded photographs with one worker per core, in turns with bare loops (``bare_loop.py``): one
alone, and one per core at once. The first says what the cores could do if each were as fast as one
alone, the second what they do together. Workers start in that time (``fresh``), or wait from the
evaluation before, as they do in a run from its second evaluation on (``kept``); loading counts in
both. ``--photographs FOLDER`` takes others than the 500.

On a machine with other work, ``chrt -r 1`` before the command lets both sides run before it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import msgspec

from benchmarks.latency_harness import BareLoop, Network, model_input
from benchmarks.processes import load_note
from edgeq.config.presets import built_in
from edgeq.pipeline.execution import Executor
from edgeq.pipeline.run import Run
from edgeq.pipeline.variant import VariantUnderTest
from edgeq.results.recording import this_machine
from edgeq.run.workers import Workers
from edgeq.store.content import Store

MIN_SHARE = 0.85
MAX_INVOCATIONS = 1000
"""Invocations of the bare loops in a round, which take as long as 500 photographs or more."""
MODEL = "efficientnetv2-b0"


def example_run(photographs: Path | None, store: Store) -> Run:
    """Return a run of the built-in spec, on the photographs of a folder if one is named."""
    spec = built_in(Path.cwd())
    if photographs:
        images = msgspec.structs.replace(spec.images, evaluation=str(photographs))
        spec = msgspec.structs.replace(spec, images=images)
    return Run(spec, store=store)


def rate(run: Run, model: VariantUnderTest, cores: int, workers: Workers | None = None) -> float:
    """Return the images per second of an evaluation of which nothing is kept yet.

    Args:
        run: The run.
        model: The model.
        cores: Number of workers.
        workers: The pool that they are taken from, None for fresh ones.
    """
    with tempfile.TemporaryDirectory(prefix="edgeq-evaluation-") as folder:
        executor = Executor(run.executor.target, run.spec.run, Store(Path(folder)), run.say)
        executor.workers = workers or executor.workers
        start = time.perf_counter()
        with ThreadPoolExecutor(cores) as pool:
            parts = [
                pool.submit(executor.evaluate, model, part=part, parts=cores)
                for part in range(cores)
            ]
            for part in parts:
                part.result()
        return len(model.samples.photos) / (time.perf_counter() - start)


def loops_rate(loops: list[BareLoop], count: int) -> float:
    """Return the invocations per second of bare loops that run at once.

    All of the time counts, as it does for an evaluation: a median would leave out what the machine
    takes from both.
    """
    with ThreadPoolExecutor(len(loops)) as pool:
        times = list(pool.map(lambda loop: loop.time(count), loops))
    return float(sum(1 / one.mean() for one in times))


def main() -> int:
    """Print a table; 1 where the share of the cores is below 85 %."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", type=Path, default=Path(".edgeq"))
    parser.add_argument("--photographs", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    cores = os.cpu_count() or 1
    machine = this_machine()
    print(f"{machine.processor}, {machine.cores} cores; {load_note()}\n")
    run = example_run(arguments.photographs, Store(arguments.store))
    columns = "images/s | one loop by cores | share | all loops at once | share"
    print(f"| model | images | workers | {columns} |")
    print("|---|--:|---|--:|--:|--:|--:|--:|")
    shares = []
    for name, model in (("float32", run.baseline(MODEL)), ("int8", run.variant(f"{MODEL}/int8"))):
        count = len(model.samples.photos)
        rates: dict[str, list[tuple[float, float, float]]] = {"fresh": [], "kept": []}
        with tempfile.TemporaryDirectory(prefix="edgeq-loops-") as folder, ExitStack() as closing:
            values = model_input(
                Network(model.path, model.preprocessing), model.photographs.first(1)[0]
            )
            loops = [BareLoop(model.path, values, Path(folder)) for _ in range(cores)]
            for loop in loops:
                closing.callback(loop.close)
                loop.time(10)
            workers = run.executor.workers
            closing.enter_context(workers.kept())
            rate(run, model, cores, workers)  # decodes what is not decoded yet
            for _ in range(arguments.rounds):
                alone = cores * loops_rate(loops[:1], min(count, MAX_INVOCATIONS) // cores)
                together = loops_rate(loops, min(count, MAX_INVOCATIONS) // cores)
                for way, pool in (("fresh", None), ("kept", workers)):
                    rates[way].append((rate(run, model, cores, pool), alone, together))
        for way, rows in rates.items():
            ours, alone, together = (
                statistics.median(column) for column in zip(*rows, strict=True)
            )
            shares.append(ours / alone)
            print(
                f"| {name} | {count:,} | {way} | {ours:.1f} | {alone:.1f} | "
                f"{ours / alone:.0%} | {together:.1f} | {ours / together:.0%} |",
                flush=True,
            )
    return 0 if min(shares) >= MIN_SHARE else 1


if __name__ == "__main__":
    sys.exit(main())
