"""The client's side of frames: a length, a JSON header and the raw bytes of arrays.

The length of the header is a little-endian ``uint32``. The header is a JSON object whose ``blobs``
lists ``dtype`` and ``shape`` of each array. The arrays follow, little-endian and in C order. The
worker has its own copy of this code, because it is a single self-contained file.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq.io import structs

PROTOCOL = 6
MAX_HEADER_BYTES = 1 << 24
MAX_BLOB_BYTES = 1 << 36
MAX_BLOBS = 4096
USUAL_BYTES = 64_000_000
"""Size limit for the arrays of an answer unless more is expected."""
DTYPES = frozenset(
    ["bool", "float16", "float32", "float64"]
    + [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
)
_LENGTH = struct.Struct("<I")

AnyArray = npt.NDArray[Any]


class FrameError(ValueError):
    """The bytes are not a frame."""


@dataclass(frozen=True)
class Frame:
    """One message: a JSON object and arrays."""

    header: Mapping[str, Any]
    blobs: tuple[AnyArray, ...] = ()


class _Blob(msgspec.Struct, frozen=True):
    dtype: str
    shape: tuple[int, ...]

    def check(self) -> None:
        if self.dtype not in DTYPES or any(size < 0 for size in self.shape):
            raise FrameError(f"an array of {self.dtype} {self.shape}")
        if self.bytes > MAX_BLOB_BYTES:
            raise FrameError(f"an array of {self.bytes} bytes")

    @property
    def bytes(self) -> int:
        count = 1
        for size in self.shape:
            count *= size
        return count * np.dtype(self.dtype).itemsize


class _Header(msgspec.Struct, frozen=True):
    blobs: tuple[_Blob, ...]


def encode(frame: Frame) -> bytes:
    """Encode a frame.

    Raises:
        FrameError: An array's type can't be sent, or the header is too long.
    """
    for blob in frame.blobs:
        if blob.dtype.name not in DTYPES:
            raise FrameError(f"an array of {blob.dtype.name}")
    facts = [{"dtype": blob.dtype.name, "shape": list(blob.shape)} for blob in frame.blobs]
    header = json.dumps({**frame.header, "blobs": facts}, allow_nan=False).encode()
    if len(header) > MAX_HEADER_BYTES:
        raise FrameError(f"a header of {len(header)} bytes")
    little = [blob.astype(blob.dtype.newbyteorder("<"), copy=False) for blob in frame.blobs]
    return b"".join([_LENGTH.pack(len(header)), header, *(blob.tobytes() for blob in little)])


class Decoder:
    """Decodes frames from bytes that arrive in pieces of any size."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._head: tuple[dict[str, Any], Sequence[_Blob]] | None = None
        self.most = USUAL_BYTES

    def expect(self, most: int) -> None:
        """Set the size limit for the arrays of each following frame, in bytes."""
        self.most = most

    def feed(self, data: bytes) -> None:
        """Add received bytes."""
        self._data += data

    @property
    def pending(self) -> bool:
        """Whether part of an unfinished frame has arrived."""
        return bool(self._data)

    def next(self) -> Frame | None:
        """Return the next complete frame, or None if it has not arrived yet.

        The frame's arrays own their memory.

        Raises:
            FrameError: The bytes are not a frame; the decoder can't be used any more.
        """
        if len(self._data) < _LENGTH.size:
            return None
        size = _LENGTH.unpack_from(self._data)[0]
        if size > MAX_HEADER_BYTES:
            raise FrameError(f"a header of {size} bytes")
        start = _LENGTH.size + size
        if len(self._data) < start:
            return None
        if self._head is None:
            self._head = _parse(bytes(self._data[_LENGTH.size : start]))
        header, blobs = self._head
        bytes_of_all = sum(blob.bytes for blob in blobs)
        if bytes_of_all > self.most:
            raise FrameError(f"arrays of {bytes_of_all} bytes; at most {self.most} are expected")
        if len(self._data) < start + bytes_of_all:
            return None
        arrays = []
        for blob in blobs:
            kind = np.dtype(blob.dtype).newbyteorder("<")
            count = blob.bytes // kind.itemsize
            array = np.frombuffer(self._data, kind, count, start).reshape(blob.shape)
            arrays.append(array.astype(blob.dtype, copy=True))
            del array  # it refers to the buffer that is about to be cut
            start += blob.bytes
        del self._data[:start]
        self._head = None
        return Frame(header, tuple(arrays))


def _parse(text: bytes) -> tuple[dict[str, Any], Sequence[_Blob]]:
    try:
        header = json.loads(text)
        blobs = structs.converted(header, _Header).blobs
    except (ValueError, RecursionError, msgspec.ValidationError) as error:
        raise FrameError(f"an invalid header: {text[:40]!r}") from error
    if len(blobs) > MAX_BLOBS:
        raise FrameError(f"{len(blobs)} arrays")
    for blob in blobs:
        blob.check()
    del header["blobs"]
    return header, blobs
