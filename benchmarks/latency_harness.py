"""The latency harness beside a bare loop over ``invoke()``: what it adds to what it measures.

``python -m benchmarks.latency_harness`` times EfficientNet-Lite0 (``--model`` takes another of the
spec's) as float32 and as int8; ``--files FLOAT INT8`` takes two ``.tflite`` files instead: what the
harness added to each inference would show most with a small model, such as MLPerf Tiny's ResNet8.
The bare loop (``bare_loop.py``) has a process of its own and is asked in turn with edgeq's worker,
a block each, so that both see the same machine. A shared machine changes its speed within a second,
so blocks are short and each is compared with the one beside it; where the system puts a process in
memory moves all its times by some per cent, so both are started anew ``--processes`` times, now the
one first and now the other. A pair of processes gives the median ratio of its blocks, a row the
median of its pairs. Both share one core, where the system lets them be told: a photograph does not
fit into a pipe at once, so edgeq's worker would be woken on another core than the bare loop, and
cores differ by a per cent. Two ways of the harness: ``alone`` times one model; ``beside`` times
baseline and variant in turns, as a run does. The ratio must be 1 to within 1 %.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.processes import load_note
from benchmarks.resampling import median_interval
from edgeq.config.presets import built_in
from edgeq.config.structs import Latency, Preprocessing
from edgeq.pipeline.run import Run
from edgeq.results.recording import this_machine
from edgeq.run.results import Feed
from edgeq.run.session import Session
from edgeq.run.targets import local_target
from edgeq.run.worker import quantize
from edgeq.store.content import Store

MAX_DIFFERENCE = 0.01
BARE = Path(__file__).with_name("bare_loop.py")
Times = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Network:
    """A file that is timed, and how photographs become its input."""

    path: Path
    preprocessing: Preprocessing


class BareLoop:
    """The bare loop's process.

    Args:
        path: The model.
        values: Its input, as the model takes it.
        folder: Where the input is written.
    """

    def __init__(self, path: Path, values: npt.NDArray[np.generic], folder: Path) -> None:
        place = folder / f"{path.parent.name}.npy"
        np.save(place, values)
        self._process = subprocess.Popen(
            [sys.executable, str(BARE), str(path), str(place)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        if self._process.stdin is None or self._process.stdout is None:
            raise OSError("the bare loop has no pipes")
        self._stdin, self._stdout = self._process.stdin, self._process.stdout

    def time(self, count: int) -> Times:
        """Return the seconds of so many invocations."""
        self._stdin.write(f"{count}\n")
        self._stdin.flush()
        return np.array(json.loads(self._stdout.readline()))

    def close(self) -> None:
        """End the process."""
        self._stdin.close()
        self._process.wait()


@dataclass(frozen=True)
class Settings:
    """How often: pairs of processes, blocks of each pair in turn, and rounds of a block."""

    processes: int
    blocks: int
    block: int
    warmup: int


def main() -> int:
    """Print a table; 1 where a median is off by more than 1 %."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="efficientnet-lite0")
    parser.add_argument("--store", type=Path, default=Path(".edgeq"))
    parser.add_argument("--files", type=Path, nargs=2, metavar=("FLOAT", "INT8"))
    parser.add_argument("--processes", type=int, default=24)
    parser.add_argument("--blocks", type=int, default=24)
    parser.add_argument("--block", type=int, default=Latency().block)
    parser.add_argument("--only", choices=("float32", "int8"))
    arguments = parser.parse_args()
    how = Settings(arguments.processes, arguments.blocks, arguments.block, 5)
    machine = this_machine()
    print(f"{machine.processor}, {machine.cores} cores; {load_note()}\n")
    models = files(*arguments.files) if arguments.files else made(arguments.model, arguments.store)
    image = picture(models["float32"])
    share_a_core()
    print("| model | harness | bare loop, ms | harness, ms | ratio | 95 % interval |")
    print("|---|---|---|---|---|---|")
    worst = 0.0
    with tempfile.TemporaryDirectory(prefix="edgeq-harness-") as folder:
        for name, model in models.items():
            if arguments.only not in (None, name):
                continue
            start_bare = partial(BareLoop, model.path, model_input(model, image), Path(folder))
            other = models["int8" if name == "float32" else "float32"]
            for kind, beside in (("alone", None), ("beside", other)):
                pairs = [
                    compare(model, beside, image, how, start_bare, bare_first=bool(number % 2))
                    for number in range(how.processes)
                ]
                worst = max(worst, abs(show(name, kind, pairs) - 1))
    return 0 if worst <= MAX_DIFFERENCE else 1


def share_a_core() -> None:
    """Let this process and those that it starts run on one core alone."""
    if sys.platform == "linux":
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def made(name: str, store: Path) -> dict[str, Network]:
    """Return a model of the built-in spec as float32 and as int8, made where they are not kept."""
    run = Run(built_in(Path.cwd()), store=Store(store))
    both = {"float32": run.baseline(name), "int8": run.variant(f"{name}/int8")}
    return {kind: Network(one.path, one.preprocessing) for kind, one in both.items()}


def files(baseline: Path, variant: Path) -> dict[str, Network]:
    """Return two files; how pixels are scaled does not matter to the time."""
    return {
        name: Network(path, Preprocessing())
        for name, path in (("float32", baseline), ("int8", variant))
    }


def picture(model: Network) -> npt.NDArray[np.uint8]:
    """Return noise of a model's input size, uint8 ``(h, w, 3)``: time does not depend on it."""
    with Session(local_target(), timeout_s=600, memory_limit=None) as session:
        shape = session.load(model.path, threads=1, kernels="xnnpack").inputs[0].shape
    return np.random.default_rng(0).integers(0, 256, shape[1:], np.uint8)


def model_input(model: Network, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.generic]:
    """Return a photograph, uint8 ``(h, w, 3)``, as a model takes it."""
    with Session(local_target(), timeout_s=600, memory_limit=None) as session:
        tensor = session.load(model.path, threads=1, kernels="xnnpack").inputs[0]
    mean, std = (np.array(getattr(model.preprocessing, key), np.float32) for key in ("mean", "std"))
    real = (image[np.newaxis].astype(np.float32) - mean) / std
    values: npt.NDArray[np.generic]
    values = quantize(real, tensor.dtype, tensor.scale, tensor.zero_point)
    return values


def compare(
    model: Network,
    beside: Network | None,
    image: npt.NDArray[np.uint8],
    how: Settings,
    start_bare: Callable[[], BareLoop],
    *,
    bare_first: bool,
) -> tuple[Times, Times]:
    """Return times of a bare loop and of a harness, each new, taken block by block in turn.

    Both have the shape ``(blocks, block)``.
    """
    chosen = [model] if beside is None else [model, beside]
    with ExitStack() as closing:

        def start_loop() -> BareLoop:
            loop = start_bare()
            closing.callback(loop.close)
            loop.time(how.warmup)
            return loop

        early = start_loop() if bare_first else None
        session = closing.enter_context(Session(local_target(), timeout_s=600, memory_limit=None))
        loads = [session.load(one.path, threads=1, kernels="xnnpack") for one in chosen]
        feeds = [
            Feed(loaded.handle, image[None], one.preprocessing)
            for loaded, one in zip(loads, chosen, strict=True)
        ]
        session.time(feeds, rounds=1, block=1, warmup=how.warmup, budget_s=600)
        loop = early or start_loop()
        bare: list[Times] = []
        ours: list[Times] = []
        for number in range(how.blocks):
            turns = (True, False) if number % 2 else (False, True)
            for is_bare in turns:
                if is_bare:
                    bare.append(loop.time(1 + how.block)[1:])  # the first pays for the pause
                    continue
                timed = session.time(
                    feeds,
                    rounds=how.block,
                    block=how.block,
                    warmup=1,
                    budget_s=600,
                )
                ours.append(timed.samples[0])
    return np.array(bare), np.array(ours)


def show(name: str, kind: str, pairs: list[tuple[Times, Times]]) -> float:
    """Print one row and return the ratio."""
    bare, ours = (np.median(np.array(side), axis=2) for side in zip(*pairs, strict=True))
    ratio, (low, high) = median_interval(np.median(ours / bare, axis=1))
    print(
        f"| {name} | {kind} | {np.median(bare) * 1000:.3f} | {np.median(ours) * 1000:.3f} "
        f"| {ratio:.4f} | {low:.4f} to {high:.4f} |",
        flush=True,
    )
    return ratio


if __name__ == "__main__":
    sys.exit(main())
