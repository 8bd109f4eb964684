"""The package's manifest and its reproducible zip.

The zip is written without compression: its bytes then depend on no version of a compression
library, models can be read in place, and nothing in it is larger than it looks.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import zipfile
from pathlib import Path

import msgspec

from edgeq.io.files import CHUNK_BYTES, opened, sha256_bytes, sha256_file
from edgeq.judge.verdict import ShipDecision

SCHEMA = "edgeq.bundle/1"
MANIFEST = "manifest.json"
RESERVED = frozenset({"licenses", "manifest.json", "example.py"})

_EPOCH = (1980, 1, 1, 0, 0, 0)
_REGULAR_644 = 0o100644 << 16
_UNIX = 3


class FileEntry(msgspec.Struct, frozen=True):
    """One file of a package: its sha256 and size in bytes."""

    sha256: str
    bytes: int


class PackedVariant(msgspec.Struct, frozen=True, kw_only=True):
    """A variant in a package.

    Attributes:
        model: Name of its model.
        variant: Its name.
        folder: The folder in the package that it is in.
        answer: The answer about it; None in a package of before there were answers.
    """

    model: str
    variant: str
    folder: str
    answer: ShipDecision | None = None


class RefusedVariant(msgspec.Struct, frozen=True, kw_only=True):
    """A variant that is not in the package.

    Attributes:
        model: Name of its model.
        variant: Its name.
        answer: The answer about it; None in a package of before there were answers.
        reasons: Why, one sentence each.
    """

    model: str
    variant: str
    answer: ShipDecision | None = None
    reasons: tuple[str, ...]


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What ``manifest.json`` holds: every other file of the package, by relative posix path."""

    schema: str = SCHEMA
    edgeq: str
    variants: tuple[PackedVariant, ...]
    refused: tuple[RefusedVariant, ...] = ()
    files: dict[str, FileEntry]


def to_json(value: object) -> bytes:
    """Return a struct or plain value as indented JSON with sorted keys."""
    encoded = msgspec.json.encode(value, order="sorted")
    return msgspec.json.format(encoded, indent=2) + b"\n"


def folder_name(name: str) -> str:
    """Return a name that is safe as a folder on every system and different for every name.

    A plain name stays as it is; any other has its unusual characters replaced and the beginning
    of its sha256 appended.
    """
    plain = re.sub(r"[^A-Za-z0-9._@+-]", "_", name).lstrip(".")[:80]
    if name and plain == name and plain.lower() not in RESERVED and not plain.endswith("."):
        return plain
    return f"{plain.rstrip('.')}-{sha256_bytes(name.encode())[:8]}"


def files_of(folder: Path) -> dict[str, FileEntry]:
    """Return every file below a folder with its sha256 and bytes, without the manifest.

    Raises:
        OSError: Something below it is neither a folder nor a regular file, or can't be read.
    """
    entries = {
        path.relative_to(folder).as_posix(): FileEntry(sha256_file(path), path.stat().st_size)
        for path in sorted(folder.rglob("*"))
        if not path.is_dir()
    }
    entries.pop(MANIFEST, None)
    return entries


def write_zip(folder: Path, target: Path) -> None:
    """Write a folder's files as a zip whose bytes depend on their names and content alone."""
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name in names:
            path = folder / name
            info = zipfile.ZipInfo(name, _EPOCH)
            info.create_system = _UNIX
            info.external_attr = _REGULAR_644
            info.file_size = path.stat().st_size
            with path.open("rb") as source, archive.open(info, "w") as entry:
                shutil.copyfileobj(source, entry, CHUNK_BYTES)


def is_package(path: Path) -> bool:
    """Return whether a file is a zip with a manifest in it."""
    try:
        with opened(path) as file, zipfile.ZipFile(file) as archive:
            return MANIFEST in archive.namelist()
    except Exception:  # noqa: BLE001 - a damaged one raises whatever its bytes make of it
        return False


def digest_stream(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> str:
    """Return the sha256 of a zip's entry, read piece by piece."""
    digest = hashlib.sha256()
    with archive.open(info) as entry:
        while piece := entry.read(CHUNK_BYTES):
            digest.update(piece)
    return digest.hexdigest()
