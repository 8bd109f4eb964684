"""What edgeq costs a project that does not use it: ``pytest --collect-only`` with and without it.

``python -m benchmarks.collect_only`` runs both alternately in an empty folder. Without means
``-p no:edgeq.plugin``: pytest then does not even import the plugin. All other installed plugins
are there both times. Processor time is what a busy machine leaves alone.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.processes import children_cpu_s, load_note, usual_environment
from benchmarks.resampling import median_interval

MAX_S = 0.050
ALONE = ("-p", "no:edgeq.plugin")


def main() -> int:
    """Print the times and their difference; 1 where it is above 50 ms."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=100)
    pairs = parser.parse_args().pairs
    print(load_note())
    with tempfile.TemporaryDirectory(prefix="edgeq-empty-") as folder:
        for options in ((), ALONE):  # bytecode and the system's caches
            once(Path(folder), options)
        rows = []
        for pair in range(pairs):
            order = ((), ALONE) if pair % 2 else (ALONE, ())
            times = {options: once(Path(folder), options) for options in order}
            rows.append((*times[()], *times[ALONE]))
    wall, cpu, wall_alone, cpu_alone = np.array(rows).T
    show("wall time", wall, wall_alone)
    return 0 if show("processor time", cpu, cpu_alone) <= MAX_S else 1


def once(folder: Path, options: tuple[str, ...]) -> tuple[float, float]:
    """Return the wall and the processor time of one collection, in seconds."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-p", "no:cacheprovider"]
    before, start = children_cpu_s(), time.perf_counter()
    done = subprocess.run(
        [*command, *options],
        cwd=folder,
        env=usual_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    wall, after = time.perf_counter() - start, children_cpu_s()
    if done.returncode != 5:  # pytest's "no tests collected"
        sys.exit(f"pytest ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return wall, after - before


def show(what: str, with_edgeq: npt.NDArray[np.float64], without: npt.NDArray[np.float64]) -> float:
    """Print the medians and the median difference; return the latter in seconds."""
    apart = (with_edgeq - without) * 1000
    middle, (low, high) = median_interval(apart)
    print(
        f"{what}: with edgeq {np.median(with_edgeq) * 1000:.0f} ms, without "
        f"{np.median(without) * 1000:.0f} ms; difference {middle:+.1f} ms "
        f"({low:+.1f} to {high:+.1f}, 95 %, {apart.size} pairs)"
    )
    return middle / 1000


if __name__ == "__main__":
    sys.exit(main())
