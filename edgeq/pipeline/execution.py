"""Runs models on a target; loads, predictions and memory use are kept in the store by content."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq.config.structs import Kernels, Run
from edgeq.config.target_kinds import LOCAL
from edgeq.io import structs
from edgeq.measure.predictions import Predictions
from edgeq.pipeline.dependencies import runtime_facts
from edgeq.pipeline.evaluating import (
    HeldMemory,
    KeptRows,
    RanPortion,
    Resident,
    bounded,
    keep_portions,
    missing_portions,
    read_rows,
    run_portions,
)
from edgeq.pipeline.readout import (
    blaming,
    in_classes,
    require_classes,
    require_outputs_like_baseline,
)
from edgeq.pipeline.schedule import Countdown, Say, rounded
from edgeq.run.failures import INFERENCE, Doing
from edgeq.run.memory import measure_memory
from edgeq.run.results import Loaded, MemoryUse, WorkerFacts
from edgeq.run.session import Session
from edgeq.run.targets import Target
from edgeq.run.workers import Workers
from edgeq.samples.sets import Photo
from edgeq.store import cached
from edgeq.store.content import Store, key_of
from edgeq.store.rows import Ledger
from edgeq.tflite.edits import Edit

if TYPE_CHECKING:
    from edgeq.cluster.cluster import Cluster
    from edgeq.cluster.driver import Done
    from edgeq.cluster.work import Job
    from edgeq.pipeline.boards import Boards
    from edgeq.pipeline.variant import VariantUnderTest

FORMAT = 5
"""Format of the entries kept here, raised whenever their meaning changes."""


class Executor:
    """Runs models on a target and keeps the results.

    Args:
        target: The target on which models run.
        run: How models are run.
        store: The store for the results.
        say: Called with lines of progress.
        greet: Returns what a worker on the target says of itself; None to start one for that.
        helpers: Returns the target's other boards that are like it, by name; called once, when
            something is evaluated.

    Attributes:
        cluster: The cluster that evaluates instead of them, None if the spec names none.
    """

    def __init__(
        self,
        target: Target,
        run: Run,
        store: Store,
        say: Say,
        greet: Callable[[], WorkerFacts] | None = None,
        *,
        helpers: Callable[[], Mapping[str, Target]] = dict,
    ) -> None:
        self.target = target
        self.run = run
        self._store = store
        self._say = say
        self._greet = greet or self._ask_a_worker
        self._helpers = helpers
        self._ledgers: dict[str, Ledger] = {}
        self.workers = Workers(
            target,
            timeout_s=run.timeout_s,
            memory_limit=run.memory_limit,
            waiting=lambda key, *silence: self.waits(f"{key}: waiting for the worker", *silence),
        )
        self.cluster = _cluster(run, say) if target.name == LOCAL else None

    @cached_property
    def runtime(self) -> Mapping[str, str]:
        """What a model's numbers depend on apart from the model: runtime and processor.

        Raises:
            WorkerError: The target can't be reached.
        """
        if self.target.name == LOCAL:
            return runtime_facts()
        return self._greet().runtime

    @cached_property
    def boards(self) -> Boards | None:
        """The boards that share evaluations, None if the target is a single one."""
        helpers = self._helpers()
        if not helpers:
            return None
        from edgeq.pipeline.boards import Boards

        others = {name: self.workers.on(target) for name, target in helpers.items()}
        return Boards(self.target.name, {self.target.name: self.workers, **others})

    def _ask_a_worker(self) -> WorkerFacts:
        with self.workers.fresh(self.target.name) as session:
            return session.facts

    def session(self, key: str) -> Session:
        """Return a fresh worker for a model; the caller must close it."""
        return self.workers.fresh(key)

    def load(self, variant: VariantUnderTest) -> Loaded:
        """Return how a model loads: its tensors, its operators and what the delegate took.

        Raises:
            WorkerError: The model does not load.
        """

        def make(folder: Path) -> None:
            self._say(f"{variant.name}: loading")
            with blaming(variant):
                loaded = self.workers.ask(variant.name, partial(self.load_into, variant))
            (folder / "loaded.json").write_bytes(msgspec.json.encode(loaded))

        entry = self._store.get_or_make("loads", self._facts(variant), make)
        return structs.from_json((entry.folder / "loaded.json").read_bytes(), Loaded)

    def load_into(
        self,
        variant: VariantUnderTest,
        session: Session,
        *,
        kernels: Kernels | None = None,
        edits: tuple[Edit, ...] = (),
    ) -> Loaded:
        """Load a model into a worker, with the number of threads that the run uses.

        ``kernels`` is None for the run's own; ``edits`` are of the file's bytes.

        Raises:
            WorkerError: The model does not load.
        """
        return session.load(
            variant.path,
            threads=self.run.threads,
            kernels=kernels or self.run.kernels,
            edits=edits,
        )

    def answers(self, variant: VariantUnderTest) -> Predictions:
        """Return a variant's predictions for its photographs, in the classes of its label set.

        Only photographs without stored outputs are run, and their outputs are stored by portion.

        Raises:
            WorkerError: The variant does not run.
            ImageError: Its outputs are not those of its label set.
        """
        self.evaluate(variant)
        ledger, photographs = self.kept_answers(variant), variant.photographs
        ledger.missing([photo.sha256 for photo in photographs.images.photos])
        scores, logits = require_classes(variant)
        return in_classes(
            variant,
            read_rows(ledger, photographs, scores, self._store),
            None if logits is None else read_rows(ledger, photographs, logits, self._store),
        )

    def first_rows(
        self, variant: VariantUnderTest, count: int
    ) -> tuple[npt.NDArray[np.float32], ...]:
        """Return all outputs of a variant for its first photographs, ``(count, d)`` each."""
        every = self._stored(variant, range(variant.readout.places))
        return tuple(rows[:count, :] for rows in every)

    def rows(self, variant: VariantUnderTest) -> tuple[KeptRows, ...]:
        """Return the variant's outputs for its photographs that are judged as tensors.

        Raises:
            WorkerError: The variant does not run.
        """
        self.evaluate(variant)
        return self._stored(variant, [output.at for output in variant.readout.judged])

    def outputs(self, variant: VariantUnderTest) -> tuple[KeptRows, ...]:
        """Return the model's own outputs for its photographs, in its order.

        Raises:
            WorkerError: The variant does not run.
        """
        self.evaluate(variant)
        return self._stored(variant, range(variant.readout.outputs))

    def _stored(self, variant: VariantUnderTest, places: Iterable[int]) -> tuple[KeptRows, ...]:
        ledger, photographs = self.kept_answers(variant), variant.photographs
        return tuple(KeptRows(ledger, photographs, at) for at in places)

    def own_outputs(self, variant: VariantUnderTest) -> list[npt.NDArray[Any]]:
        """Return the model's own outputs for its samples, ``(n, ...)`` each, memory-mapped.

        Raises:
            WorkerError: The variant does not run.
        """
        shapes = [output.values for output in self.outputs(variant)]
        ledger, photographs = self.kept_answers(variant), variant.photographs
        return [
            read_rows(ledger, photographs, at, self._store).reshape(-1, *shape)
            for at, shape in enumerate(shapes)
        ]

    def evaluate(self, variant: VariantUnderTest, *, part: int = 0, parts: int = 1) -> None:
        """Run a variant on those photographs of a part that have no stored outputs.

        Parts are counted from 0, one for each worker that shares the set.

        Raises:
            WorkerError: The variant does not run.
            UnlikeOutputsError: It returns far more values than its baseline.
        """
        photographs = variant.photographs
        if not variant.is_baseline:
            require_outputs_like_baseline(variant)
        ledger = self.kept_answers(variant)
        missing = partial(missing_portions, photographs, ledger, part, parts)
        if not missing():
            return
        with blaming(variant):
            boards = self.boards
            if self.cluster is not None and not variant.takes_arrays:  # nodes decode photographs
                self._evaluate_on(self.cluster.run, variant, missing())
            elif boards is not None and len(boards.workers) > 1:
                self._evaluate_among(boards, variant, missing())
            else:
                self.workers.ask(
                    variant.name, lambda session: self._evaluate(session, variant, missing())
                )

    def _evaluate_among(
        self, boards: Boards, variant: VariantUnderTest, portions: Sequence[Sequence[Photo]]
    ) -> None:
        from edgeq.pipeline.boards import Sharing

        def load(session: Session) -> Resident:
            loaded = self.load_into(variant, session, edits=variant.readout.edits)
            return Resident(session, loaded.handle, variant.preprocessing)

        with Sharing(boards, variant.photographs, load, self._say) as sharing:
            self._evaluate_on(sharing.run, variant, boards.portions(portions))

    def _evaluate_on(
        self,
        run: Callable[
            [Job, Path, Sequence[Sequence[Photo]], Callable[[int], None]], Iterator[Done]
        ],
        variant: VariantUnderTest,
        portions: Sequence[Sequence[Photo]],
    ) -> None:
        from edgeq.cluster.work import Job

        edits, outputs = variant.readout.edits, self.load(variant).outputs
        job = Job(
            name=variant.name,
            sha256=variant.sha256,
            edits=edits,
            kernels=self.run.kernels,
            threads=self.run.threads,
            timeout_s=self.run.timeout_s,
            memory_limit=self.run.memory_limit,
            preprocessing=variant.preprocessing,
            size=variant.input_size,
        )
        progress = partial(self._tell, variant.name, Countdown(sum(map(len, portions))))
        portions = bounded(portions, sum(4 * math.prod(output.shape) for output in outputs))
        ran = (
            RanPortion(
                done.photos, done.ran.outputs, HeldMemory(load=done.ran.load, samples=done.ran.held)
            )
            for done in run(job, variant.path, portions, progress)
        )
        keep_portions(ran, self.kept_answers(variant))

    def _evaluate(
        self, session: Session, variant: VariantUnderTest, portions: Sequence[Sequence[Photo]]
    ) -> None:
        loaded = self.load_into(variant, session, edits=variant.readout.edits)
        run_portions(
            Resident(session, loaded.handle, variant.preprocessing),
            variant.photographs,
            bounded(portions, sum(4 * math.prod(output.shape) for output in loaded.outputs)),
            self.kept_answers(variant),
            partial(self._tell, variant.name, Countdown(sum(map(len, portions)))),
        )

    def _tell(
        self, name: str, countdown: Countdown, done: int, silent_s: float | None = None
    ) -> None:
        progress = f"{name}: evaluating images, {countdown.text(done)}"
        self._say(progress if silent_s is None else f"{progress}; {_running(silent_s)}")

    def waits(self, what: str, doing: Doing, silent_s: float) -> None:
        """Report that a worker has been silent for a long time.

        Args:
            what: What the worker is needed for, as a line of progress.
            doing: What the worker is doing.
            silent_s: Seconds since its last sign of life.
        """
        loading = f"{doing.activity} has taken {rounded(silent_s)} so far"
        self._say(f"{what}; {_running(silent_s) if doing.infers else loading}")

    def kept_answers(self, variant: VariantUnderTest) -> Ledger:
        """Return the ledger of a variant's outputs for photographs, as it is fed with them."""
        facts = self._feeding(variant)
        address = key_of("answers", facts)
        return self._ledgers.setdefault(address, Ledger(self._store, "answers", facts))

    def keep(
        self, kind: str, variant: VariantUnderTest, count: int, make: Callable[[Path], None]
    ) -> Path:
        """Return the folder of a result made from a variant and its first photographs.

        ``make`` writes the result into a folder, and is called only if the store lacks it.
        """
        facts = {
            **self._feeding(variant),
            "photographs": [photo.sha256 for photo in variant.samples.photos[:count]],
        }
        return self._store.get_or_make(kind, facts, make).folder

    def _feeding(self, variant: VariantUnderTest) -> Mapping[str, object]:
        return {
            **self._facts(variant),
            "pixels": variant.photographs.source,
            "preprocessing": msgspec.to_builtins(variant.preprocessing),
            "inside": list(variant.readout.inside),
        }

    def memory(
        self,
        variant: VariantUnderTest,
        shape: tuple[int, ...],
        sampled: Sequence[str],
        photographs: Callable[[], npt.NDArray[Any]],
    ) -> MemoryUse:
        """Return a model's memory use, measured in a worker of its own.

        ``photographs`` returns those that the model is run on, ``(k, h, w, 3)``, and ``sampled``
        has the facts that determine which these are; ``shape`` is that of one of them.

        Raises:
            WorkerError: The model does not run.
        """

        def make() -> MemoryUse:
            self._say(f"{variant.name}: measuring memory")
            with blaming(variant):
                return self._measure(variant, photographs())

        facts = {
            **self._facts(variant),
            "image": list(shape),
            "sampled": list(sampled),
            "preprocessing": msgspec.to_builtins(variant.preprocessing),
        }
        return cached.keep(self._store, "memory", facts, make, MemoryUse)

    def _measure(self, variant: VariantUnderTest, images: npt.NDArray[Any]) -> MemoryUse:
        return measure_memory(
            self.target,
            variant.path,
            pixels=images,
            preprocessing=variant.preprocessing,
            threads=self.run.threads,
            kernels=self.run.kernels,
            timeout_s=self.run.timeout_s,
            memory_limit=self.run.memory_limit,
            where=variant.name,
            waiting=partial(self.waits, f"{variant.name}: measuring memory"),
        )

    def _facts(self, variant: VariantUnderTest) -> Mapping[str, object]:
        return {
            "format": FORMAT,
            "model": variant.sha256,
            "kernels": self.run.kernels,
            "threads": self.run.threads,
            "target": self.target.name,
            **self.runtime,
        }


def _cluster(run: Run, say: Say) -> Cluster | None:
    if run.cluster is None:
        return None
    from edgeq.cluster.cluster import Cluster

    return Cluster(run.cluster, threads=run.threads, say=say)


def _running(seconds: float) -> str:
    return f"{INFERENCE} has been running for {rounded(seconds)}"
