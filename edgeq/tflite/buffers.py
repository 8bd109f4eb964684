"""Where a file stores the data of its buffers: inside its tables, or beside them.

litert-quantizer, and every writer of models over 2 GB, puts data behind the tables and names its
place in ``offset`` and ``size``. Who looks into ``data`` alone finds no weights there.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

from edgeq.tflite.flatbuffer import Table, damaged

_BUFFERS = 4  # number of the field in the schema's table Model
_DATA, _OFFSET, _SIZE = 0, 1, 2  # and those in its table Buffer
_RESERVED = 1
"""Writers put 1 where an offset will be filled in later; 0 and 1 are not places."""


class Span(NamedTuple):
    """Where the data of one buffer lies in the file.

    Attributes:
        start: Its first byte.
        size: Its number of bytes, 0 if the buffer is empty.
    """

    start: int
    size: int


def spans(model: Table) -> tuple[Span, ...]:
    """Return where the buffers of a model store their data, in their order.

    Args:
        model: The root table.

    Raises:
        ModelError: Data lies outside the file, or two buffers share a part of theirs. Two may
            share all of it: some writers store equal data once.
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
    if buffer.place(_DATA) is not None:  # then the runtime looks nowhere else
        return Span(*buffer.vector(_DATA, 1))
    offset, size = buffer.integer(_OFFSET, "Q"), buffer.integer(_SIZE, "Q")
    if offset <= _RESERVED:
        return Span(0, 0)
    buffer.source.check(offset, size)
    return Span(offset, size)
