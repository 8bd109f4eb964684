"""A session: one worker process and the requests to it.

If the worker crashes, hangs or exceeds its memory limit, the session ends and says why; the caller
starts another one.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Self

import msgspec
import numpy as np

from edgeq.config.structs import Kernels, Preprocessing
from edgeq.errors import ModelRefusedError, WorkerError
from edgeq.run.conversation import Conversation, Progress, Request
from edgeq.run.failures import Doing, Waiting, ignore
from edgeq.run.loading import (
    LoadReport,
    deliver,
    edited,
    loads_with_more_memory,
    require_samples,
    require_tensors,
    understand,
)
from edgeq.run.protocol import USUAL_BYTES, AnyArray
from edgeq.run.results import (
    Feed,
    Held,
    Inferred,
    Loaded,
    MachineState,
    MemoryNow,
    Timed,
    WorkerFacts,
)
from edgeq.run.targets import Target
from edgeq.samples.decode import Pixels
from edgeq.tflite.edits import Edit

CHUNK_IMAGES, CHUNK_BYTES = 64, 1 << 20
"""Most images, and their most bytes, that are sent at a time. While they are run, the next ones are
on their way: ssh holds up to 2 MB for a worker that does not read yet."""

Part = tuple[Pixels | AnyArray, int, int]
"""Samples, the index of the first that is run, and the number of those that are."""

_PERHAPS_MEMORY = ("no reason given", "failed to create runtime", "alloc", "memory")


class _Ran(msgspec.Struct, frozen=True):
    held: tuple[Held, ...]


class _Turns(msgspec.Struct, frozen=True):
    first_s: tuple[float, ...]
    load: tuple[float, float]


class Session:
    """One worker process. A context manager; not thread-safe.

    Args:
        target: Where the worker runs.
        timeout_s: Time limit for one answer, in seconds. Workers report progress every second
            between inferences, so this limits one inference, not a whole set.
        memory_limit: Memory limit of the worker in bytes, or None. The worker's mallocs fail
            beyond it (RLIMIT_DATA). On this machine its resident memory is watched as well.
        where: The model or variant, for errors.
        waiting: Called during long silences of the worker.

    Raises:
        WorkerError: The worker can't be started; see ``load`` for how it can fail later.
    """

    def __init__(
        self,
        target: Target,
        *,
        timeout_s: float,
        memory_limit: int | None,
        where: str = "",
        waiting: Waiting = ignore,
    ):
        self._target = target
        self._limits = (timeout_s, memory_limit)
        self._where = where
        self._models: dict[int, Loaded] = {}
        self._worker = Conversation(
            target,
            timeout_s=timeout_s,
            memory_limit=memory_limit,
            where=where,
            waiting=waiting,
        )

    def tell(self, waiting: Waiting) -> None:
        """Replace the function that is called during long silences."""
        self._worker.waiting = waiting

    @property
    def facts(self) -> WorkerFacts:
        """Facts about the place where the worker runs."""
        return self._worker.facts

    @property
    def ended(self) -> bool:
        """Whether the worker has ended, so that another session is needed."""
        return self._worker.over

    def load(
        self,
        path: Path,
        *,
        threads: int,
        kernels: Kernels,
        edits: Sequence[Edit] = (),
    ) -> Loaded:
        """Load a model; an open batch is pinned to 1.

        Args:
            path: A ``.tflite`` file.
            threads: Threads of the interpreter.
            kernels: Which kernels run the operators.
            edits: Edits to the file's bytes, from ``tflite.edits``; the file itself is unchanged.

        Raises:
            ModelRefusedError: The runtime refused the model.
            WorkerCrashedError: The worker was ended by a signal or returned an exit code.
            WorkerTimeoutError: The worker did not answer in time.
            WorkerMemoryError: The worker exceeded its memory limit.
            WorkerError: Any other failure; base class of these.
        """
        # A worker can pin open sides, but files are given their size when they are read.
        request = {"threads": threads, "kernels": kernels, "input_size": ()}
        with edited(path, edits) as file:
            place = deliver(self._worker, file, local_files=self._target.local_files)
            try:
                answer = self._worker.ask("load", {**request, "path": place})
            except ModelRefusedError as refusal:
                refused = refusal.what.lower()
                perhaps = any(words in refused for words in _PERHAPS_MEMORY)
                if perhaps and self._would_load(request, file):
                    raise self._worker.circumstances(Doing("load")).out_of_memory() from refusal
                raise
        report = self._worker.convert("load", answer, LoadReport)
        loaded = understand(report, kernels=kernels, threads=threads, where=self._where)
        self._models[loaded.handle] = loaded
        return loaded

    def unload(self) -> None:
        """Unload every model, so that the worker can load others.

        Raises:
            WorkerError: As for ``load``.
        """
        self._models.clear()
        self._worker.ask("unload", {})

    def infer(
        self,
        handle: int,
        pixels: Pixels | AnyArray,
        preprocessing: Preprocessing,
        *,
        start: int = 0,
        count: int | None = None,
        most: int = 0,
    ) -> Inferred:
        """Run a model on photographs.

        Args:
            handle: Handle from ``load``.
            pixels: uint8 ``(n, h, w, 3)``, RGB, of the model's input size; or arrays, float32
                ``(n, d)``, each row with the values of all inputs.
            preprocessing: Only mean, std and channel order are used, and nothing for arrays.
            start: Index of the first photograph.
            count: Number of photographs, or None for all that follow.
            most: If not 0, the worker returns of each output only the smallest value, the largest
                and at most this many others, in this order, ``(n, 2 + m)``. Only for models with
                one image per inference.

        Raises:
            ModelRefusedError: The model does not take such images.
            WorkerError: As for ``load``.
        """
        total = len(range(pixels.shape[0])[start:][:count])
        parts = ((pixels, start, total),)
        (inferred,) = self.infer_each(handle, parts, preprocessing, most=most)
        return inferred

    def infer_each(
        self,
        handle: int,
        parts: Iterable[Part],
        preprocessing: Preprocessing,
        *,
        most: int = 0,
        progress: Progress | None = None,
        waiting: Waiting | None = None,
    ) -> Generator[Inferred]:
        """Run a model on samples part by part, with no pause in the worker between two parts.

        A part is drawn while the worker runs the one before. If that fails, or not all results are
        taken, the worker is ended.

        Args:
            handle: Handle from ``load``.
            parts: Samples as for ``infer``, the index of the first, and their number.
            preprocessing: As for ``infer``.
            most: As for ``infer``.
            progress: Called with the number of samples done and in total, of the part that is run.
            waiting: Called during long silences instead of the session's own.

        Raises:
            ModelRefusedError: The model does not take such images.
            WorkerError: As for ``load``.
        """
        loaded = self._model(handle)
        request = {"handle": handle, "preprocessing": _numbers(preprocessing), "most": most}
        sent: deque[tuple[int, int]] = deque()

        def requests() -> Iterator[Request]:
            for pixels, start, total in parts:
                if total == 0:
                    raise WorkerError("there are no images to run", where=self._where or None)
                require_samples(loaded, pixels.shape, where=self._where)
                for before, place, blobs in self._portions(pixels, start, total, loaded.batch):
                    count: int = place["count"]
                    sent.append((before + count, total))
                    yield Request(
                        {**request, **place},
                        blobs,
                        images=(before, total),
                        steps=count,
                        most=_expected(loaded, count, most),
                    )

        rows: list[tuple[AnyArray, ...]] = []
        memory: list[Held] = []
        asked = self._worker.ask_each("infer", requests(), progress=progress, waiting=waiting)
        with closing(asked) as answers:
            for answer in answers:
                rows.append(answer.blobs)
                memory += self._worker.convert("infer", answer, _Ran).held
                done, total = sent.popleft()
                if progress is not None:
                    progress(done, total)
                if done == total:
                    outputs = tuple(_joined(column) for column in zip(*rows, strict=True))
                    yield Inferred(outputs, tuple(memory))
                    rows, memory = [], []

    def repeat(
        self,
        handle: int,
        pixels: AnyArray,
        preprocessing: Preprocessing,
        *,
        counts: Sequence[int],
        budget_s: float,
    ) -> tuple[Held, ...]:
        """Run a model repeatedly on the same photographs; return what the worker held.

        Args:
            handle: Handle from ``load``.
            pixels: As for ``infer``.
            preprocessing: As for ``infer``.
            counts: Numbers of inferences since loading at which it may stop: the first, or the
                next one after the budget is used up.
            budget_s: Seconds after which it does not continue to a further count.

        Raises:
            ModelRefusedError: The model does not take such images.
            WorkerError: As for ``load``.
        """
        require_samples(self._model(handle), pixels.shape, where=self._where)
        request = {
            "handle": handle,
            "preprocessing": _numbers(preprocessing),
            "counts": counts,
            "budget_s": budget_s,
        }
        answer = self._worker.ask("repeat", request, (pixels,), steps=max(counts, default=0))
        return self._worker.convert("repeat", answer, _Ran).held

    def infer_tensors(self, handle: int, inputs: Sequence[AnyArray]) -> tuple[AnyArray, ...]:
        """Run a model once with one array per input; return one array per output.

        Float arrays are quantized for quantized inputs; arrays of an input's own type are passed
        unchanged. Outputs of ``REAL_TYPES`` are returned as float32, others unchanged.

        Raises:
            ModelRefusedError: The arrays don't fit the inputs.
            WorkerError: As for ``load``.
        """
        require_tensors(self._model(handle), inputs, where=self._where)
        most = _expected(self._model(handle), 1, 0)
        request = {"handle": handle}
        return self._worker.ask("infer_tensors", request, tuple(inputs), most=most).blobs

    def time(
        self, feeds: Sequence[Feed], *, rounds: int, block: int, warmup: int, budget_s: float
    ) -> Timed:
        """Time models alternately in blocks (A B, B A, ...), each pair of blocks on one photograph.

        Args:
            feeds: The models, the baseline first.
            rounds: Timed inferences per model.
            block: Consecutive inferences of one model.
            warmup: Untimed inferences per model before the first block.
            budget_s: Seconds after which no further block starts.

        Raises:
            ModelRefusedError: A model does not take such an image.
            WorkerError: As for ``load``.
        """
        for feed in feeds:
            require_samples(self._model(feed.handle), feed.images.shape, where=self._where)
        request = {
            "handles": [feed.handle for feed in feeds],
            "preprocessing": [_numbers(feed.preprocessing) for feed in feeds],
            "rounds": rounds,
            "block": block,
            "warmup": warmup,
            "budget_s": budget_s,
        }
        images = tuple(feed.images for feed in feeds)
        steps = len(feeds) * (warmup + 1 + rounds)
        answer = self._worker.ask("time", request, images, steps=steps)
        facts = self._worker.convert("time", answer, _Turns)
        blocks = np.arange(len(answer.blobs[0]), dtype=np.int64) // block
        return Timed(facts.first_s, answer.blobs, blocks, rounds, facts.load)

    def memory(self, *, reset: bool = False) -> MemoryNow:
        """Return the worker's memory; with ``reset``, start a new peak first.

        Raises:
            WorkerError: As for ``load``.
        """
        return self._worker.convert(
            "memory", self._worker.ask("memory", {"reset": reset}), MemoryNow
        )

    def state(self) -> MachineState:
        """Return the current state of the machine.

        Raises:
            WorkerError: As in ``load``.
        """
        return self._worker.convert("state", self._worker.ask("state", {}), MachineState)

    def close(self) -> None:
        """End the worker."""
        self._worker.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _model(self, handle: int) -> Loaded:
        if handle not in self._models:
            raise WorkerError(f"no model {handle} is loaded", where=self._where or None)
        return self._models[handle]

    def _would_load(self, request: Mapping[str, object], file: Path) -> bool:
        timeout_s, limit = self._limits
        return limit is not None and loads_with_more_memory(
            self._target, request, file, timeout_s=timeout_s, memory_limit=limit
        )

    def _portions(
        self, pixels: Pixels | AnyArray, start: int, total: int, batch: int
    ) -> Iterator[tuple[int, dict[str, Any], tuple[AnyArray, ...]]]:
        """Yield what each request contains of the images: a range of a file, or arrays.

        Before it stands the number of images in the requests before.
        """
        if isinstance(pixels, Pixels) and self._target.local_files:
            yield 0, {"path": str(pixels.path), "start": start, "count": total}, ()
            return
        array = pixels if isinstance(pixels, np.ndarray) else pixels.array()
        most = min(CHUNK_IMAGES, CHUNK_BYTES // max(1, array[0].nbytes))
        size = max(1, -(-most // batch)) * batch
        for before in range(0, total, size):
            chunk = array[start + before :][: min(size, total - before)]
            yield before, {"path": None, "start": 0, "count": len(chunk)}, (chunk,)


def _joined(rows: Sequence[AnyArray]) -> AnyArray:
    return rows[0] if len(rows) == 1 else np.concatenate(rows)


def _expected(loaded: Loaded, count: int, sampled: int) -> int:
    """Return the maximum size of the outputs for some images in bytes, as the file declares them.

    ``sampled`` is the number of values requested of each output, 0 for all.
    """
    sizes = [math.prod(output.shape) for output in loaded.outputs]
    if sampled:
        sizes = [min(size, sampled + 2) for size in sizes]
    return max(USUAL_BYTES, 8 * (count + loaded.batch) * sum(sizes))


def _numbers(preprocessing: Preprocessing) -> dict[str, Any]:
    """Return the part of the preprocessing that happens in the worker."""
    return {
        "mean": preprocessing.mean,
        "std": preprocessing.std,
        "channels": preprocessing.channels,
    }
