"""Kills (``-9``) of actors, raylets and the driver of a run on a Ray cluster: nothing is lost.

``python -m benchmarks.robustness.cluster_kills --count 20``: a small project is run without a
cluster, then again and again on a cluster of three raylets on this machine, each time in an empty
store, while after a random time an actor, an actor that has a converter, a raylet or the driver is
killed. A driver that was killed is started again, in the same store. Each run must end with the
exit code and the cases of the undisturbed one, and no actor, worker, decoder or converter may be
left. Exit code 1 otherwise.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from edgeq.record import structs
from tests.end_to_end.raylets import actors, makers, parent, processes, raylets
from tests.end_to_end.test_cluster import PHOTOGRAPHS, cases, started
from tests.unit.faults.project import lay_out, save

RAYLETS = 3
PATIENCE_S = 300.0
STARTS = 5


def undisturbed(project: Path) -> None:
    """Run the project without a cluster."""
    with started(project, "local") as running:
        output, _ = running.communicate(timeout=PATIENCE_S)
    if running.returncode:
        raise SystemExit(output)


def disturbed(project: Path, victims: str, chance: random.Random) -> tuple[str, ...]:
    """Run the project on a cluster, kill something on the way, and return what went wrong."""
    shutil.rmtree(project / ".cluster", ignore_errors=True)
    shutil.rmtree(project / "cluster", ignore_errors=True)
    with raylets(RAYLETS) as address:
        table = f'[run]\ncluster = "{address}"'
        running = started(project, "cluster", table)
        _killed(running, victims, chance)
        output, _ = running.communicate(timeout=PATIENCE_S)
        if victims == "driver" and running.returncode < 0:
            running = started(project, "cluster", table)
            output, _ = running.communicate(timeout=PATIENCE_S)
        problems = [] if running.returncode == 0 else [f"exit code {running.returncode}: {output}"]
        if not problems and cases(project, "cluster") != cases(project, "local"):
            problems.append("the cases differ from those of the undisturbed run")
        if not _settles(lambda: not actors()):
            parents = {pid: parent(pid) for pid in actors()}
            later = "then end" if _settles(lambda: not actors()) else "stay"
            problems.append(f"actors are left and {later}: {parents}, raylets: {_raylets()}")
    if not _settles(lambda: not _orphans()):
        problems.append("workers or decoders are left")
    return tuple(problems)


def started_and_disturbed(project: Path, victims: str, chance: random.Random) -> tuple[str, ...]:
    """Return what went wrong; a cluster that does not start on a busy machine is started again."""
    for _ in range(STARTS):
        with suppress(OSError):
            return disturbed(project, victims, chance)
    raise SystemExit("Ray does not start here")


def _killed(running: subprocess.Popen[str], victims: str, chance: random.Random) -> None:
    """Wait until there are actors, and a little longer, and kill one of the victims."""
    end = time.monotonic() + PATIENCE_S
    awaited = makers if victims == "maker" else actors
    while not awaited() and running.poll() is None and time.monotonic() < end:
        time.sleep(0.02)
    time.sleep(0 if victims == "maker" else chance.uniform(0, 6))
    found = {
        "actor": actors(),
        "maker": makers(),
        "raylet": _raylets()[1:],  # the head's is Ray's own weak point
        "driver": [running.pid],
    }[victims]
    if found and running.poll() is None:
        os.kill(chance.choice(found), signal.SIGKILL)


def _raylets() -> list[int]:
    """Return the raylets, without what they have forked, which looks like them at first."""
    every = processes(b"raylet/raylet")
    return [pid for pid in every if parent(pid) not in every]


def _orphans() -> list[int]:
    """Return workers, decoders and converters that have outlived the process that started them."""
    lines = (b"edgeq/run/worker.py", b"edgeq.samples.decoding_child", b"edgeq.models.serving")
    return [pid for line in lines for pid in processes(line) if parent(pid) == 1]


def _settles(holds: Callable[[], bool]) -> bool:
    end = time.monotonic() + 120  # Ray looks for its raylet late on a busy machine
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


def main() -> int:
    """Print what was killed and what went wrong; 1 if anything did."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20, help="runs for each kind of victim")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", nargs="+", default=["actor", "maker", "raylet", "driver"])
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)  # noqa: S311 - a campaign, not a secret
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="edgeq-cluster-") as folder:
        project = lay_out(Path(folder))
        for seed in range(200, 200 + PHOTOGRAPHS):
            save(project / "evaluation" / str(seed % 5) / f"{seed}.png", seed)
        undisturbed(project)
        count = len(structs.read(project / "local" / "latest" / "run.json").cases)
        for victims in arguments.kinds:
            bad = 0
            for number in range(arguments.count):
                problems = started_and_disturbed(project, victims, chance)
                bad += bool(problems)
                print(f"{victims} {number}: {'; '.join(problems) or 'as undisturbed'}", flush=True)
            print(f"{victims}: {arguments.count} killed, {count} cases each, {bad} runs wrong")
            wrong += bad
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
