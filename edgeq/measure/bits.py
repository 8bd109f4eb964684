"""One flag per image of a set, packed into short text."""

from __future__ import annotations

import base64
import binascii

import numpy as np
import numpy.typing as npt

Booleans = npt.NDArray[np.bool_]

_BITS = 8


def pack(flags: Booleans) -> str:
    """Return flags of shape (n,) as base64, eight per byte, the first in the highest bit."""
    return base64.b64encode(np.packbits(flags).tobytes()).decode()


def unpack(text: str, count: int) -> Booleans:
    """Return the flags that ``pack`` encoded, shape (count,).

    Args:
        text: What ``pack`` returned.
        count: The number of flags, which the text does not contain.

    Raises:
        ValueError: The text does not encode this many flags.
    """
    try:
        content = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from error
    if len(content) != -(-count // _BITS):
        raise ValueError(f"{len(content)} bytes do not hold {count} flags")
    return np.unpackbits(np.frombuffer(content, np.uint8), count=count).astype(np.bool_)
