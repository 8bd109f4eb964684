"""Files attached to a ``.tflite`` model in a zip after the flatbuffer, usually labels."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from edgeq.errors import ModelError
from edgeq.words.escape import printable

MOST_BYTES = 4_000_000
"""Greatest size of an attached file. A million classes fit, and anything larger is not a label
file."""
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
"""Compression methods of metadata writers; others may take any amount of memory to unpack."""


def attached_bytes(data: bytes) -> int:
    """Return the size in bytes of the zip at the end of a model's file; 0 without a readable one.

    See https://ai.google.dev/edge/litert/models/metadata ("pack the associated files").
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            starts = [entry.header_offset for entry in archive.infolist()]
    except Exception:  # noqa: BLE001 (a damaged directory raises whatever it leads to)
        return 0
    start = min(starts, default=len(data))
    return len(data) - start if 0 < start < len(data) else 0


def attached_text(path: Path, data: bytes, name: str) -> str:
    """Return the text of a file that is attached to a model.

    Args:
        path: The model's file, for errors.
        data: Content of the model's file.
        name: Name of the attached file.

    Raises:
        ModelError: There is no such file, or it is damaged, too large, or not UTF-8.
    """
    shown = printable(name)
    try:
        content = _unpacked(data, name)
    except KeyError as error:
        raise ModelError(f"the file {shown!r} is not inside it", where=path) from error
    except Exception as error:  # a damaged zip raises whatever it leads to
        raise ModelError(f"the file {shown!r} inside it can't be read", where=path) from error
    if content is None:
        raise ModelError(f"the file {shown!r} inside it is packed unusually", where=path)
    if len(content) > MOST_BYTES:
        raise ModelError(f"the file {shown!r} inside it is too large", where=path)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ModelError(f"the file {shown!r} inside it is not UTF-8", where=path) from error


def _unpacked(data: bytes, name: str) -> bytes | None:
    """Return an attached file, cut one byte after ``MOST_BYTES``; None if packed unusually."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entry = archive.getinfo(name)
        if entry.compress_type not in _METHODS:
            return None
        with archive.open(entry) as file:
            return file.read(MOST_BYTES + 1)
