"""Arrays with one row per image: read in chunks if larger than memory, or packed into text."""

from __future__ import annotations

import base64
import binascii
import mmap
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

AT_ONCE = 256
"""Rows per chunk: with 1000 classes, a quarter of a million numbers, which fit in a CPU's cache."""

Array = npt.NDArray[Any]
Booleans = npt.NDArray[np.bool_]


def by_rows(function: Callable[..., Array], *arrays: Array) -> Array:
    """Apply a function that treats each row independently, in chunks of rows."""
    parts = [function(*(array[rows] for array in arrays)) for rows in portions(*arrays)]
    return np.concatenate(parts)


def portions(*arrays: Array) -> Iterator[slice]:
    """Yield the slices that cover all rows, and release the arrays after each."""
    for start in range(0, len(arrays[0]), AT_ONCE):
        yield slice(start, start + AT_ONCE)
        for array in arrays:
            release(array)


def release(array: Array) -> None:
    """Drop a memory-mapped array's pages from this process; they are read again when needed."""
    base: object = array
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        base.madvise(mmap.MADV_DONTNEED)


def pack(flags: Booleans) -> str:
    """Return flags of shape (n,) as base64, eight per byte, the first in the highest bit."""
    return base64.b64encode(np.packbits(flags).tobytes()).decode()


def unpack(text: str, count: int) -> Booleans:
    """Return the flags that ``pack`` encoded, shape (count,).

    Raises:
        ValueError: The text does not encode this many flags.
    """
    try:
        content = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from error
    if len(content) != -(-count // 8):
        raise ValueError(f"{len(content)} bytes do not hold {count} flags")
    return np.unpackbits(np.frombuffer(content, np.uint8), count=count).astype(np.bool_)
