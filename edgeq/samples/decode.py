"""Decodes a set of photographs once, into one array of pixels that everyone shares.

Only geometry happens here: resize and crop. Value range and channel order are left to
``edgeq.samples.preprocess``, so models that differ only in those share one array.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeq.config.structs import Preprocessing
from edgeq.io.arrays import map_array
from edgeq.samples.sets import ImageSet, Photo
from edgeq.store.content import Store

KIND = "pixels"
FILE = "pixels.npy"
AHEAD = 4 * (os.cpu_count() or 1)

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Pixels:
    """Decoded photographs in a file, or samples that are arrays.

    Attributes:
        path: A ``.npy`` file in C order: uint8, RGB; for arrays, float32.
        shape: ``(n, h, w, 3)``; for arrays ``(n, d)``, a row for all inputs of a sample.
        sha256: Address in the store, which covers photographs, geometry and decoder.
    """

    path: Path
    shape: tuple[int, ...]
    sha256: str

    def array(self) -> npt.NDArray[Any]:
        """Return the samples, memory-mapped and read-only."""
        samples: npt.NDArray[Any] = map_array(self.path)
        return samples


def decode(
    images: ImageSet,
    preprocessing: Preprocessing,
    size: tuple[int, int],
    store: Store,
    progress: Progress | None = None,
) -> Pixels:
    """Return the photographs' pixels at a model's input size, decoded unless the store has them.

    Of the preprocessing, resize, filter, crop and JPEG scaling are used; the size is height and
    width. ``progress`` is called in this thread with (done, total).

    Raises:
        ImageError: A photograph can't be used, or changed after the set was loaded.
        StoreError: The store can't be written.
    """
    shape = (len(images.photos), *size, 3)
    entry = store.get_or_make(
        KIND,
        _facts(images, preprocessing, size),
        lambda folder: write_pixels(folder / FILE, images.photos, preprocessing, shape, progress),
    )
    return Pixels(entry.folder / FILE, shape, entry.key)


def found_pixels(
    images: ImageSet, preprocessing: Preprocessing, size: tuple[int, int], store: Store
) -> Pixels | None:
    """Return the result of ``decode`` if the store has it, else None; nothing is decoded.

    Raises:
        StoreError: The store can't be read.
    """
    entry = store.find(KIND, _facts(images, preprocessing, size))
    shape = (len(images.photos), *size, 3)
    return None if entry is None else Pixels(entry.folder / FILE, shape, entry.key)


def pixel_facts_of(preprocessing: Preprocessing, size: tuple[int, int]) -> dict[str, object]:
    """Return what determines pixels besides the photograph, as plain JSON values."""
    return {"size": list(size), **_geometry(preprocessing), **decoder_facts()}


def _facts(
    images: ImageSet, preprocessing: Preprocessing, size: tuple[int, int]
) -> dict[str, object]:
    return {"photographs": images.content_sha256, **pixel_facts_of(preprocessing, size)}


def _geometry(preprocessing: Preprocessing) -> dict[str, object]:
    facts: dict[str, object] = {
        "resize": preprocessing.resize,
        "filter": preprocessing.filter,
        "jpeg_scaling": preprocessing.jpeg_scaling,
    }
    if preprocessing.resize == "centre_crop":
        facts["crop_fraction"] = preprocessing.crop_fraction
    return facts


def decoder_facts() -> dict[str, object]:
    """Return what determines a pixel's value besides the file."""
    import PIL
    from PIL import features

    return {
        "pillow": PIL.__version__,
        "jpeg": features.version("jpg"),
        "webp": features.version("webp"),
    }


def write_pixels(
    path: Path,
    photos: Sequence[Photo],
    preprocessing: Preprocessing,
    shape: tuple[int, int, int, int],
    progress: Progress | None,
) -> None:
    """Decode photographs in parallel into a ``.npy`` file.

    Memory use does not depend on the number of photographs. The array's shape is ``(n, h, w, 3)``.
    ``progress`` is called in this thread with (done, total).

    Raises:
        ImageError: A photograph can't be used, or changed after the set was loaded.
    """
    from edgeq.samples import apart

    def pixels(photo: Photo) -> bytes:
        return apart.decoded(photo, preprocessing, shape[1:3])

    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        # The threads only wait: each has a child that decodes and resizes.
        with apart.idle.kept(), ThreadPoolExecutor(os.cpu_count()) as pool:
            waiting: deque[Future[bytes]] = deque()
            for done, _ in enumerate(photos, 1):
                ahead = photos[done - 1 + len(waiting) : done - 1 + AHEAD]
                waiting.extend(pool.submit(pixels, photo) for photo in ahead)
                file.write(waiting.popleft().result())
                if progress is not None:
                    progress(done, len(photos))
