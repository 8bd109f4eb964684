"""Latency verdicts on a model timed against itself, idle and busy, and against a slower copy.

Run ``python benchmarks/false_alarms.py`` on an otherwise idle machine. The first half of the
trials runs on the machine as it is, the second while another process keeps each core busy: a copy
of the model must not FAIL a limit of 1.1, the default of the methods that promise no speed. Then
copies that take 10 % and 5 % longer than the limit allows must FAIL it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from edgeq.config.load import parse
from edgeq.errors import EdgeqError
from edgeq.faults.faulty_worker import marked
from edgeq.faults.inject import faulty_target
from edgeq.judge.costs import latency_ratio
from edgeq.judge.verdict import Judgement, Verdict
from edgeq.pipeline.run import Run
from edgeq.results.recording import this_machine
from edgeq.run.targets import Target, local_target
from edgeq.store.content import Store

LIMIT = 1.1
SLOWER = (0.10, 0.05)
NEVER_STOPS = "while True: pass"
MAX_FALSE_ALARMS = 0.01
MAX_OPEN_IDLE = 0.1
MIN_POWER = 0.95
MAX_SECONDS = 60.0
VERDICTS = (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS)


@dataclass(frozen=True)
class Trial:
    """One latency verdict, and the seconds that it took with loading."""

    judged: Judgement
    seconds: float


@dataclass(frozen=True)
class Bench:
    """A model, its copies, and where they are kept.

    Attributes:
        folder: Of the copies.
        source: The float model, as a spec names it.
        store: Where what is made is kept.
        budget_s: Seconds for the rounds of one trial.
    """

    folder: Path
    source: str
    store: Store
    budget_s: float

    def run(self, target: Target, **tables: Any) -> Run:
        """Return a fresh run, which has measured nothing yet."""
        table = {
            "models": {"net": {"source": self.source}},
            "methods": [],
            "gates": {"latency_ratio": LIMIT},
            "latency": {"budget_s": self.budget_s},
            "variants": {"copy": {"model": "net", "file": "copy.tflite"}},
        }
        spec = parse(table | tables, root=self.folder, origin=self.folder / "edgeq.toml")
        return Run(spec, store=self.store, target=target)

    def trials(self, count: int, *, slower: float | None = None) -> tuple[Trial, ...]:
        """Time the model beside its copy, or beside one slower than the limit by that share."""
        target = local_target() if slower is None else faulty_target()
        run = self.run(target)
        copy = self.folder / "copy.tflite"
        baseline = run.inputs("net").baseline.path
        if slower is None:
            shutil.copyfile(baseline, copy)
        else:
            factor = LIMIT * (1 + slower) - 1
            copy.write_bytes(marked(baseline.read_bytes(), {"do": "slower", "factor": factor}))
        run.baseline("net").memory  # noqa: B018 - measured once, for every trial
        return tuple(self._trial(target) for _ in range(count))

    def _trial(self, target: Target) -> Trial:
        start = time.monotonic()
        run = self.run(target)
        judged = latency_ratio(run.variants[0].timed.latency, LIMIT)
        return Trial(judged, time.monotonic() - start)


@contextmanager
def busy_cores() -> Iterator[None]:
    """Keep every core busy with another process each."""
    others = [
        subprocess.Popen([sys.executable, "-c", NEVER_STOPS]) for _ in range(os.cpu_count() or 1)
    ]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def share(trials: tuple[Trial, ...], verdict: Verdict) -> float:
    """Return the share of a verdict, 0 without trials."""
    return sum(one.judged.status is verdict for one in trials) / max(len(trials), 1)


def show(name: str, trials: tuple[Trial, ...]) -> None:
    """Print the verdicts of some trials in a line, nothing if there are none."""
    if not trials:
        return
    counts = Counter(one.judged.status for one in trials)
    ratios = sorted(one.judged.value or 0.0 for one in trials)
    looks = Counter(int(str(one.judged.evidence["looks"])) for one in trials)
    cells = [name, str(len(trials)), *(str(counts[verdict]) for verdict in VERDICTS)]
    cells += [
        f"{ratios[0]:.3f} to {ratios[-1]:.3f}",
        ", ".join(f"{number}: {times}" for number, times in sorted(looks.items())),
        f"{max(one.seconds for one in trials):.1f}",
    ]
    print(f"| {' | '.join(cells)} |", flush=True)


def main() -> int:
    """Print the verdicts; 1 where a figure is not reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=200, help="of a copy, half of them busy")
    parser.add_argument("--power-trials", type=int, default=100, help="of each slower copy")
    parser.add_argument("--model", default="efficientnet-lite0", help="a source, or a .tflite")
    parser.add_argument("--budget", type=float, default=50.0, help="seconds of one trial's rounds")
    parser.add_argument("--store", type=Path, default=Path(".edgeq"))
    given = parser.parse_args()
    source = str(Path(given.model).resolve()) if given.model.endswith(".tflite") else given.model
    machine = this_machine()
    print(f"{machine.processor}, {machine.cores} cores, {machine.system}; limit {LIMIT}\n")
    print("| trials | number | FAIL | INCONCLUSIVE | PASS | ratios | looks: trials | most s |")
    print("|---|--:|--:|--:|--:|---|---|--:|", flush=True)
    with TemporaryDirectory() as folder:
        bench = Bench(Path(folder), source, Store(given.store), given.budget)
        idle = bench.trials(given.trials - given.trials // 2)
        show("copy, idle", idle)
        with busy_cores():
            busy = bench.trials(given.trials // 2)
        show("copy, busy", busy)
        power = [bench.trials(given.power_trials, slower=by) for by in SLOWER]
        for by, trials in zip(SLOWER, power, strict=True):
            show(f"{by:.0%} slower than allowed", trials)
    slow = power[0]
    reached = (
        share(idle + busy, Verdict.FAIL) <= MAX_FALSE_ALARMS
        and share(idle, Verdict.INCONCLUSIVE) <= MAX_OPEN_IDLE
        and (not slow or share(slow, Verdict.FAIL) >= MIN_POWER)
        and all(one.seconds <= MAX_SECONDS for one in slow)
    )
    print(f"\nThe figures are {'' if reached else 'not '}reached.")
    return 0 if reached else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except EdgeqError as error:
        sys.exit(f"false_alarms: {error}")
