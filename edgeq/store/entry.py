"""Entries of the store: a folder, the facts it was made from, and the sha256 of its files."""

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
    """The contents of ``entry.json``."""

    kind: str
    facts: dict[str, object]
    files: dict[str, str]


@dataclass(frozen=True)
class Entry:
    """A stored entry.

    Attributes:
        folder: Folder with its files.
        key: Address of the entry.
        facts: The facts it was made from.
        files: The sha256 of every file, by its name in the folder.
        made: Whether this call made it (False if it was read).
    """

    folder: Path
    key: str
    facts: Mapping[str, object]
    files: Mapping[str, str]
    made: bool


def key_of(kind: str, facts: Mapping[str, object]) -> str:
    """Return the address of what is made from some facts (plain JSON values)."""
    canonical = msgspec.json.encode([kind, facts], order="sorted")
    return sha256_bytes(canonical)[:32]


def read_entry(
    folder: Path, key: str, checked: dict[Path, tuple[Stamp, ...]]
) -> tuple[Entry | None, str | None]:
    """Return the entry in a folder, or what is damaged about it; neither if there is none.

    Args:
        folder: The folder ``KIND/KEY``.
        key: Address of the entry.
        checked: Stamps of files that have been hashed; files are hashed again if these change.

    Raises:
        StoreError: The entry can't be read.
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
    """Return the description in an entry's folder, or None if it is unreadable."""
    try:
        return structs.from_json(read_whole(folder / ENTRY_FILE), EntryFile)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def described(folder: Path, besides: Container[str]) -> list[tuple[str, Mapping[str, object]]]:
    """List key and facts of the entries in a kind's folder; see ``Store.described``."""
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
