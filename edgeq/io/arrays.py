"""Reads NumPy's files in a process with several threads.

NumPy parses the header of each array as Python source, which takes the lock of ``edgeq.io.syntax``.
"""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from edgeq.io.syntax import BUILDING


def map_array(path: Path) -> npt.NDArray[Any]:
    """Return the array of a ``.npy`` file as a read-only memory map.

    Raises:
        OSError: The file can't be read.
        ValueError: It is not a ``.npy`` file, or it contains Python objects.
    """
    with BUILDING:
        return np.lib.format.open_memmap(path, "r")


def read_arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of a ``.npz`` file by name, in memory.

    Raises:
        OSError: The file can't be read.
        ValueError: It is not a ``.npz`` file, or it contains Python objects.
    """
    with BUILDING, np.load(path, allow_pickle=False) as file:  # noqa: TID251 - the one place
        return dict(file)


def read_header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return shape and type of the array that starts here in ``.npy`` format.

    Raises:
        ValueError: No array starts here.
    """
    formats = np.lib.format
    with BUILDING:
        version = formats.read_magic(file)
        read = formats.read_array_header_1_0 if version == (1, 0) else formats.read_array_header_2_0
        shape, _, dtype = read(file)
    return shape, dtype
