"""Damaged models through everything that a run does with a ready-made variant.

``EDGEQ_DATA=FOLDER python benchmarks/robustness/models.py --count 10000``: mutates tiny models and,
where ``EDGEQ_DATA`` has them, small real ones, and reads, measures, loads and runs each. Every
outcome must be answers that can be judged, or one EdgeqError; no request may take longer than its
limit. Prints a table; the exit code is 1 where something else happened, and the models that did it
are kept.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import sys
import tempfile
import time
import traceback
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.robustness.mutations import MUTATIONS
from edgeq.config.structs import Preprocessing
from edgeq.errors import EdgeqError, WorkerError
from edgeq.measure.operators import operators, unsettled
from edgeq.measure.predictions import make_answers, outputs_facts
from edgeq.measure.size import measure_size
from edgeq.run.session import Session
from edgeq.run.targets import local_target
from edgeq.tflite.metadata import read_metadata
from edgeq.tflite.model_file import read_model
from edgeq.tflite.runnable import require_runnable
from tests.unit import bad_models, tiny_metadata, tiny_model
from tests.unit.graphs import logits_edits

TIMEOUT_S = 10.0
SLACK_S = 20.0
"""For starting a worker and ending one, on a busy machine."""
MEMORY_LIMIT = 2_000_000_000
MAX_HELD = 100
"""Models that one worker holds: each takes memory."""
IMAGES = 3
REAL = ("resnet8_cifar10_int8.tflite", "resnet8_cifar10_float.tflite")


@dataclass
class Fuzzed:
    """What became of the models.

    Attributes:
        outcomes: How often each.
        faults: What must not happen, with the file that did it.
        slowest_s: The longest time that one model took.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    slowest_s: float = 0.0


class Runner:
    """Keeps a worker for as long as it lives, or until it holds many models."""

    def __init__(self) -> None:
        self._session: Session | None = None
        self._held = 0

    def outcome(self, path: Path, size: tuple[int, int]) -> str:
        """Do with a model all that a run does; return what came of it.

        Raises:
            EdgeqError: The model is refused.
        """
        model = read_model(path)
        require_runnable(model)
        measure_size(model)
        operators(model)
        unsettled(model)
        read_metadata(path)
        edits = logits_edits(path)
        session = self._alive()
        try:
            handle = session.load(path, threads=1, kernels="xnnpack", edits=edits).handle
            pixels = np.random.default_rng(0).integers(0, 256, (IMAGES, *size, 3), np.uint8)
            outputs = session.infer(handle, pixels, Preprocessing()).outputs
        except WorkerError:
            self._session = None if session.ended else session
            raise
        scores = outputs[0].reshape(len(outputs[0]), -1)
        logits = outputs[1].reshape(len(scores), -1) if edits else None
        facts = outputs_facts(make_answers(scores, logits, is_probability=bool(edits)))
        broken = facts.nonfinite_images or facts.constant or facts.all_zero
        return "ran, answers fail the proof of outputs" if broken else "ran"

    def _alive(self) -> Session:
        self._held += 1
        if self._held > MAX_HELD:
            self.close()
        if self._session is None:
            self._held = 1
            self._session = Session(
                local_target(), timeout_s=TIMEOUT_S, memory_limit=MEMORY_LIMIT, where="mutant"
            )
        return self._session

    def close(self) -> None:
        """End the worker."""
        if self._session is not None:
            self._session.close()
        self._session = None


def named(error: EdgeqError) -> str:
    """Return an error as a row of the table: its class, and the signal and request of a crash."""
    crash = re.search(r"ended (by \w+|with exit code \d+).* while it ran (\w+)", error.what)
    name = type(error).__name__
    if type(error) is WorkerError:
        return f"{name}: {error.what[:100]}"
    return f"{name} {crash[1]} at {crash[2]}" if crash else name


def fuzz(seeds: dict[str, tuple[bytes, tuple[int, int]]], count: int, kept: Path) -> Fuzzed:
    """Run mutations of some models.

    Args:
        seeds: Content and input size by name.
        count: How many.
        kept: Folder for the models that do what must not happen.
    """
    found, runner, names = Fuzzed(), Runner(), sorted(seeds)
    path = kept / "mutant.tflite"
    for number in range(count):
        draw = random.Random(number)  # noqa: S311
        content, size = seeds[names[number % len(names)]]
        mutate = draw.choice(MUTATIONS)
        path.write_bytes(mutate(content, draw))
        start = time.monotonic()
        try:
            outcome = runner.outcome(path, size)
        except EdgeqError as error:
            outcome = named(error)
            if "Traceback" in str(error) or "\n" in str(error):
                found.faults.append(f"{number} {mutate.__name__}: {error}")
        except Exception:  # noqa: BLE001 - that is what is looked for
            outcome = "a fault of edgeq"
            found.faults.append(f"{number} {mutate.__name__}: {traceback.format_exc(limit=-3)}")
            (kept / f"{number}.tflite").write_bytes(path.read_bytes())
        seconds = time.monotonic() - start
        found.slowest_s = max(found.slowest_s, seconds)
        if seconds > TIMEOUT_S + SLACK_S:  # on a busy machine it may only have waited
            seconds = min(seconds, seconds_alone(path, size))
        if seconds > TIMEOUT_S + SLACK_S:
            found.faults.append(f"{number} {mutate.__name__}: took {seconds:.1f} s")
        found.outcomes[outcome] += 1
    runner.close()
    return found


def seconds_alone(path: Path, size: tuple[int, int]) -> float:
    """Return how long a model takes in a worker of its own, whatever comes of it."""
    runner, start = Runner(), time.monotonic()
    with suppress(Exception):
        runner.outcome(path, size)
    runner.close()
    return time.monotonic() - start


def tiny_seeds() -> dict[str, tuple[bytes, tuple[int, int]]]:
    """Return tiny models of every input type and layout, and of every kind of graph."""
    found = {}
    for io in ("float32", "float16", "int8", "uint8", "int16"):
        for nchw in (False, True):
            content = tiny_model.classifier(io=io, nchw=nchw, dynamic=nchw)
            found[f"{io}, {'NCHW, open batch' if nchw else 'NHWC'}"] = (content, (4, 4))
    found["no softmax"] = (tiny_model.classifier(softmax=False), (4, 4))
    found["conditional"] = (bad_models.endless(ends=True), (4, 4))
    found["with a state"] = (bad_models.growing(8), (4, 4))
    found["a huge output"] = (bad_models.large(512), (4, 4))
    found["metadata"] = (
        tiny_metadata.with_metadata(
            tiny_model.classifier(), mean=(127.5,), std=(127.5,), labels="a\nb\nc\nd\ne\n"
        ),
        (4, 4),
    )
    return found


def main() -> int:
    """Print the table; 1 where something happened that must not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    arguments = parser.parse_args()
    data = os.environ.get("EDGEQ_DATA")
    real = {name: ((Path(data) / "models" / name).read_bytes(), (32, 32)) for name in REAL if data}
    parts = [("tiny models", tiny_seeds(), arguments.count - (arguments.count // 5 if real else 0))]
    if real:
        parts.append(("ResNet-8, int8 and float", real, arguments.count // 5))
    kept = Path(tempfile.mkdtemp(prefix="edgeq-mutants-"))
    bad = False
    for name, seeds, count in parts:
        start = time.monotonic()
        found = fuzz(seeds, count, kept)
        print(f"\n{name}: {count} mutants, {time.monotonic() - start:.0f} s, ", end="")
        print(f"slowest {found.slowest_s:.1f} s (limit {TIMEOUT_S:g} s without an answer)\n")
        print("| outcome | models |\n|---|---|")
        for outcome, number in found.outcomes.most_common():
            print(f"| {outcome} | {number} |")
        for fault in found.faults[:20]:
            print(f"FAULT {fault}")
        print(f"faults: {len(found.faults)}", flush=True)
        bad = bad or bool(found.faults)
    if bad:
        print(f"kept in {kept}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
