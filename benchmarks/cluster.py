"""Evaluations on a Ray cluster beside the own pool of workers, and on up to 64 simulated nodes.

``EDGEQ_DATA=FOLDER python -m benchmarks.cluster`` starts raylets on this machine and measures

- overhead: the same evaluation by a pool of workers, one per core, and by as many actors, each on
  a raylet of its own, in turns; photographs are decoded on both sides, and workers started;
- scaling (``--scaling``): actors that sleep as long as a portion takes, instead of running it, and
  return outputs of the real size. Linear would be the time of one node divided by their number.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from benchmarks.evaluation import MODEL, example_run
from benchmarks.processes import load_note
from edgeq.cluster.cluster import Cluster
from edgeq.cluster.driver import Homes, run_on
from edgeq.cluster.node import Node
from edgeq.cluster.ray_nodes import RayNodes
from edgeq.cluster.work import Answer, Bytes, Job, Portion, Ran
from edgeq.config.structs import Preprocessing
from edgeq.pipeline.evaluating import HeldMemory, RanPortion, keep_portions
from edgeq.pipeline.execution import Executor
from edgeq.pipeline.run import Run
from edgeq.pipeline.variant import VariantUnderTest
from edgeq.results.recording import this_machine
from edgeq.samples.sets import Photo
from edgeq.samples.stream import PORTION
from edgeq.store.content import Store
from edgeq.store.rows import Ledger
from tests.end_to_end.raylets import raylets

MAX_OVERHEAD = 0.10
MIN_LINEAR = 0.90
CLASSES = 1000


class SleepingNode(Node):
    """A node that sleeps instead of running a portion, as long as the job's time limit says."""

    def run(self, job: Job, model: Bytes, portion: Portion) -> Answer:  # noqa: ARG002
        """Return zeros after the seconds that a photograph takes, for each photograph."""
        time.sleep(job.timeout_s * len(portion.photos))
        return Ran((np.zeros((len(portion.photos), CLASSES), np.float32),), (), "load")


def evaluation_s(run: Run, model: VariantUnderTest, cluster: Cluster | None, cores: int) -> float:
    """Return the seconds of an evaluation of which nothing is stored yet."""
    with tempfile.TemporaryDirectory(prefix="edgeq-cluster-") as folder:
        executor = Executor(run.executor.target, run.spec.run, Store(Path(folder)), run.say)
        executor.cluster = cluster
        parts = cores if cluster is None else 1
        executor.load(model)
        start = time.perf_counter()
        with ThreadPoolExecutor(parts) as pool:
            for part in [
                pool.submit(executor.evaluate, model, part=part, parts=parts)
                for part in range(parts)
            ]:
                part.result()
        return time.perf_counter() - start


def overhead(run: Run, rounds: int) -> bool:
    """Print how much longer an evaluation takes on a cluster; return whether that is little."""
    cores = os.cpu_count() or 1
    print("| model | images | own pool | cluster | overhead |\n|---|--:|--:|--:|--:|")
    worst = 0.0
    with raylets(cores) as address:
        cluster = Cluster(address, threads=1, say=print)
        cluster.settled()
        for name, model in (
            ("float32", run.baseline(MODEL)),
            ("int8", run.variant(f"{MODEL}/int8")),
        ):
            for way in (None, cluster):
                evaluation_s(run, model, way, cores)  # decodes what is not decoded yet
            pairs = [
                (evaluation_s(run, model, None, cores), evaluation_s(run, model, cluster, cores))
                for _ in range(rounds)
            ]
            more = statistics.median(theirs / ours for ours, theirs in pairs) - 1
            ours, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
            count = len(model.samples.photos)
            print(f"| {name} | {count} | {ours:.2f} s | {theirs:.2f} s | {more:+.1%} |", flush=True)
            worst = max(worst, more)
        cluster.leave()
    return worst <= MAX_OVERHEAD


def scaling(nodes: Sequence[int], portions: int, image_s: float) -> bool:
    """Print how near to linear simulated nodes come; return whether that is near enough."""
    import ray

    print(f"{portions} portions a node of {PORTION} images, {1000 * image_s:g} ms an image\n")
    print("| nodes | images | linear | took | of linear | driver's processor time |")
    print("|--:|--:|--:|--:|--:|--:|")
    least = 1.0
    for count in nodes:
        ray.init(num_cpus=count, include_dashboard=False, log_to_driver=False, logging_level=40)
        cluster = RayNodes("ray", threads=1, here=Node().facts(), say=print, node=SleepingNode)
        while len(cluster.members()) < count:
            time.sleep(0.2)
        took, used = _simulated(cluster, count * portions, image_s)
        cluster.close()
        linear = portions * PORTION * image_s
        images = count * portions * PORTION
        least = min(least, linear / took)
        print(
            f"| {count} | {images:,} | {linear:.1f} s | {took:.1f} s | {linear / took:.1%} | "
            f"{used:.1f} s |",
            flush=True,
        )
    return least >= MIN_LINEAR


def _simulated(cluster: RayNodes, portions: int, image_s: float) -> tuple[float, float]:
    job = Job("net", "0", (), "xnnpack", 1, image_s, 1, Preprocessing(), (224, 224))
    names = [f"{at:07}" for at in range(portions * PORTION)]
    photos = [Photo(f"/{name}", name, name, None) for name in names]
    every = [photos[at : at + PORTION] for at in range(0, len(photos), PORTION)]
    with tempfile.TemporaryDirectory(prefix="edgeq-cluster-") as folder:
        rows = Ledger(Store(Path(folder)), "answers", {"simulated": True})
        start, used = time.perf_counter(), time.process_time()
        model = Path(folder) / "model"
        model.write_bytes(bytes(25_000_000))
        done = run_on(cluster, job, model, every, homes=Homes(), progress=lambda _: None)
        ran = (
            RanPortion(each.photos, each.ran.outputs, HeldMemory(load="load", samples=()))
            for each in done
        )
        keep_portions(ran, rows)
        return time.perf_counter() - start, time.process_time() - used


def main() -> int:
    """Print a table; 1 if a figure is beyond its limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", type=Path, default=Path(".edgeq"))
    parser.add_argument("--photographs", type=Path, help="others than the 500")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scaling", action="store_true")
    parser.add_argument("--nodes", type=int, nargs="+", default=[4, 8, 16, 32, 64])
    parser.add_argument("--portions", type=int, default=20, help="of each node")
    parser.add_argument("--image-s", type=float, default=0.012)
    arguments = parser.parse_args()
    machine = this_machine()
    print(f"{machine.processor}, {machine.cores} cores; {load_note()}\n")
    if arguments.scaling:
        return 0 if scaling(arguments.nodes, arguments.portions, arguments.image_s) else 1
    run = example_run(arguments.photographs, Store(arguments.store))
    return 0 if overhead(run, arguments.rounds) else 1


if __name__ == "__main__":
    sys.exit(main())
