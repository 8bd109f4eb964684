"""Reading and writing the small pictures next to a record, in files named by their hashes."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from edgeq.io.files import read_text, read_whole, sha256_bytes, sha256_file, write_bytes
from edgeq.record.structs import RunRecord
from edgeq.report.embedded_record import MOST_PAGE_BYTES

FOLDER = "pictures"
SUFFIX = ".webp"

_OWN = re.compile(r"[0-9a-f]{64}\.webp")
_EMBEDDED = re.compile(r'href="data:image/webp;base64,([A-Za-z0-9+/=]+)"')
_HASH = re.compile(r"[0-9a-f]{64}")
_MOST_BYTES = 40_000

Pictures = Mapping[str, bytes]
"""WebP files by their sha256."""


def named(record: RunRecord) -> tuple[str, ...]:
    """Return the hashes of the pictures that a record refers to, each once."""
    hashes = [picture.sha256 for model in record.models for picture in model.pictures]
    hashes += [sheet.sha256 for model in record.models for sheet in model.sheets]
    return tuple(dict.fromkeys(sha256 for sha256 in hashes if _HASH.fullmatch(sha256)))


def read(record: RunRecord, file: Path) -> dict[str, bytes]:
    """Return those of a record's pictures that still exist unchanged.

    Args:
        record: The record.
        file: The record's file, with the pictures next to it, or a page, which contains them.
    """
    known = named(record)
    if file.suffix == ".html":
        return {name: data for name, data in _in_page(file).items() if name in known}
    pictures = {}
    for name in known:
        with suppress(OSError):
            path = file.parent / FOLDER / f"{name}{SUFFIX}"
            data = read_whole(path, _MOST_BYTES)
            if is_webp(data) and sha256_bytes(data) == name:
                pictures[name] = data
    return pictures


def _in_page(file: Path) -> dict[str, bytes]:
    pictures = {}
    with suppress(OSError, UnicodeDecodeError):
        for text in _EMBEDDED.findall(read_text(file, MOST_PAGE_BYTES)):
            with suppress(ValueError):
                data = base64.b64decode(text, validate=True)
                if is_webp(data):
                    pictures[sha256_bytes(data)] = data
    return pictures


def write(pictures: Pictures, folder: Path) -> None:
    """Write pictures next to a record, and remove those of the previous record.

    Args:
        pictures: The pictures of the record.
        folder: The folder of the record's file.

    Raises:
        StoreError: The folder can't be written.
    """
    place = folder / FOLDER
    for name, data in pictures.items():
        path = place / f"{name}{SUFFIX}"
        if not path.is_file() or sha256_file(path) != sha256_bytes(data):
            write_bytes(path, data)
    if not place.is_dir():
        return
    for path in place.iterdir():
        if _OWN.fullmatch(path.name) and path.stem not in pictures:
            path.unlink(missing_ok=True)
    if not pictures:
        with suppress(OSError):
            place.rmdir()


def is_webp(data: bytes) -> bool:
    """Return whether bytes are a WebP file, and not something that a browser might run."""
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"
