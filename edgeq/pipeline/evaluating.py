"""Runs a model on photographs in portions, and reads its outputs for all of them."""

from __future__ import annotations

import math
import secrets
import tempfile
from collections import deque
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq.config.structs import Preprocessing
from edgeq.errors import UnlikeOutputsError
from edgeq.io.arrays import map_array
from edgeq.measure.rows import release
from edgeq.run.results import Held
from edgeq.run.session import Session
from edgeq.samples.sets import Photo
from edgeq.samples.stream import Stream
from edgeq.store.content import Store
from edgeq.store.rows import Ledger

Floats = npt.NDArray[np.float32]

KEEPERS = 4
"""Portions of an evaluation that are written to the store at a time: a disk takes several together
in the time of one, and a model that is fast does not wait for it."""

MAX_BYTES = 8_000_000
"""Limit in bytes on the outputs of one portion. ``KEEPERS`` and two more are in memory at once."""

HELD = "held.json"


class HeldMemory(msgspec.Struct, frozen=True, kw_only=True):
    """The worker's memory use while it ran one portion.

    ``load`` is a unique id of the model load that the portion belongs to; ``samples`` follow some
    of the inferences, in order.
    """

    load: str
    samples: tuple[Held, ...]


def missing_portions(
    photographs: Stream, rows: Ledger, part: int = 0, parts: int = 1
) -> list[tuple[Photo, ...]]:
    """Return the photographs that have no prediction yet, in portions of work.

    Parts are counted from 0, one for each worker that shares the set. They never share a
    photograph, whatever the store has.
    """
    every = photographs.images.photos
    size = photographs.portion
    starts = range(part * size, len(every), parts * size)
    photos = {photo.sha256: photo for at in starts for photo in every[at : at + size]}
    missing = [photos[name] for name in rows.missing(list(photos))]
    return [tuple(missing[at : at + size]) for at in range(0, len(missing), size)]


@dataclass(frozen=True)
class RanPortion:
    """A portion that was run, with its raw outputs, float32 ``(m, ...)`` each."""

    photos: Sequence[Photo]
    outputs: tuple[Floats, ...]
    memory: HeldMemory


class Progress(Protocol):
    """A callback for the progress of an evaluation."""

    def __call__(self, done: int, silent_s: float | None = None, /) -> None:
        """Report how many photographs are done and how long the next one has been running."""


@dataclass(frozen=True)
class Resident:
    """A model that is loaded in a worker.

    ``load`` is a unique id of this load.
    """

    session: Session
    handle: int
    preprocessing: Preprocessing
    load: str = field(default_factory=lambda: secrets.token_hex(8))


def run_portions(
    model: Resident,
    photographs: Stream,
    portions: Sequence[Sequence[Photo]],
    rows: Ledger,
    progress: Progress,
) -> None:
    """Run a model on photographs and store its raw outputs, one portion at a time.

    ``progress`` is called with the number of photographs done, and now and then while one takes
    long.

    Raises:
        WorkerError: The model does not run.
        ImageError: A photograph can't be decoded.
        StoreError: The store can't be written.
    """
    with closing(run_each(model, photographs, portions, progress)) as ran:
        keep_portions(ran, rows)


def keep_portions(portions: Iterable[RanPortion], rows: Ledger) -> None:
    """Store the outputs of portions as they are run.

    Raises:
        StoreError: The store can't be written.
        EdgeqError: A portion can't be run.
    """
    keeping: deque[Future[None]] = deque()
    with ThreadPoolExecutor(KEEPERS) as pool:
        for portion in portions:
            if len(keeping) == KEEPERS:
                keeping.popleft().result()
            keeping.append(pool.submit(_keep, rows, portion))
        for writing in keeping:
            writing.result()


def run_each(
    model: Resident, photographs: Stream, portions: Sequence[Sequence[Photo]], progress: Progress
) -> Generator[RanPortion]:
    """Run a model on portions of photographs, and yield each; see ``run_portions``.

    The next photographs are decoded and sent while the worker runs those before.
    """
    before = 0
    pieces = (piece for portion in portions for piece in photographs.pieces(portion))
    answers = model.session.infer_each(
        model.handle,
        ((piece.pixels, piece.start, piece.count) for piece in pieces),
        model.preprocessing,
        progress=lambda done, _: progress(before + done),
        waiting=lambda doing, silent_s: progress(before + doing.done, silent_s),
    )
    with closing(answers):
        for portion in portions:
            parts: list[tuple[Floats, ...]] = []
            memory: list[Held] = []
            end = before + len(portion)
            while before < end:
                results = next(answers)
                parts.append(results.outputs)
                memory += results.held
                before += len(results.outputs[0])
            outputs = tuple(np.concatenate(rows) for rows in zip(*parts, strict=True))
            yield RanPortion(portion, outputs, HeldMemory(load=model.load, samples=tuple(memory)))


def bounded(portions: Sequence[Sequence[Photo]], row_bytes: int) -> list[Sequence[Photo]]:
    """Return portions, split if the outputs of one would take too much memory."""
    size = max(1, MAX_BYTES // max(row_bytes, 1))
    return [portion[at : at + size] for portion in portions for at in range(0, len(portion), size)]


def _keep(ledger: Ledger, portion: RanPortion) -> None:
    def write(folder: Path) -> None:
        (folder / HELD).write_bytes(msgspec.json.encode(portion.memory))
        for at, rows in enumerate(portion.outputs):
            np.save(folder / _file(at), rows)

    ledger.add([photo.sha256 for photo in portion.photos], write)


class KeptRows:
    """One output of a model for all photographs of a set, read from the store on access.

    ``at`` is the output's index among those that the worker returned.

    Attributes:
        shape: ``(n, d)``, photographs by values.
        values: Shape of one photograph's values, whose product is d.
    """

    def __init__(self, ledger: Ledger, photographs: Stream, at: int) -> None:
        names = [photo.sha256 for photo in photographs.images.photos]
        ledger.missing(names)
        self._runs: list[Floats] = []
        for run in ledger.runs(names):
            rows: Floats = map_array(run.folder / _file(at))
            self._runs.append(rows[run.start : run.start + run.count])
        self.values = self._runs[0].shape[1:]
        if any(rows.shape[1:] != self.values for rows in self._runs):
            raise UnlikeOutputsError(
                f"output {at} changes its shape from image to image",
                remedy="Export the model with outputs of a fixed shape",
            )
        self.shape = (len(names), math.prod(self.values))

    def __getitem__(self, place: tuple[slice, slice]) -> Floats:
        """Return the given columns of the given rows."""
        rows, columns = place
        start, stop, _ = rows.indices(self.shape[0])
        parts, before = [], 0
        for run in self._runs:
            part = run[max(start - before, 0) : max(stop - before, 0)]
            if len(part):
                parts.append(np.array(part.reshape(len(part), -1)[:, columns]))
                release(run)
            before += len(run)
        return np.concatenate(parts)


def read_rows(ledger: Ledger, photographs: Stream, at: int, store: Store) -> Floats:
    """Return one output for all photographs, ``(n, d)``, memory-mapped.

    ``at`` is the output's index among those that the worker returned. The store has room for
    temporary files.
    """
    names = [photo.sha256 for photo in photographs.images.photos]
    with _scratch(store.root) as scratch:
        width = 0
        for run in ledger.runs(names):
            rows: Floats = map_array(run.folder / _file(at))
            some = rows[run.start : run.start + run.count].reshape(run.count, -1)
            width = some.shape[1]
            scratch.write(np.ascontiguousarray(some).data)
        scratch.flush()
        every: Floats = np.memmap(scratch, np.float32, mode="r", shape=(len(names), width))
    return every


def _file(at: int) -> str:
    return f"output-{at}.npy"


def _scratch(root: Path) -> IO[bytes]:
    """Return an unnamed temporary file, in the store's folder if that is writable."""
    try:
        return tempfile.TemporaryFile(dir=root)
    except OSError:
        return tempfile.TemporaryFile()
