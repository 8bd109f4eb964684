"""What the memory of a worker does while it runs good models, and how dear it is to look.

``python -m benchmarks.growth FILE ...`` runs each ``.tflite`` image model as an evaluation does,
portion by portion in a worker that other models used before, first on the machine as it is, then
while another process keeps each core busy. None may FAIL the proof ``steady_memory`` nor leave it
open. A faulty worker that keeps 10 kB or 1 MB at every inference must fail it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from edgeq.config.structs import Preprocessing
from edgeq.errors import WorkerError
from edgeq.faults.faulty_worker import marked
from edgeq.faults.inject import faulty_target
from edgeq.judge.growing import growing, steady_memory
from edgeq.judge.verdict import Verdict
from edgeq.measure.growth import Growth, Samples, Watched, growth
from edgeq.run.results import IMAGE_AXES
from edgeq.run.session import Session
from edgeq.run.targets import Target, local_target
from edgeq.tflite.image_input import RGB

PORTION = 63
PORTIONS = 4
MAX_S = 3.0
NEVER_STOPS = "while True: pass"
KEPT = (10_000, 1_000_000)
FAULTY = 8
"""Files that a faulty worker runs: what it keeps is not theirs."""


@contextmanager
def load_on_every_core(busy: bool) -> Iterator[None]:
    """Keep each core busy, if asked to."""
    others = [
        subprocess.Popen([sys.executable, "-c", NEVER_STOPS])
        for _ in range((os.cpu_count() or 1) * busy)
    ]
    try:
        yield
    finally:
        for one in others:
            one.kill()
            one.wait()


def watched(session: Session, file: Path) -> Growth | None:
    """Return how memory rose over portions of noise, None if the file takes no images."""
    loaded = session.load(file, threads=1, kernels="xnnpack")
    shape = loaded.inputs[0].shape
    if len(loaded.inputs) != 1 or len(shape) != IMAGE_AXES or RGB not in (shape[1], shape[3]):
        return None
    size = shape[1:3] if shape[3] == RGB else shape[2:4]
    pixels = np.random.default_rng(0).integers(0, 256, (PORTION, *size, 3), np.uint8)
    portions: list[Samples] = []
    end = time.monotonic() + MAX_S
    while len(portions) < PORTIONS and (not portions or time.monotonic() < end):
        held = session.infer(loaded.handle, pixels, Preprocessing()).held
        portions.append(np.array(held, np.int64))
    session.unload()
    return growth([portions])


def follow(target: Target, files: Sequence[Path]) -> Iterator[tuple[Path, Growth]]:
    """Yield what each file's memory does, in one worker as long as it lives."""
    session = Session(target, timeout_s=60, memory_limit=None)
    for file in files:
        try:
            found = watched(session, file)
        except WorkerError:  # crashes and refusals are other proofs' business
            session.close()
            session = Session(target, timeout_s=60, memory_limit=None)
            continue
        if found is not None:
            yield file, found
    session.close()


def good(files: Sequence[Path], trials: int, busy: bool) -> int:
    """Print what good files do, and return how many verdicts were not PASS."""
    alarms = verdicts = 0
    total = least = resident = 0.0
    with load_on_every_core(busy):
        for _ in range(trials):
            for file, found in follow(local_target(), files):
                judged = steady_memory(Watched(evaluated=found), images=found.inferences)
                verdicts += 1
                if judged.status is not Verdict.PASS:
                    alarms += 1
                    print(f"  {file.name}: {judged.status.value}: {judged.reason}")
                total = max([total, *(one.total for one in found.allocated)])
                least = max([least, *(one.least for one in found.allocated)])
                resident = max([resident, *(one.total for one in found.resident)])
    print(
        f"{'busy' if busy else 'as it is'}: {alarms} of {verdicts} not PASS; allocated rises by "
        f"{total:,.0f} bytes at most, in every quarter by {least:.1f} bytes an inference at most; "
        f"resident memory rises within a portion by {resident:,.0f} bytes at most"
    )
    return alarms


def faulty(files: Sequence[Path]) -> int:
    """Print how many growing workers were caught, and return how many were not."""
    missed = 0
    with TemporaryDirectory() as folder:
        for kept in KEPT:
            conduct: dict[str, object] = {"do": "grow", "bytes": kept}
            copies = [Path(folder) / file.name for file in files]
            for file, copy in zip(files, copies, strict=True):
                copy.write_bytes(marked(file.read_bytes(), conduct))
            rates = [
                growing(Watched(evaluated=found)) for _, found in follow(faulty_target(), copies)
            ]
            caught = [rate for rate in rates if rate is not None]
            missed += len(rates) - len(caught)
            ends = f"{min(caught):,.0f} to {max(caught):,.0f}" if caught else "none"
            print(f"{kept:,} bytes kept: {len(caught)} of {len(rates)} caught, rates {ends}")
    return missed


def main() -> int:
    """Run all, and return 1 where a verdict is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--trials", type=int, default=3)
    options = parser.parse_args()
    wrong = faulty(options.files[:: max(1, len(options.files) // FAULTY)])
    for busy in (False, True):
        wrong += good(options.files, options.trials, busy)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
