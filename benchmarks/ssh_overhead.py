"""What ssh costs an evaluation, beside the same worker started directly.

``python -m benchmarks.ssh_overhead MODEL [--images N] [--pairs N]`` evaluates a ``.tflite`` file on
random photographs in pairs, by OpenSSH's server on 127.0.0.1 and by the same worker started here,
each first every other time. Both get the file and the pixels through their pipe. A run connects
once, when it checks the target, so the connection is there before; what it costs is shown, too.
Wall time means something on an idle machine only; processor time, of all processes on both sides,
on a busy one too. Exit code 1 if ssh adds more than ``MAX_OVERHEAD`` to the wall time of the median
pair.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.processes import load_note
from edgeq.config.structs import Preprocessing
from edgeq.config.target_kinds import Ssh
from edgeq.run.session import Session
from edgeq.run.targets import Target, local_target
from edgeq.targets.ssh import start
from tests.end_to_end.sshd import Server, serving, unpacked

MAX_OVERHEAD = 0.05
_RESAMPLES = 2000


def processor_seconds(server: Server) -> float:
    """Return the processor time of all processes that have ended, here and below the server.

    Those of the server that still run, and hold the connection, are counted as well.
    """
    own = resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + _ticks(server.process.pid) / os.sysconf("SC_CLK_TCK")


def _ticks(pid: int) -> int:
    """Return the clock ticks of a process, its children and their children."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:  # it has ended
        return 0
    return sum(map(int, fields[11:15])) + sum(_ticks(int(child)) for child in children)


def seconds(
    target: Target, model: Path, images: npt.NDArray[np.uint8], server: Server
) -> tuple[float, ...]:
    """Return an evaluation's wall time; that of start, load and inferences; processor time."""
    used, begin = processor_seconds(server), time.monotonic()
    with Session(target, timeout_s=600, memory_limit=None) as session:
        started = time.monotonic()
        loaded = session.load(model, threads=1, kernels="xnnpack")
        loading = time.monotonic()
        session.infer(loaded.handle, images, Preprocessing())
        end = time.monotonic()
    time.sleep(0.1)  # the server counts a worker's time when it has ended
    parts = (end - begin, started - begin, loading - started, end - loading)
    return (*parts, processor_seconds(server) - used)


def described(name: str, direct: npt.NDArray[np.float64], ssh: npt.NDArray[np.float64]) -> float:
    """Print a row, and return by how much ssh is slower in the median pair."""
    ratios = ssh / direct
    drawn = np.random.default_rng(0).choice(ratios, (_RESAMPLES, ratios.size))
    low, high = np.percentile(np.median(drawn, axis=1), [2.5, 97.5])
    median = float(np.median(ratios))
    print(
        f"| {name} | {np.median(direct):.2f} | {np.median(ssh):.2f} | {median - 1:+.1%} "
        f"| {low - 1:+.1%} to {high - 1:+.1%} |"
    )
    return median - 1


def main() -> int:
    """Print a table; return 1 if ssh adds too much."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--pairs", type=int, default=10)
    given = parser.parse_args()
    here = dataclasses.replace(local_target(), local_files=False)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        with serving(folder, unpacked(folder)) as server:
            settings = Ssh(
                host="board",
                config=str(server.config),
                identity=str(server.identity),
                python=sys.executable,
            )
            targets = [here, start("board", settings)]
            with Session(here, timeout_s=600, memory_limit=None) as session:
                shape = session.load(given.model, threads=1, kernels="xnnpack").inputs[0].shape
            begin = time.monotonic()
            with Session(targets[1], timeout_s=600, memory_limit=None):
                connecting = time.monotonic() - begin
            while not list(Path(tempfile.gettempdir()).glob("edgeq-*.ssh")):
                time.sleep(0.05)
            images = np.random.default_rng(0).integers(0, 256, (given.images, *shape[1:]), np.uint8)
            times = np.zeros((given.pairs, 2, 5))
            for pair in range(given.pairs):
                for turn in (0, 1) if pair % 2 else (1, 0):
                    times[pair, turn] = seconds(targets[turn], given.model, images, server)
    print(f"{given.model.name}, {given.images} photographs, {given.pairs} pairs; {load_note()}")
    print(f"The first worker, with connecting, took {connecting:.2f} s to start.\n")
    print("| | s, direct | s, ssh | ssh adds | 95 % interval |")
    print("|---|---|---|---|---|")
    whole = described("whole evaluation", times[:, 0, 0], times[:, 1, 0])
    described("starting the worker", times[:, 0, 1], times[:, 1, 1])
    described("sending and loading the file", times[:, 0, 2], times[:, 1, 2])
    described("inferences alone", times[:, 0, 3], times[:, 1, 3])
    described("processor time", times[:, 0, 4], times[:, 1, 4])
    return 1 if whole > MAX_OVERHEAD else 0


if __name__ == "__main__":
    sys.exit(main())
