"""Gives a set's samples in portions, so that a set may be of any size.

Photographs are decoded on demand; arrays are read from the store.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq.config.structs import Preprocessing
from edgeq.io.arrays import map_array
from edgeq.samples.arrays import KIND as ARRAYS
from edgeq.samples.arrays import ArrayFile, row_of
from edgeq.samples.decode import FILE, Pixels, Progress, pixel_facts_of, write_pixels
from edgeq.samples.sets import ImageSet, Photo
from edgeq.store.content import Store, key_of
from edgeq.store.rows import Ledger

KIND = "pixels"
PORTION = 64
"""Photographs decoded, run and stored together: at most 10 MB of pixels, about a second's work."""

_SHARES = 4
"""The number of portions is a multiple of this, so that as many workers share them evenly."""


def portion_size(count: int) -> int:
    """Return the number of photographs per portion; a small set is one portion."""
    portions = _SHARES * math.ceil(count / (_SHARES * PORTION))
    return PORTION if count <= PORTION else math.ceil(count / portions)


@dataclass(frozen=True)
class Piece:
    """Photographs that are consecutive both in a set and in a file of pixels.

    ``start`` is the index of the first one in the file.
    """

    pixels: Pixels
    start: int
    count: int

    def array(self) -> npt.NDArray[Any]:
        """Return their pixels, or their rows of arrays, memory-mapped and read-only."""
        return self.pixels.array()[self.start : self.start + self.count]


class Stream:
    """A set's photographs at a model's input size, each decoded once, on demand.

    Of the preprocessing, resize, filter, crop and JPEG scaling are used; the size is height and
    width. ``progress`` is called in this thread with (done, total) of the set.
    """

    def __init__(
        self,
        images: ImageSet,
        preprocessing: Preprocessing,
        size: tuple[int, int],
        store: Store,
        progress: Progress | None = None,
    ) -> None:
        self.images = images
        self.shape: tuple[int, ...] = (len(images.photos), *size, 3)
        self.portion = portion_size(len(images.photos))
        self._preprocessing, self._size = preprocessing, size
        self._progress = progress
        self._places = {photo.sha256: at for at, photo in enumerate(images.photos)}
        self._ledger = Ledger(store, KIND, pixel_facts_of(preprocessing, size))

    @property
    def source(self) -> str:
        """Hash of everything that determines pixels besides the photograph."""
        return self._ledger.address

    def pieces(self, photos: Sequence[Photo]) -> Iterator[Piece]:
        """Yield photographs of the set in order, portion by portion.

        Raises:
            ImageError: A photograph can't be used, or changed after the set was loaded.
            StoreError: The store can't be written.
        """
        for start in range(0, len(photos), self.portion):
            portion = photos[start : start + self.portion]
            names = [photo.sha256 for photo in portion]
            self._decode(self._ledger.missing(names))
            for run in self._ledger.runs(names):
                path = run.folder / FILE
                pixels = Pixels(path, (_count(path), *self.shape[1:]), run.folder.name)
                yield Piece(pixels, run.start, run.count)

    def has_decoded(self, photos: Sequence[Photo]) -> bool:
        """Return whether these photographs of the set are decoded already."""
        return not self._ledger.missing([photo.sha256 for photo in photos])

    def decode_all(self) -> None:
        """Decode every photograph that has not been decoded yet.

        Raises:
            ImageError: A photograph can't be used, or changed after the set was loaded.
            StoreError: The store can't be written.
        """
        for _ in self.pieces(self.images.photos):
            pass

    def every(self, step: int) -> npt.NDArray[Any]:
        """Return the pixels of every ``step``-th photograph, shape ``(m, h, w, 3)``, in memory.

        All photographs are decoded along the way, in the order in which they run later.
        """
        arrays: list[npt.NDArray[Any]] = []
        first = 0
        for piece in self.pieces(self.images.photos):
            arrays.append(np.array(piece.array()[-first % step :: step]))
            first += piece.count
        return np.concatenate(arrays)

    def first(self, count: int) -> npt.NDArray[Any]:
        """Return the first photographs' pixels, shape ``(count, h, w, 3)``; fewer for a small set.

        Whole portions are decoded, because all of their photographs run later.
        """
        pieces = self.pieces(self.images.photos[: max(count, self.portion)])
        arrays = [piece.array() for piece in pieces]
        return np.concatenate(arrays)[:count]

    def _decode(self, missing: Sequence[str]) -> None:
        if not missing:
            return
        photos = [self.images.photos[self._places[row]] for row in missing]
        done = self._places[missing[0]]

        def report(count: int, _: int) -> None:
            if self._progress is not None:
                self._progress(min(done + count, self.shape[0]), self.shape[0])

        shape = (len(photos), *self._size, 3)
        self._ledger.add(
            missing,
            lambda folder: write_pixels(folder / FILE, photos, self._preprocessing, shape, report),
        )


class ArrayStream(Stream):
    """A set of arrays, whose samples are rows of a file in the store.

    The file has the inputs in the order of the model that it is for.
    """

    def __init__(self, images: ImageSet, file: ArrayFile) -> None:
        self.images = images
        self.shape = (len(images.photos), file.shape[1])
        self.portion = portion_size(len(images.photos))
        self._file = file

    @property
    def source(self) -> str:
        """Hash of everything that determines a sample's input besides its row: the layout."""
        return key_of(ARRAYS, {"fields": msgspec.to_builtins(self._file.fields)})

    def pieces(self, photos: Sequence[Photo]) -> Iterator[Piece]:
        """Yield samples of the set in order, each piece from consecutive rows."""
        pixels = Pixels(self._file.path, self._file.shape, self._file.sha256)
        rows = [row_of(photo.name) for photo in photos]
        for _, run in groupby(enumerate(rows), lambda pair: pair[1] - pair[0]):
            _, several = zip(*run, strict=True)
            yield Piece(pixels, several[0], len(several))


@lru_cache(maxsize=4096)
def _count(path: Path) -> int:
    """Return the number of photographs in a file of pixels, which never changes."""
    return int(map_array(path).shape[0])


def gathered(images: ImageSet, store: Store) -> Pixels:
    """Return the rows of a set of arrays as one file that has no others.

    Raises:
        StoreError: The store can't be written.
    """
    file = images.arrays
    if file is None:
        raise TypeError(f"the samples of {images.source} are photographs")
    stream = ArrayStream(images, file)
    pieces = list(stream.pieces(images.photos))
    whole = pieces[0].pixels
    if len(pieces) == 1 and pieces[0].count == whole.shape[0]:
        return whole

    def make(folder: Path) -> None:
        rows = np.lib.format.open_memmap(folder / FILE, "w+", np.float32, stream.shape)
        first = 0
        for piece in pieces:
            rows[first : first + piece.count] = piece.array()
            first += piece.count
        rows.flush()

    facts = {"rows": whole.sha256, "samples": images.content_sha256}
    entry = store.get_or_make(ARRAYS, facts, make)
    return Pixels(entry.folder / FILE, stream.shape, entry.key)
