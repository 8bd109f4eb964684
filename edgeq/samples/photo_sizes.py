"""Width and height of the photographs of a set, which boxes in pixels refer to."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq.samples.sets import ImageSet
from edgeq.store.cached import keep
from edgeq.store.content import Store


class _Sizes(msgspec.Struct, frozen=True):
    """Width and height of each photograph, in the set's order."""

    sides: tuple[tuple[int, int], ...]


def photo_sizes(images: ImageSet, store: Store) -> npt.NDArray[np.int64]:
    """Return width and height of each photograph in pixels, upright, shape ``(n, 2)``.

    Raises:
        ImageError: A photograph can't be used, or changed after the set was loaded.
        StoreError: The store can't be written.
    """
    from edgeq.samples import apart

    def make() -> _Sizes:
        with apart.idle.kept(), ThreadPoolExecutor(os.cpu_count()) as pool:
            return _Sizes(tuple(pool.map(apart.measured, images.photos)))

    sizes = keep(store, "photo_sizes", {"photographs": images.content_sha256}, make, _Sizes)
    return np.array(sizes.sides, np.int64).reshape(-1, 2)
