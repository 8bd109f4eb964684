"""Running models: what they load as, answer, and need, kept by content like everything made."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq.config.structs import Kernels, Run
from edgeq.io import structs
from edgeq.measure.predictions import Predictions
from edgeq.pipeline.eta import Countdown, rounded
from edgeq.pipeline.evaluating import (
    KeptRows,
    Resident,
    bounded,
    missing_portions,
    read_rows,
    run_portions,
)
from edgeq.pipeline.executable import Executable, blaming, in_classes, require_classes
from edgeq.pipeline.inputs import Say
from edgeq.pipeline.machine import runtime_facts
from edgeq.run.doing import INFERENCE, Doing
from edgeq.run.memory import measure_memory
from edgeq.run.results import Loaded, MemoryUse
from edgeq.run.session import Session
from edgeq.run.targets import Target
from edgeq.run.workers import Workers
from edgeq.samples.sets import Photo
from edgeq.samples.stream import Stream
from edgeq.store.content import Store, key_of
from edgeq.store.rows import Ledger
from edgeq.tflite.edits import Edit

FORMAT = 4
"""Raised when what is kept here changes its meaning."""


class Executor:
    """Runs models on a target and keeps what they gave.

    Args:
        target: Where models run.
        run: How they are executed.
        store: Where results are kept.
        say: Told what is going on.

    Attributes:
        workers: Of the target.
    """

    def __init__(self, target: Target, run: Run, store: Store, say: Say) -> None:
        self.target = target
        self.run = run
        self._store = store
        self._say = say
        self._ledgers: dict[str, Ledger] = {}
        self.workers = Workers(
            target,
            timeout_s=run.timeout_s,
            memory_limit=run.memory_limit,
            waiting=lambda key, *silence: self.waits(f"{key}: waiting for the worker", *silence),
        )

    def session(self, key: str) -> Session:
        """Return a fresh worker for a model; the caller closes it."""
        return self.workers.fresh(key)

    def load(self, model: Executable) -> Loaded:
        """Return how a model loads: tensors, operators, what the delegate took.

        Raises:
            WorkerError: It does not load.
        """

        def make(folder: Path) -> None:
            self._say(f"{model.key}: loading")
            with blaming(model):
                loaded = self.workers.ask(model.key, partial(self.load_into, model))
            (folder / "loaded.json").write_bytes(msgspec.json.encode(loaded))

        entry = self._store.get_or_make("loads", self._facts(model), make)
        return structs.from_json((entry.folder / "loaded.json").read_bytes(), Loaded)

    def load_into(
        self,
        model: Executable,
        session: Session,
        *,
        kernels: Kernels | None = None,
        edits: tuple[Edit, ...] = (),
    ) -> Loaded:
        """Load a model into a worker, with the threads of the run.

        Args:
            model: The model.
            session: The worker.
            kernels: Which run the operators, None for those of the run.
            edits: Of the file's bytes.

        Raises:
            WorkerError: It does not load.
        """
        return session.load(
            model.path,
            threads=self.run.threads,
            kernels=kernels or self.run.kernels,
            edits=edits,
        )

    def answers(self, model: Executable, photographs: Stream) -> Predictions:
        """Return what a model says about photographs, in the classes of its label set.

        Only photographs that it was not run on before are run, and kept portion by portion.

        Raises:
            WorkerError: It does not run.
            ImageError: Its outputs are not those of its label set.
        """
        self.evaluate(model, photographs)
        kept = self.kept_answers(model, photographs)
        kept.missing([photo.sha256 for photo in photographs.images.photos])
        scores, logits = require_classes(model)
        return in_classes(
            model,
            read_rows(kept, photographs, scores, self._store),
            None if logits is None else read_rows(kept, photographs, logits, self._store),
        )

    def first_rows(
        self, model: Executable, photographs: Stream, count: int
    ) -> tuple[npt.NDArray[np.float32], ...]:
        """Return all that a model handed out for the first photographs, ``(count, d)`` each."""
        kept = self.kept_answers(model, photographs)
        places = range(model.readout.places)
        return tuple(KeptRows(kept, photographs, at)[:count, :] for at in places)

    def rows(self, model: Executable, photographs: Stream) -> tuple[KeptRows, ...]:
        """Return all that is judged as tensors of what a model says about photographs.

        Raises:
            WorkerError: It does not run.
        """
        self.evaluate(model, photographs)
        kept = self.kept_answers(model, photographs)
        return tuple(KeptRows(kept, photographs, one.at) for one in model.readout.judged)

    def evaluate(
        self, model: Executable, photographs: Stream, *, part: int = 0, parts: int = 1
    ) -> None:
        """Run a model on a part of the photographs that it was not run on before.

        Args:
            model: The model.
            photographs: The whole set.
            part: Which of the parts, from 0.
            parts: How many workers share the set.

        Raises:
            WorkerError: It does not run.
        """
        kept = self.kept_answers(model, photographs)
        missing = partial(missing_portions, photographs, kept, part, parts)
        if missing():
            with blaming(model):
                self.workers.ask(
                    model.key,
                    lambda session: self._evaluate(session, model, photographs, missing()),
                )

    def _evaluate(
        self,
        session: Session,
        model: Executable,
        photographs: Stream,
        portions: Sequence[Sequence[Photo]],
    ) -> None:
        loaded = self.load_into(model, session, edits=model.readout.edits)
        run_portions(
            Resident(session, loaded.handle, model.preprocessing),
            photographs,
            bounded(portions, sum(4 * math.prod(one.shape) for one in loaded.outputs)),
            self.kept_answers(model, photographs),
            partial(self._tell, model.key, Countdown(sum(map(len, portions)))),
        )

    def _tell(
        self, key: str, countdown: Countdown, done: int, silent_s: float | None = None
    ) -> None:
        said = f"{key}: evaluating images, {countdown.text(done)}"
        self._say(said if silent_s is None else f"{said}; {_running(silent_s)}")

    def waits(self, what: str, doing: Doing, silent_s: float) -> None:
        """Say that a worker has been silent for long.

        Args:
            what: What it is needed for, as a line of progress.
            doing: What it is doing.
            silent_s: For how many seconds.
        """
        taken = f"{doing.activity} has taken {rounded(silent_s)} so far"
        self._say(f"{what}; {_running(silent_s) if doing.infers else taken}")

    def kept_answers(self, model: Executable, photographs: Stream) -> Ledger:
        """Return where the answers of a model to photographs decoded in some way are kept."""
        facts = self._feeding(model, photographs)
        address = key_of("answers", facts)
        return self._ledgers.setdefault(address, Ledger(self._store, "answers", facts))

    def keep(
        self,
        kind: str,
        model: Executable,
        photographs: Stream,
        count: int,
        make: Callable[[Path], None],
    ) -> Path:
        """Return the folder of what was made of a model and the first photographs of a set.

        Args:
            kind: What it is.
            model: The model.
            photographs: The set.
            count: How many of them matter.
            make: Writes it into a folder, where it was not made before.
        """
        facts = {
            **self._feeding(model, photographs),
            "photographs": [photo.sha256 for photo in photographs.images.photos[:count]],
        }
        return self._store.get_or_make(kind, facts, make).folder

    def _feeding(self, model: Executable, photographs: Stream) -> Mapping[str, object]:
        return {
            **self._facts(model),
            "pixels": photographs.source,
            "preprocessing": msgspec.to_builtins(model.preprocessing),
            "inside": list(model.readout.inside),
        }

    def memory(
        self,
        model: Executable,
        shape: tuple[int, ...],
        sampled: Sequence[str],
        photographs: Callable[[], npt.NDArray[np.uint8]],
    ) -> MemoryUse:
        """Return what a model costs in memory, in a worker of its own.

        Args:
            model: The model.
            shape: Of a photograph that it is run on, ``(h, w, 3)``.
            sampled: What decides which they are.
            photographs: Returns them, ``(k, h, w, 3)``.

        Raises:
            WorkerError: It does not run.
        """

        def make(folder: Path) -> None:
            self._say(f"{model.key}: measuring memory")
            with blaming(model):
                used = self._measure(model, photographs())
            (folder / "memory.json").write_bytes(msgspec.json.encode(used))

        facts = {
            **self._facts(model),
            "image": list(shape),
            "sampled": list(sampled),
            "preprocessing": msgspec.to_builtins(model.preprocessing),
        }
        entry = self._store.get_or_make("memory", facts, make)
        return structs.from_json((entry.folder / "memory.json").read_bytes(), MemoryUse)

    def _measure(self, model: Executable, images: npt.NDArray[np.uint8]) -> MemoryUse:
        return measure_memory(
            self.target,
            model.path,
            pixels=images,
            preprocessing=model.preprocessing,
            threads=self.run.threads,
            kernels=self.run.kernels,
            timeout_s=self.run.timeout_s,
            memory_limit=self.run.memory_limit,
            where=model.key,
            waiting=partial(self.waits, f"{model.key}: measuring memory"),
        )

    def _facts(self, model: Executable) -> Mapping[str, object]:
        return {
            "format": FORMAT,
            "model": model.sha256,
            "kernels": self.run.kernels,
            "threads": self.run.threads,
            "target": self.target.name,
            **runtime_facts(),
        }


def _running(seconds: float) -> str:
    return f"{INFERENCE} has been running for {rounded(seconds)}"
