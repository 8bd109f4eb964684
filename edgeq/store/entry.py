"""Entries of the store: a folder, what it was made from, and the sha256 of every file in it."""

from __future__ import annotations

import errno
from collections.abc import Container, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from edgeq.errors import StoreError
from edgeq.io import structs
from edgeq.io.files import Stamp, is_settled, read_whole, sha256_bytes, sha256_file, stamp_of

ENTRY_FILE = "entry.json"

_DAMAGE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EIO, errno.ELOOP})


class EntryFile(msgspec.Struct, frozen=True):
    """What ``entry.json`` holds."""

    kind: str
    facts: dict[str, object]
    files: dict[str, str]


@dataclass(frozen=True)
class Entry:
    """One stored thing.

    Attributes:
        folder: Where its files are.
        key: Its address.
        facts: What it was made from.
        files: The sha256 of every file, by its name in the folder.
        made: Whether this call made it (False when it was read).
    """

    folder: Path
    key: str
    facts: Mapping[str, object]
    files: Mapping[str, str]
    made: bool


def key_of(kind: str, facts: Mapping[str, object]) -> str:
    """Return the address of what is made from these facts (plain JSON values)."""
    canonical = msgspec.json.encode([kind, facts], order="sorted")
    return sha256_bytes(canonical)[:32]


def read_entry(
    folder: Path, key: str, checked: dict[Path, tuple[Stamp, ...]]
) -> tuple[Entry | None, str | None]:
    """Return the entry of a folder, or what is damaged about it; neither if there is none.

    Args:
        folder: ``KIND/KEY``.
        key: Its address.
        checked: The stamps of files that were hashed; they are hashed again when these change.

    Raises:
        StoreError: It can't be read.
    """
    try:
        entry = structs.from_json(read_whole(folder / ENTRY_FILE), EntryFile)
        stamps = tuple(stamp_of(folder / name) for name in entry.files)
        damaged = []
        if checked.get(folder) != stamps:
            checked.pop(folder, None)
            files = entry.files.items()
            damaged = [name for name, sha in files if sha256_file(folder / name) != sha]
            if not damaged and all(map(is_settled, stamps)):
                checked[folder] = stamps
    except OSError as error:
        if not folder.exists():
            return None, None
        if error.errno not in _DAMAGE:
            raise StoreError(
                f"can't be read: {error.strerror or error}",
                where=folder,
                remedy="Permit reading there, or set `store` in the spec to another folder",
            ) from error
        missing = error.errno == errno.ENOENT
        return None, "a file is missing" if missing else error.strerror
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return None, f"{ENTRY_FILE} is not a description: {error}"
    if key_of(entry.kind, entry.facts) != key:
        return None, f"{ENTRY_FILE} describes another entry"
    if damaged:
        return None, f"content differs from its sha256: {', '.join(damaged)}"
    return Entry(folder, key, entry.facts, entry.files, made=False), None


def description_in(folder: Path) -> EntryFile | None:
    """Return what an entry's folder says that it is, None if it says nothing readable."""
    try:
        return structs.from_json(read_whole(folder / ENTRY_FILE), EntryFile)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def described(folder: Path, besides: Container[str]) -> list[tuple[str, Mapping[str, object]]]:
    """Return key and facts of the entries below a kind's folder; see ``Store.described``."""
    entries_read: list[tuple[str, Mapping[str, object]]] = []
    for path in sorted(folder.glob(f"*/{ENTRY_FILE}")):
        key = path.parent.name
        if key in besides:
            continue
        entry = description_in(path.parent)
        if entry is None:
            continue
        if entry.kind == folder.name and key_of(folder.name, entry.facts) == key:
            entries_read.append((key, entry.facts))
    return entries_read
