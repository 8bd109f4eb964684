"""Reader of flatbuffer tables, and of where a model stores its data, that does not trust the file.

Every offset and length is checked against the file before it is followed, and decoded bytes are
counted, so that a damaged file costs one error and never unbounded work. The layout is that of
https://flatbuffers.dev/internals: a table starts with the signed distance to its vtable, a vtable
lists the positions of the fields, and offsets are unsigned and point forward.

A model's data lie inside its tables or after them: litert-quantizer, and every writer of models
over 2 GB, puts data after the tables and stores its location in ``offset`` and ``size``. A reader
that only looks at ``data`` finds no weights there.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from edgeq.errors import ModelError

_SLACK_BYTES = 1 << 16
_TIMES_READ = 4
_BUFFERS = 4  # field number in the schema's table Model
_DATA, _OFFSET, _SIZE = 0, 1, 2  # field numbers in the table Buffer
_RESERVED = 1
"""Greatest offset that is not a location: writers put 1 as a placeholder for a later value."""


def damaged(path: Path, problem: str) -> ModelError:
    """Return the error for a file whose content can't be a complete model."""
    return ModelError(
        f"is damaged or truncated: {problem}",
        where=path,
        remedy="Export or copy the model again",
    )


@dataclass
class Flatbuffer:
    """The bytes of one file, and how many of them may still be decoded.

    Attributes:
        path: The file, for errors.
        data: Content of the whole file.
        budget: Bytes that may still be decoded; a healthy file is read about once.
    """

    path: Path
    data: bytes
    budget: int = field(init=False)

    def __post_init__(self) -> None:
        self.budget = len(self.data) * _TIMES_READ + _SLACK_BYTES

    def check(self, position: int, size: int) -> None:
        """Raise if a range of bytes does not lie inside the file.

        Raises:
            ModelError: The range does not lie inside the file.
        """
        if position < 0 or size < 0 or position + size > len(self.data):
            raise damaged(
                self.path,
                f"it refers to {size} bytes at {position}, but has only {len(self.data)} bytes",
            )

    def spend(self, size: int) -> None:
        """Count decoded bytes.

        Raises:
            ModelError: The same bytes were decoded several times.
        """
        self.budget -= size
        if self.budget < 0:
            raise damaged(self.path, "it refers to the same bytes repeatedly")

    def number(self, position: int, code: str) -> int:
        """Return the integer of a ``struct`` type code at a position.

        Raises:
            ModelError: The position lies outside the file.
        """
        size = struct.calcsize(code)
        self.check(position, size)
        self.spend(size)
        return int(struct.unpack_from(f"<{code}", self.data, position)[0])

    def real(self, position: int) -> float:
        """Return the float32 at a position.

        Raises:
            ModelError: The position lies outside the file.
        """
        return float(struct.unpack("<f", struct.pack("<I", self.number(position, "I")))[0])

    def root(self) -> Table:
        """Return the root table.

        Raises:
            ModelError: The file contains no root table.
        """
        return self.table(self.number(0, "I"))

    def table(self, position: int) -> Table:
        """Return the table at a position after checking its vtable.

        Raises:
            ModelError: The table or its vtable lies outside the file.
        """
        vtable = position - self.number(position, "i")
        size = self.number(vtable, "H")
        table_size = self.number(vtable + 2, "H")
        self.check(vtable, max(size, 4))
        self.check(position, max(table_size, 4))
        return Table(self, position, vtable, size, table_size)


@dataclass(frozen=True)
class Table:
    """One table, whose fields are addressed by their number in the schema."""

    source: Flatbuffer
    position: int
    vtable: int
    vtable_size: int
    size: int

    def place(self, number: int, size: int = 4) -> int | None:
        """Return the position of a field; None if it is absent.

        Raises:
            ModelError: The field lies outside the table.
        """
        slot = 4 + 2 * number
        if slot + 2 > self.vtable_size:
            return None
        offset = self.source.number(self.vtable + slot, "H")
        if offset == 0:
            return None
        if offset + size > self.size:
            raise damaged(self.source.path, f"a field lies outside its table at {self.position}")
        return self.position + offset

    def integer(self, number: int, code: str) -> int:
        """Return an integer field of a ``struct`` type code; 0, the default, if it is absent."""
        place = self.place(number, struct.calcsize(code))
        return 0 if place is None else self.source.number(place, code)

    def target(self, number: int) -> int | None:
        """Return the position that an offset field points to; None if it is absent."""
        place = self.place(number)
        return None if place is None else place + self.source.number(place, "I")

    def table(self, number: int) -> Table | None:
        """Return the table that a field points to; None if it is absent."""
        target = self.target(number)
        return None if target is None else self.source.table(target)

    def vector(self, number: int, item_bytes: int) -> tuple[int, int]:
        """Return the position of a vector's first item and the count; ``(0, 0)`` if absent.

        Raises:
            ModelError: The vector does not lie inside the file.
        """
        target = self.target(number)
        if target is None:
            return 0, 0
        count = self.source.number(target, "I")
        self.source.check(target + 4, count * item_bytes)
        return target + 4, count

    def array(self, number: int, dtype: DTypeLike) -> NDArray[np.generic]:
        """Return a copy of a vector of numbers; empty if it is absent."""
        kind = np.dtype(dtype)
        start, count = self.vector(number, kind.itemsize)
        self.source.spend(count * kind.itemsize)
        return np.frombuffer(self.source.data, kind, count, start).copy()

    def integers(self, number: int) -> tuple[int, ...]:
        """Return a vector of int32; empty if it is absent."""
        return tuple(int(value) for value in self.array(number, "<i4"))

    def text(self, number: int) -> str:
        """Return a string, with bytes that are not UTF-8 replaced by a mark; ``""`` if absent."""
        return self.array(number, "u1").tobytes().decode("utf-8", errors="replace")

    def tables(self, number: int) -> tuple[Table, ...]:
        """Return a vector of tables; empty if it is absent."""
        start, _ = self.vector(number, 4)
        offsets = self.array(number, "<u4")
        return tuple(
            self.source.table(start + 4 * index + int(offset))
            for index, offset in enumerate(offsets)
        )


class Span(NamedTuple):
    """Where the data of one buffer lies in the file.

    Attributes:
        start: Offset of the first byte.
        size: Number of bytes; 0 if the buffer is empty.
    """

    start: int
    size: int


def spans(model: Table) -> tuple[Span, ...]:
    """Return where the buffers of a model store their data, in order.

    Raises:
        ModelError: Data lies outside the file, or two buffers overlap partially. Two buffers may
            share all their data, since some writers store equal data once.
    """
    placed = tuple(_span(buffer) for buffer in model.tables(_BUFFERS))
    for before, after in pairwise(sorted({span for span in placed if span.size})):
        if before.start + before.size > after.start:
            raise damaged(
                model.source.path,
                f"two of its buffers overlap: {before.size} bytes at {before.start} and "
                f"{after.size} at {after.start}",
            )
    return placed


def _span(buffer: Table) -> Span:
    if buffer.place(_DATA) is not None:  # the runtime then ignores the other fields
        return Span(*buffer.vector(_DATA, 1))
    offset, size = buffer.integer(_OFFSET, "Q"), buffer.integer(_SIZE, "Q")
    if offset <= _RESERVED:
        return Span(0, 0)
    buffer.source.check(offset, size)
    return Span(offset, size)


_OTHER_FORMATS = (
    (b"PK\x03\x04", "a zip archive, such as a .keras or .task file"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x89HDF", "HDF5, such as a Keras .h5 file"),
    (b"\x08\x01\x12", "the saved_model.pb of a SavedModel"),
    (b"\x93NUMPY", "an array of NumPy"),
    (b"<", "a web page"),
    (b"\x80", "a pickle"),
)
_ONNX = range(3, 20)
"""Versions of ONNX's format, the file's first number. See https://onnx.ai/onnx/repo-docs/IR.html"""
_TEXT_BYTES = 4096


def other_format(content: bytes) -> str | None:
    """Return which other format a file seems to have, None if it is none of those often met."""
    start = content[:_TEXT_BYTES].lstrip()
    for magic, name in _OTHER_FORMATS:
        if start.startswith(magic):
            return name
    if content[:1] == b"\x08" and content[2:3] in {b"\x12", b"\x1a", b":"} and content[1] in _ONNX:
        return "an ONNX model"
    return "a C array, as microcontrollers compile it" if b"unsigned char" in start else None
