"""Running a model on photographs portion by portion; reading what it said about all of them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

import numpy as np
import numpy.typing as npt

from edgeq.images.sets import Photo
from edgeq.images.stream import Piece, Stream
from edgeq.ledger import Ledger
from edgeq.run.session import Session
from edgeq.spec.structs import Preprocessing
from edgeq.store import Store

Floats = npt.NDArray[np.float32]

SCORES = "scores.npy"
LOGITS = "logits.npy"


def missing_portions(
    photographs: Stream, kept: Ledger, part: int = 0, parts: int = 1
) -> list[tuple[Photo, ...]]:
    """Return the photographs that have no answer yet, in portions of work.

    Args:
        photographs: The set.
        kept: The answers.
        part: Which of the parts, from 0: parts have no photograph in common, whatever is kept.
        parts: How many workers share the set.
    """
    every = photographs.images.photos
    size = photographs.portion
    starts = range(part * size, len(every), parts * size)
    photos = {photo.sha256: photo for at in starts for photo in every[at : at + size]}
    missing = [photos[name] for name in kept.missing(list(photos))]
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
        tapped: Whether its second output feeds the SOFTMAX.
    """

    session: Session
    handle: int
    preprocessing: Preprocessing
    tapped: bool


def run_portions(
    model: Resident,
    photographs: Stream,
    portions: Sequence[Sequence[Photo]],
    kept: Ledger,
    progress: Progress,
) -> None:
    """Run a model on photographs and keep its raw outputs, portion by portion.

    Args:
        model: The model.
        photographs: The set.
        portions: Of it.
        kept: Where the outputs go.
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
            outputs = _run_portion(model, photographs.pieces(portion), before, progress)
            before += len(portion)
            if keeping is not None:
                keeping.result()
            keeping = keeper.submit(_keep, kept, portion, outputs, model.tapped)
    if keeping is not None:
        keeping.result()


def _run_portion(
    model: Resident,
    pieces: Iterable[Piece],
    before: int,
    progress: Progress,
) -> tuple[Floats, ...]:
    """Return a model's raw outputs on a portion, float32 ``(m, ...)`` each."""
    parts = []
    for piece in pieces:
        found = model.session.infer(
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
        parts.append(found.outputs)
        before += piece.count
    return tuple(np.concatenate(rows) for rows in zip(*parts, strict=True))


def _keep(kept: Ledger, portion: Sequence[Photo], outputs: Sequence[Floats], tapped: bool) -> None:
    names = (SCORES, LOGITS)[: 2 if tapped else 1]

    def write(folder: Path) -> None:
        for name, rows in zip(names, outputs, strict=False):
            np.save(folder / name, rows.reshape(len(rows), -1))

    kept.add([photo.sha256 for photo in portion], write)


def read_answers(kept: Ledger, photographs: Stream, store: Store) -> tuple[Floats, Floats | None]:
    """Return the scores and logits of all photographs, ``(n, outputs)``, memory-mapped.

    Args:
        kept: Where all of them are.
        photographs: The set.
        store: Where there is room for files.
    """
    names = [photo.sha256 for photo in photographs.images.photos]
    tapped = (next(kept.runs(names)).folder / LOGITS).exists()
    logits = _gathered(kept, names, LOGITS, store) if tapped else None
    return _gathered(kept, names, SCORES, store), logits


def _gathered(kept: Ledger, names: Sequence[str], file: str, store: Store) -> Floats:
    """Return rows as one array on a file without a name, which is gone with the array."""
    with _scratch(store.root) as scratch:
        width = 0
        for rows in _rows(kept, names, file):
            width = rows.shape[1]
            scratch.write(np.ascontiguousarray(rows).data)
        scratch.flush()
        found: Floats = np.memmap(scratch, np.float32, mode="r", shape=(len(names), width))
    return found


def _rows(kept: Ledger, names: Sequence[str], file: str) -> Iterator[Floats]:
    for run in kept.runs(names):
        rows: Floats = np.load(run.folder / file, mmap_mode="r")
        yield rows[run.start : run.start + run.count]


def _scratch(root: Path) -> IO[bytes]:
    """Return a file without a name: in the store, which has room, where it may be written."""
    try:
        return tempfile.TemporaryFile(dir=root)
    except OSError:
        return tempfile.TemporaryFile()
