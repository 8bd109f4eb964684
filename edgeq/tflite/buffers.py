"""Where a file stores the data of its buffers: inside its tables or after them.

litert-quantizer, and every writer of models over 2 GB, puts data after the tables and stores its
location in ``offset`` and ``size``. A reader that only looks at ``data`` finds no weights there.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

from edgeq.tflite.flatbuffer import Table, damaged

_BUFFERS = 4  # field number in the schema's table Model
_DATA, _OFFSET, _SIZE = 0, 1, 2  # field numbers in the table Buffer
_RESERVED = 1
"""Greatest offset that is not a location: writers put 1 as a placeholder for a later value."""


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

    Args:
        model: The root table.

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
