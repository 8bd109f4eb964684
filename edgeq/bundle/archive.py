"""The package's manifest and its reproducible zip.

The zip is not compressed. Its bytes therefore do not depend on the version of a compression
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

SCHEMA = "edgeq.bundle/2"
READABLE = frozenset({"edgeq.bundle/1", SCHEMA})
"""Packages of the first schema have no attestation."""

MANIFEST = "manifest.json"
ATTESTATION = "attestation.json"
RESERVED = frozenset({"licenses", MANIFEST, ATTESTATION, "example.py"})

_EPOCH = (1980, 1, 1, 0, 0, 0)
_REGULAR_644 = 0o100644 << 16
_UNIX = 3


class FileEntry(msgspec.Struct, frozen=True):
    """A file of a package: its sha256 and size in bytes."""

    sha256: str
    bytes: int


class PackedVariant(msgspec.Struct, frozen=True, kw_only=True):
    """A variant in a package.

    Attributes:
        answer: Answer about the variant, or None in a package from before answers existed.
    """

    model: str
    variant: str
    folder: str
    answer: ShipDecision | None = None


class RefusedVariant(msgspec.Struct, frozen=True, kw_only=True):
    """A variant that is not in the package.

    Attributes:
        answer: Answer about the variant, or None in a package from before answers existed.
        reasons: Why it is not in the package, one sentence each.
    """

    model: str
    variant: str
    answer: ShipDecision | None = None
    reasons: tuple[str, ...]


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The contents of ``manifest.json``: every file but itself and the attestation, by path."""

    schema: str = SCHEMA
    edgeq: str
    variants: tuple[PackedVariant, ...]
    refused: tuple[RefusedVariant, ...] = ()
    files: dict[str, FileEntry]


def to_json(value: object) -> bytes:
    """Encode a struct or plain value as indented JSON with sorted keys."""
    encoded = msgspec.json.encode(value, order="sorted")
    return msgspec.json.format(encoded, indent=2) + b"\n"


def folder_name(name: str) -> str:
    """Return a folder name that is unique for each name and valid on every system.

    A plain name stays unchanged. In any other, unusual characters are replaced and the beginning
    of its sha256 is appended.
    """
    plain = re.sub(r"[^A-Za-z0-9._@+-]", "_", name).lstrip(".")[:80]
    if name and plain == name and plain.lower() not in RESERVED and not plain.endswith("."):
        return plain
    return f"{plain.rstrip('.')}-{sha256_bytes(name.encode())[:8]}"


def files_of(folder: Path) -> dict[str, FileEntry]:
    """Return the sha256 and size of every file in a folder, except for manifest and attestation.

    Raises:
        OSError: Something in it is neither a folder nor a regular file, or can't be read.
    """
    entries = {
        path.relative_to(folder).as_posix(): FileEntry(sha256_file(path), path.stat().st_size)
        for path in sorted(folder.rglob("*"))
        if not path.is_dir()
    }
    for name in (MANIFEST, ATTESTATION):
        entries.pop(name, None)
    return entries


def write_zip(folder: Path, target: Path) -> None:
    """Write a folder's files as a zip whose bytes depend only on their names and contents."""
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
    """Return whether a file is a zip that contains a manifest."""
    try:
        with opened(path) as file, zipfile.ZipFile(file) as archive:
            return MANIFEST in archive.namelist()
    except Exception:  # noqa: BLE001 - a damaged zip can raise any exception
        return False


def digest_stream(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> str:
    """Return the sha256 of a zip's entry, read in pieces."""
    digest = hashlib.sha256()
    with archive.open(info) as entry:
        while piece := entry.read(CHUNK_BYTES):
            digest.update(piece)
    return digest.hexdigest()
