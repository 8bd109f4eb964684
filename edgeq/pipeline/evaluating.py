"""Running a model on photographs portion by portion; reading what it said about all of them."""

from __future__ import annotations

import math
import secrets
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq.config.structs import Preprocessing
from edgeq.errors import UnlikeOutputsError
from edgeq.measure.rows import release
from edgeq.run.results import Held
from edgeq.run.session import Session
from edgeq.samples.sets import Photo
from edgeq.samples.stream import Piece, Stream
from edgeq.store.content import Store
from edgeq.store.rows import Ledger

Floats = npt.NDArray[np.float32]

MOST_BYTES = 16_000_000
"""Of the outputs of one portion; two are held at once, while one is written."""

HELD = "held.json"


class HeldMemory(msgspec.Struct, frozen=True, kw_only=True):
    """What the worker held while it ran one portion.

    Attributes:
        load: Which loading of the model it belongs to; no other has the same.
        samples: After some of the inferences, in their order.
    """

    load: str
    samples: tuple[Held, ...]


def missing_portions(
    photographs: Stream, rows: Ledger, part: int = 0, parts: int = 1
) -> list[tuple[Photo, ...]]:
    """Return the photographs that have no answer yet, in portions of work.

    Args:
        photographs: The set.
        rows: The answers.
        part: Which of the parts, from 0: parts have no photograph in common, whatever is kept.
        parts: How many workers share the set.
    """
    every = photographs.images.photos
    size = photographs.portion
    starts = range(part * size, len(every), parts * size)
    photos = {photo.sha256: photo for at in starts for photo in every[at : at + size]}
    missing = [photos[name] for name in rows.missing(list(photos))]
    return [tuple(missing[at : at + size]) for at in range(0, len(missing), size)]


class Progress(Protocol):
    """Told how an evaluation goes on."""

    def __call__(self, done: int, silent_s: float | None = None, /) -> None:
        """Take how many photographs are done, and for how long the next one has been running."""


@dataclass(frozen=True)
class Resident:
    """A model that is loaded in a worker.

    Attributes:
        session: The worker.
        handle: Of the model there.
        preprocessing: The model's.
        load: Tells this loading of it from all others.
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
    """Run a model on photographs and keep its raw outputs, portion by portion.

    Args:
        model: The model.
        photographs: The set.
        portions: Of it.
        rows: Where the outputs go.
        progress: Called with how many photographs are done, and now and then while one takes
            long.

    Raises:
        WorkerError: The model does not run.
        ImageError: A photograph can't be decoded.
        StoreError: The store can't be written.
    """
    keeping: Future[None] | None = None
    before = 0
    with ThreadPoolExecutor(1) as keeper:  # the worker goes on while the disk takes its time
        for portion in portions:
            outputs, memory = _run_portion(model, photographs.pieces(portion), before, progress)
            before += len(portion)
            if keeping is not None:
                keeping.result()
            keeping = keeper.submit(_keep, rows, portion, outputs, memory)
    if keeping is not None:
        keeping.result()


def _run_portion(
    model: Resident,
    pieces: Iterable[Piece],
    before: int,
    progress: Progress,
) -> tuple[tuple[Floats, ...], HeldMemory]:
    """Return a model's raw outputs on a portion, float32 ``(m, ...)`` each, and what it held."""
    parts = []
    memory: list[Held] = []
    for piece in pieces:
        results = model.session.infer(
            model.handle,
            piece.pixels,
            model.preprocessing,
            start=piece.start,
            count=piece.count,
            progress=lambda done, _, before=before: progress(before + done),  # type: ignore[misc]
            waiting=lambda doing, silent_s, before=before: progress(  # type: ignore[misc]
                before + doing.done, silent_s
            ),
        )
        parts.append(results.outputs)
        memory += results.held
        before += piece.count
    outputs = tuple(np.concatenate(rows) for rows in zip(*parts, strict=True))
    return outputs, HeldMemory(load=model.load, samples=tuple(memory))


def bounded(portions: Sequence[Sequence[Photo]], row_bytes: int) -> list[Sequence[Photo]]:
    """Return portions that were cut where the outputs of one would take too much memory.

    Args:
        portions: Of a set.
        row_bytes: Of the outputs for one photograph.
    """
    size = max(1, MOST_BYTES // max(row_bytes, 1))
    return [portion[at : at + size] for portion in portions for at in range(0, len(portion), size)]


def _keep(
    kept: Ledger, portion: Sequence[Photo], outputs: Sequence[Floats], memory: HeldMemory
) -> None:
    def write(folder: Path) -> None:
        (folder / HELD).write_bytes(msgspec.json.encode(memory))
        for at, rows in enumerate(outputs):
            np.save(folder / _file(at), rows)

    kept.add([photo.sha256 for photo in portion], write)


class KeptRows:
    """One output of a model for all photographs of a set, read from where it is kept.

    Args:
        kept: Where all of them are.
        photographs: The set.
        at: Place of the output among those that the worker handed out.

    Attributes:
        shape: ``(n, d)``.
        values: Shape of one photograph's values, whose product is d.
    """

    def __init__(self, ledger: Ledger, photographs: Stream, at: int) -> None:
        names = [photo.sha256 for photo in photographs.images.photos]
        ledger.missing(names)
        self._runs: list[Floats] = []
        for run in ledger.runs(names):
            rows: Floats = np.load(run.folder / _file(at), mmap_mode="r")
            self._runs.append(rows[run.start : run.start + run.count])
        self.values = self._runs[0].shape[1:]
        if any(rows.shape[1:] != self.values for rows in self._runs):
            raise UnlikeOutputsError(
                f"output {at} changes its shape from image to image",
                remedy="Export the model with outputs of a fixed shape",
            )
        self.shape = (len(names), math.prod(self.values))

    def __getitem__(self, place: tuple[slice, slice]) -> Floats:
        """Return some columns of some rows."""
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

    Args:
        ledger: Where all of them are.
        photographs: The set.
        at: Place of the output among those that the worker handed out.
        store: Where there is room for files.
    """
    names = [photo.sha256 for photo in photographs.images.photos]
    with _scratch(store.root) as scratch:
        width = 0
        for run in ledger.runs(names):
            rows: Floats = np.load(run.folder / _file(at), mmap_mode="r")
            some = rows[run.start : run.start + run.count].reshape(run.count, -1)
            width = some.shape[1]
            scratch.write(np.ascontiguousarray(some).data)
        scratch.flush()
        every: Floats = np.memmap(scratch, np.float32, mode="r", shape=(len(names), width))
    return every


def _file(at: int) -> str:
    return f"output-{at}.npy"


def _scratch(root: Path) -> IO[bytes]:
    """Return a file without a name: in the store, which has room, where it may be written."""
    try:
        return tempfile.TemporaryFile(dir=root)
    except OSError:
        return tempfile.TemporaryFile()
