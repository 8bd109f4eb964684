"""Reads messages of Protocol Buffers without their schemas or any library.

Wire format: https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

from collections.abc import Iterator

_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5
_MOST_DIGITS = 10


def fields(message: memoryview, field_number: int) -> Iterator[memoryview]:
    """Yield the length-delimited values (messages and texts) of a field; see ``entries``."""
    for number, value in entries(message):
        if number == field_number and isinstance(value, memoryview):
            yield value


def numbers(message: memoryview, field_number: int) -> Iterator[int]:
    """Yield the varint values of a field; see ``entries``."""
    for number, value in entries(message):
        if number == field_number and isinstance(value, int):
            yield value


def entries(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield the number and value of each field; fields of fixed width are skipped.

    Raises:
        ValueError: The bytes are not a message.
        IndexError: The message is truncated.
    """
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            value, at = _varint(message, at)
            yield number, value
        elif kind == _BYTES:
            size, at = _varint(message, at)
            if at + size > len(message):
                raise ValueError("a field is longer than its message")
            yield number, message[at : at + size]
            at += size
        elif kind in {_EIGHT_BYTES, _FOUR_BYTES}:
            at += 8 if kind == _EIGHT_BYTES else 4
        else:
            raise ValueError(f"there is no kind {kind}")
    if at > len(message):
        raise ValueError("a field is longer than its message")


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """Return the varint (seven bits per byte) at an offset, and the offset after it."""
    value = 0
    for shift in range(_MOST_DIGITS):
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << (7 * shift)
        if byte < 0x80:  # noqa: PLR2004 - the highest bit is set if more bytes follow
            return value, at
    raise ValueError("a number has no end")
