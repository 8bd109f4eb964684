"""The names of a SavedModel's signatures, read without TensorFlow.

``saved_model.pb`` is a message ``SavedModel`` of Protocol Buffers: field 2 holds meta graphs, whose
field 5 maps names to signatures (tensorflow/core/protobuf/saved_model.proto, meta_graph.proto).
What it holds beside them is passed over by its length, so the graph itself is never looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from edgeq.errors import ModelError
from edgeq.registry import suggestion

FILE = "saved_model.pb"
SERVING = "serving_default"
_META_GRAPHS, _SIGNATURES, _KEY = 2, 5, 1
_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5
_HIDDEN = "__saved_model_"
"""Begins the names of what TensorFlow itself runs when it loads a model."""
_MOST_DIGITS = 10


def signatures_of(folder: Path) -> tuple[str, ...] | None:
    """Return the names of a SavedModel's signatures, None if the file can't be understood.

    Args:
        folder: The SavedModel.

    Raises:
        ModelError: The file can't be read.
    """
    try:
        content = (folder / FILE).read_bytes()
    except OSError as error:
        raise ModelError(f"can't be read: {error.strerror}", where=folder / FILE) from error
    try:
        graphs = list(_fields(memoryview(content), _META_GRAPHS))
        names = [
            bytes(key).decode()
            for graph in graphs
            for entry in _fields(graph, _SIGNATURES)
            for key in _fields(entry, _KEY)
        ]
    except (ValueError, IndexError):
        graphs, names = [], []
    if not graphs:
        return None  # TensorFlow says what is wrong with it
    return tuple(sorted({name for name in names if not name.startswith(_HIDDEN)}))


def chosen_signature(folder: Path, wanted: str | None) -> str | None:
    """Return the signature of a SavedModel that is validated, None to leave it to TensorFlow.

    Args:
        folder: The SavedModel.
        wanted: The name in the spec; without one it is ``serving_default``, or the only one.

    Raises:
        ModelError: There is no such signature; the names that there are follow.
    """
    names = signatures_of(folder)
    if names is None:
        return wanted
    if wanted is not None:
        if wanted not in names:
            raise ModelError(
                f"has no signature {wanted!r}",
                where=folder,
                remedy=suggestion(wanted, names) if names else "It has none",
            )
        return wanted
    if SERVING in names or len(names) == 1:
        return SERVING if SERVING in names else names[0]
    shown = ", ".join(map(repr, names)) or "none"
    raise ModelError(
        f"has no signature {SERVING!r}; it has: {shown}",
        where=folder,
        remedy="Name the one to validate with `signature` in the model's table"
        if names
        else "Save it with model.export(FOLDER), which writes that signature",
    )


def _fields(message: memoryview, wanted: int) -> Iterator[memoryview]:
    """Yield the fields of a number that hold bytes: messages and texts.

    Raises:
        ValueError: The bytes are no message.
        IndexError: It ends before its end.
    """
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            _, at = _varint(message, at)
        elif kind == _BYTES:
            size, at = _varint(message, at)
            if at + size > len(message):
                raise ValueError("a field is longer than its message")
            if number == wanted:
                yield message[at : at + size]
            at += size
        elif kind in {_EIGHT_BYTES, _FOUR_BYTES}:
            at += 8 if kind == _EIGHT_BYTES else 4
        else:
            raise ValueError(f"there is no kind {kind}")
    if at > len(message):
        raise ValueError("a field is longer than its message")


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """Return the number at a place, seven bits a byte, and the place behind it."""
    value = 0
    for shift in range(_MOST_DIGITS):
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << (7 * shift)
        if byte < 0x80:  # noqa: PLR2004 - the highest bit says that more follow
            return value, at
    raise ValueError("a number has no end")
