"""Checks that a package contains exactly what its manifest says.

This detects damage and omissions. It does not prove origin: whoever changes a file can change the
manifest and an unsigned attestation too. For that, verify the attestation's signature with a key
that you trust, or compare the zip's own sha256 with one from a source that you trust.
"""

from __future__ import annotations

import os
import re
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path, PurePosixPath

import msgspec

from edgeq.bundle import archive, attestation
from edgeq.bundle.archive import ATTESTATION, MANIFEST, FileEntry, Manifest
from edgeq.bundle.attestation import Result
from edgeq.errors import BundleError, reason_of
from edgeq.io import structs
from edgeq.io.files import is_portable, opened, read_whole, sha256_bytes
from edgeq.judge.verdict import ShipDecision
from edgeq.words import names
from edgeq.words.escape import printable

_MANIFEST_MAX_BYTES = 16_000_000
_MAX_SHOWN = 10
_PART = re.compile(r"[A-Za-z0-9._@+-]{1,200}")
_SIGN, _LOCAL = b"PK\3\4", struct.Struct("<4s2xHH4xIIIHH")
_SIZES_ELSEWHERE = (0xFFFFFFFF, 0xFFFFFFFF)
"""Sizes in a header if the real ones need more than 32 bits."""
_CENTRAL_BYTES = 46
_MAX_END_BYTES = 22 + 56 + 20
"""Maximum size of the end of the directory, including what a zip of more than 4 GB adds."""
_SYMLINK, _FORMAT = 0o120000, 0o170000


@dataclass(frozen=True)
class Checked:
    """A package that contains what its manifest says.

    Attributes:
        variants: Answer about each variant in it, by ``model/variant``; None in a package from
            before answers existed.
        files: Number of files, including the manifest and the attestation.
        bytes: Size of all files that the manifest lists.
        attested: What the attestation says; None in a package from before attestations existed.
    """

    path: Path
    variants: dict[str, ShipDecision | None]
    files: int
    bytes: int
    attested: Attested | None = None


@dataclass(frozen=True)
class Attested:
    """An attestation that is about exactly the files of its package.

    Attributes:
        result: What the gate said of the packed variants.
        signed_by: Ids of the keys that it is signed with, by its own account.
        verified: Id of the key whose signature was verified; empty if no key was given.
    """

    result: Result
    signed_by: tuple[str, ...]
    verified: str = ""


@dataclass(frozen=True)
class _Contents:
    """Contents of a package: two files in full, and the hashes of the others."""

    manifest: bytes
    attestation: bytes | None
    files: Mapping[str, FileEntry]


def check(path: Path, key: Path | None = None) -> Checked:
    """Verify a package (folder or zip) against its own manifest and attestation.

    Args:
        path: The package.
        key: The public key that its attestation must be signed with; None verifies no signature.

    Raises:
        BundleError: The package can't be read or is not one; a file is missing, changed or extra;
            a name points outside the package; a zip declares more than it can hold; the attestation
            is damaged or about other files, or not signed with the key.
        MissingExtraError: A signature is to be verified, and cryptography is not installed.
    """
    try:
        contents = _read_folder(path) if path.is_dir() else _read_zip(path)
        manifest, files = _manifest(contents.manifest, path), contents.files
    except FileNotFoundError:
        raise BundleError("no such package", where=path) from None
    except BundleError:
        raise
    except Exception as error:  # a damaged zip can raise any exception
        raise BundleError(
            f"can't be read: {reason_of(error)}", where=path, remedy=_REMEDY
        ) from error
    problems = _compare(manifest.files, files)
    if contents.attestation is None and manifest.schema == archive.SCHEMA:
        problems.append(f"missing: {ATTESTATION}")
    if problems:
        rest = f"; and {len(problems) - _MAX_SHOWN} more" if len(problems) > _MAX_SHOWN else ""
        raise BundleError("; ".join(problems[:_MAX_SHOWN]) + rest, where=path, remedy=_REMEDY)
    return Checked(
        path,
        {f"{variant.model}/{variant.variant}": variant.answer for variant in manifest.variants},
        len(files) + 1 + (contents.attestation is not None),
        sum(entry.bytes for entry in files.values()),
        _attested(contents, key, path),
    )


def _attested(contents: _Contents, key: Path | None, path: Path) -> Attested | None:
    """Return what an attestation says, once it is about the package's files."""
    if contents.attestation is None:
        if key is not None:
            raise BundleError("has no attestation", where=path, remedy=_REMEDY)
        return None
    try:
        envelope, statement = attestation.read_envelope(contents.attestation)
    except (ValueError, msgspec.MsgspecError) as error:
        raise BundleError(f"{ATTESTATION} can't be read: {error}", where=path) from error
    manifest = FileEntry(sha256_bytes(contents.manifest), len(contents.manifest))
    others = attestation.differences(statement, {**contents.files, MANIFEST: manifest})
    if others:
        raise BundleError(
            f"{ATTESTATION} is about other files: {names(others)}", where=path, remedy=_REMEDY
        )
    signers = tuple(printable(signature.keyid) for signature in envelope.signatures)
    verified = "" if key is None else attestation.verify(envelope, key, path)
    return Attested(statement.predicate.result, signers, verified)


_REMEDY = "Get the package again, or rebuild it with `edgeq bundle`"


def _compare(listed: Mapping[str, FileEntry], present: Mapping[str, FileEntry]) -> list[str]:
    problems = [f"missing: {name}" for name in listed if name not in present]
    problems += [
        f"changed: {name} ({present[name].bytes} bytes, sha256 {present[name].sha256[:12]}; the "
        f"manifest says {entry.bytes}, {entry.sha256[:12]})"
        for name, entry in listed.items()
        if name in present and present[name] != entry
    ]
    return problems + [f"not in the manifest: {name}" for name in present if name not in listed]


def _read_folder(path: Path) -> _Contents:
    file = path / MANIFEST
    if not file.is_file():
        raise _no_package(path)
    for item in path.rglob("*"):
        name = item.relative_to(path).as_posix()
        if item.is_symlink():
            raise BundleError(f"symbolic link: {name}", where=path, remedy=_REMEDY)
        if not (item.is_dir() or item.is_file()):
            raise BundleError(f"not a regular file: {name}", where=path, remedy=_REMEDY)
    if file.stat().st_size > _MANIFEST_MAX_BYTES:
        raise _no_package(path)
    attested = path / ATTESTATION
    return _Contents(
        read_whole(file, _MANIFEST_MAX_BYTES),
        read_whole(attested, _MANIFEST_MAX_BYTES) if attested.is_file() else None,
        archive.files_of(path),
    )


def _read_zip(path: Path) -> _Contents:
    with opened(path) as file, zipfile.ZipFile(file) as packed:
        entries = packed.infolist()
        _require_honest(path, entries)
        _require_gapless(path, file, packed)
        by_name = {entry.filename: entry for entry in entries}
        if MANIFEST not in by_name or by_name[MANIFEST].file_size > _MANIFEST_MAX_BYTES:
            raise _no_package(path)
        attested = by_name.get(ATTESTATION)
        if attested is not None and attested.file_size > _MANIFEST_MAX_BYTES:
            raise BundleError(f"{ATTESTATION} is too large", where=path, remedy=_REMEDY)
        return _Contents(
            packed.read(by_name[MANIFEST]),
            None if attested is None else packed.read(attested),
            {
                name: FileEntry(archive.digest_stream(packed, entry), entry.file_size)
                for name, entry in by_name.items()
                if name not in {MANIFEST, ATTESTATION}
            },
        )


def _require_honest(path: Path, entries: list[zipfile.ZipInfo]) -> None:
    """Refuse names and sizes that edgeq never writes, before any content is read."""
    seen: set[str] = set()
    folders = {
        parent.as_posix().casefold()
        for entry in entries
        for parent in PurePosixPath(entry.filename).parents
    }
    for entry in entries:
        name = entry.filename.casefold()
        if name in seen:
            reason: str | None = "appears twice if case is ignored"
        elif name in folders:
            reason = "is also a folder"
        else:
            reason = _unlike_ours(entry)
        if reason:
            raise BundleError(f"{entry.filename!r} {reason}", where=path, remedy=_REMEDY)
        seen.add(name)
    declared = sum(entry.file_size for entry in entries)
    if declared > path.stat().st_size:
        raise BundleError(
            f"declares {declared} bytes of content in a file of {path.stat().st_size}",
            where=path,
            remedy=_REMEDY,
        )


def _unlike_ours(entry: zipfile.ZipInfo) -> str | None:
    """Return why edgeq can't have written an entry of a zip, or None if it can."""
    if entry.is_dir():
        return "is an entry for a folder"
    if entry.external_attr >> 16 & _FORMAT == _SYMLINK:
        return "is a symbolic link"
    if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size:
        return f"is compressed ({entry.compress_size} bytes stand for {entry.file_size})"
    return _unsafe(entry.filename)


def _require_gapless(path: Path, file: BufferedReader, packed: zipfile.ZipFile) -> None:
    """Refuse bytes that belong to no file, and files that two readers could read differently.

    A zip may hold anything before, between and after its entries, for example a script.
    """
    end = 0
    for entry in sorted(packed.infolist(), key=lambda info: info.header_offset):
        file.seek(entry.header_offset)
        head = file.read(_LOCAL.size)
        if entry.header_offset != end or len(head) < _LOCAL.size:
            raise BundleError(
                f"holds bytes that belong to no file, before {entry.filename!r}",
                where=path,
                remedy=_REMEDY,
            )
        *leading, packed_size, size, name_length, extra_length = _LOCAL.unpack(head)
        sizes, same = (packed_size, size), (entry.compress_size, entry.file_size)
        known = [_SIGN, entry.flag_bits, zipfile.ZIP_STORED, entry.CRC]
        if leading != known or sizes not in (same, _SIZES_ELSEWHERE):
            raise BundleError(
                f"contradicts itself about {entry.filename!r}", where=path, remedy=_REMEDY
            )
        end = entry.header_offset + _LOCAL.size + name_length + extra_length + entry.file_size
    directory = sum(
        _CENTRAL_BYTES + len(entry.orig_filename.encode()) + len(entry.extra)
        for entry in packed.infolist()
    )
    most = end + directory + _MAX_END_BYTES
    if end != packed.start_dir or packed.comment or file.seek(0, os.SEEK_END) > most:
        raise BundleError(
            "holds bytes that belong to no file, at its end", where=path, remedy=_REMEDY
        )


def _unsafe(name: str) -> str | None:
    """Return why a file's name is not allowed in a package, or None if it is."""
    parts = [part for part in name.split("/") if part not in {"", ".", ".."}]
    if not parts or not all(map(_PART.fullmatch, parts)):
        return "is not a plain relative name"
    if not all(map(is_portable, parts)):
        return "is not a valid name on every system"
    if name.startswith("/") or ".." in PurePosixPath(name).parts:
        return "points outside the package"
    if PurePosixPath(name).as_posix() != name:
        return "is not a plain relative name"
    return None


def _manifest(data: bytes, path: Path) -> Manifest:
    try:
        manifest = structs.from_json(data, Manifest)
    except msgspec.MsgspecError as error:
        raise BundleError(f"{MANIFEST} can't be read: {error}", where=path) from error
    if manifest.schema not in archive.READABLE:
        raise BundleError(
            f"schema {manifest.schema!r} is not one this version of edgeq reads "
            f"({names(sorted(archive.READABLE))})",
            where=path,
            remedy="Check it with the version of edgeq that made it",
        )
    for variant in manifest.variants:
        for name in (variant.model, variant.variant):
            if not name or printable(name) != name:
                raise BundleError(
                    f"{MANIFEST} names a variant {name!r}, which edgeq never writes", where=path
                )
    for name in manifest.files:
        if reason := _unsafe(name):
            raise BundleError(f"{MANIFEST} lists {name!r}, which {reason}", where=path)
    return manifest


def _no_package(path: Path) -> BundleError:
    return BundleError(f"is not an edgeq package: it has no {MANIFEST}", where=path, remedy=_REMEDY)
