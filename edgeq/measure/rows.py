"""Arrays of one row per image, taken some rows at a time: they may be larger than memory."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

AT_ONCE = 256
"""Rows: a million numbers where there are 1000 classes, which fit a processor's cache."""

Array = npt.NDArray[Any]


def by_rows(function: Callable[..., Array], *arrays: Array) -> Array:
    """Apply a row-wise function in chunks of rows; it must not look from one row to another.

    Args:
        function: Takes some rows of every array, returns as many.
        arrays: At least one, each of n rows, n at least 1.
    """
    parts = [function(*(array[rows] for array in arrays)) for rows in portions(*arrays)]
    return np.concatenate(parts)


def portions(*arrays: Array) -> Iterator[slice]:
    """Yield the slices that cover all rows, and release the arrays after each.

    Args:
        arrays: At least one, each of n rows.
    """
    for start in range(0, len(arrays[0]), AT_ONCE):
        yield slice(start, start + AT_ONCE)
        for array in arrays:
            release(array)


def release(array: Array) -> None:
    """Take a memory-mapped array's pages out of this process; they are read again when needed."""
    base: object = array
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        base.madvise(mmap.MADV_DONTNEED)
