"""The store: everything that is made is addressed by what it was made from.

An entry is a folder ``KIND/KEY`` with the files that were made and ``entry.json``, which holds
the key's facts and the sha256 of every file. It appears by a single rename, so a reader sees a
whole entry or none. Making an entry, and setting a damaged one aside, happen under the key's lock;
leftovers of an interrupted run for that key are therefore known to be abandoned, and are removed.
Every run hashes every file that it reads, because a verdict must not rest on a file that changed. A
process that has used a store keeps others from pruning it until it ends.
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
import threading
import uuid
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from edgeq.errors import NO_ROOM, StoreError, reason_of, written_file
from edgeq.io import structs
from edgeq.io.files import (
    Stamp,
    flush_folder,
    is_settled,
    read_whole,
    sha256_bytes,
    sha256_file,
    stamp_of,
    write_bytes,
)
from edgeq.store import locks
from edgeq.words.escape import printable

ENTRY_FILE = "entry.json"

_DAMAGE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EIO, errno.ELOOP})


class EntryFile(msgspec.Struct, frozen=True):
    """The contents of ``entry.json``."""

    kind: str
    facts: dict[str, object]
    files: dict[str, str]


@dataclass(frozen=True)
class Entry:
    """A stored entry: its address, the facts it was made from, and its files' sha256 by name.

    ``made`` says whether this call made it or read it.
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
        if error.errno not in _DAMAGE:
            raise unreadable(folder, error) from error
        if not folder.exists():
            return None, None
        missing = error.errno == errno.ENOENT
        return None, "a file is missing" if missing else reason_of(error)
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
    keys: list[str] = []
    with suppress(OSError), os.scandir(folder) as places:
        keys = sorted(place.name for place in places if place.name not in besides)
    for key in keys:
        entry = description_in(folder / key)
        if entry is None:
            continue
        if entry.kind == folder.name and key_of(folder.name, entry.facts) == key:
            entries_read.append((key, entry.facts))
    return entries_read


__all__ = ["Entry", "Store", "key_of"]

LOCKS, TEMPORARY, QUARANTINE, LOGS = "locks", "tmp", "quarantine", "logs"
"""Folders that hold no entries."""

_NO_WRITING = NO_ROOM | {errno.EACCES, errno.EPERM}
_own_locks: dict[Path, threading.Lock] = {}
_PERMIT = "Make it writable, or set `store` in the spec to another folder"


class Store:
    """A folder of entries; safe for many processes."""

    def __init__(self, root: Path):
        self.root = root
        self._checked: dict[Path, tuple[Stamp, ...]] = {}

    def get_or_make(
        self, kind: str, facts: Mapping[str, object], make: Callable[[Path], None]
    ) -> Entry:
        """Return the entry for some facts; make it if it is missing or damaged.

        Args:
            kind: Group of the entry, which names its folder.
            facts: Everything that the content depends on, as plain JSON values.
            make: Writes the entry's files into the empty folder that it is given.

        Raises:
            StoreError: The store can't be written, or another process holds the lock too long.
            EdgeqError: Any error that ``make`` raises; nothing is stored in that case.
        """
        key = key_of(kind, facts)
        folder = self.root / kind / key
        self._use()
        entry, _ = self._read(folder, key)
        if entry is not None:
            _note_use(folder)
            return entry
        with self._locked(kind, key):
            entry = self._settled(folder, key)
            return entry or self._make(kind, facts, make)

    def find(self, kind: str, facts: Mapping[str, object]) -> Entry | None:
        """Return the entry for some facts if it exists undamaged, else None.

        Raises:
            StoreError: The entry can't be read, or is damaged and can't be set aside.
        """
        key = key_of(kind, facts)
        folder = self.root / kind / key
        try:
            exists = folder.exists()
        except OSError as error:  # a folder above it, of another user
            raise unreadable(folder, error) from error
        if not exists:
            return None
        self._use()
        entry, damage = self._read(folder, key)
        if damage is None:
            _note_use(folder)
            return entry
        with self._locked(kind, key):
            return self._settled(folder, key)

    def described(
        self, kind: str, *, besides: Container[str] = ()
    ) -> list[tuple[str, Mapping[str, object]]]:
        """List key and facts of every entry of a kind, in a fixed order; files are not read.

        Entries without readable facts are left out; reading them reports the damage. ``besides``
        has the keys of entries to leave out.
        """
        self._use()
        return described(self.root / kind, besides)

    def folders(self) -> Iterator[Path]:
        """Yield the folders of all entries, ``KIND/KEY``, in order.

        Raises:
            StoreError: The store can't be read.
        """
        try:
            kinds = sorted(self.root.iterdir()) if self.root.is_dir() else []
            for kind in kinds:
                if kind.is_dir() and kind.name not in {LOCKS, TEMPORARY, QUARANTINE, LOGS}:
                    yield from sorted(kind.iterdir())
        except OSError as error:
            raise unreadable(self.root, error) from error

    def verify(self, folder: Path) -> str | None:
        """Check an entry; set it aside if damaged, and return what is damaged.

        Raises:
            StoreError: The entry can't be read or set aside.
        """
        if self._read(folder, folder.name)[1] is None:
            return None
        with self._locked(folder.parent.name, folder.name):
            damage = self._read(folder, folder.name)[1]
            if damage is not None:
                self._set_aside(folder, damage)
            return damage

    def set_aside(self, folder: Path, reason: str) -> None:
        """Set aside an entry whose content is undamaged but wrong.

        Raises:
            StoreError: The entry can't be set aside.
        """
        with self._locked(folder.parent.name, folder.name):
            self._set_aside(folder, reason)

    @contextmanager
    def scratch(self, purpose: str) -> Iterator[Path]:
        """Yield an empty folder for work that becomes no entry, for one process at a time.

        It is removed at the end, and whatever a killed process left of one before.

        Args:
            purpose: Names the work; others wait only for the same.

        Raises:
            StoreError: The store can't be written, or another process holds the lock too long.
        """
        self._use()
        with self._locked(TEMPORARY, purpose):
            folder = self._temporary_folder(TEMPORARY, purpose)
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    def _use(self) -> None:
        try:
            locks.use(self.root / LOCKS)
        except locks.HeldError as error:
            raise StoreError(f"can't be used: {error}", where=self.root) from error

    def _read(self, folder: Path, key: str) -> tuple[Entry | None, str | None]:
        return read_entry(folder, key, self._checked)

    def _settled(self, folder: Path, key: str) -> Entry | None:
        """Return the entry, or None if it is missing or damaged; the caller holds its lock."""
        entry, damage = self._read(folder, key)
        if damage is not None:
            self._set_aside(folder, damage)
        return entry

    def _make(self, kind: str, facts: Mapping[str, object], make: Callable[[Path], None]) -> Entry:
        key = key_of(kind, facts)
        target = self.root / kind / key
        temporary = self._temporary_folder(kind, key)
        try:
            make(temporary)
            files = {
                path.relative_to(temporary).as_posix(): sha256_file(path)
                for path in sorted(temporary.rglob("*"))
                if path.is_file()
            }
            described = EntryFile(kind, dict(facts), files)
            text = msgspec.json.format(msgspec.json.encode(described))
            (temporary / ENTRY_FILE).write_bytes(text)
            for name in (*files, ENTRY_FILE):
                _flush(temporary / name)
            for inner in {(temporary / name).parent for name in files} | {temporary}:
                flush_folder(inner)
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary.rename(target)
            flush_folder(target.parent)
        except OSError as error:
            raise _not_made(target, error) from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return Entry(target, key, dict(facts), files, made=True)

    def _temporary_folder(self, kind: str, key: str) -> Path:
        """Create a folder to work in, and remove earlier ones; the caller holds the key's lock."""
        parent = self.root / TEMPORARY
        try:
            parent.mkdir(parents=True, exist_ok=True)
            ignore = self.root / ".gitignore"
            if not ignore.exists():
                write_bytes(ignore, b"*\n")
            prefix = f"{kind}-{key}-"
            for path in parent.iterdir():  # a pattern would be compiled for each entry
                if path.name.startswith(prefix):
                    shutil.rmtree(path, ignore_errors=True)
            folder = parent / f"{prefix}{uuid.uuid4().hex[:8]}"
            folder.mkdir()
        except OSError as error:
            raise StoreError(
                f"can't be written: {reason_of(error)}", where=self.root, remedy=_PERMIT
            ) from error
        return folder

    @contextmanager
    def _locked(self, kind: str, key: str) -> Iterator[None]:
        path = self.root / LOCKS / f"{kind}-{key}.lock"
        # Threads of this process wait here, without polling and without a message.
        with _own_locks.setdefault(path, threading.Lock()), self._locked_file(path):
            yield

    @contextmanager
    def _locked_file(self, path: Path) -> Iterator[None]:
        try:
            with locks.alone(path):
                yield
        except locks.HeldError as error:
            raise StoreError(
                f"can't be locked: {error}", where=path, remedy="Stop it, or choose another store"
            ) from error
        except locks.NotLockedError as error:
            raise StoreError(
                f"can't be locked: {error}",
                where=path.parent,  # the same for every entry, so that it is reported once
                remedy=_PERMIT,
            ) from error

    def _set_aside(self, folder: Path, reason: str) -> None:
        quarantine = self.root / QUARANTINE
        try:
            quarantine.mkdir(parents=True, exist_ok=True)
            folder.rename(quarantine / f"{folder.name}-{uuid.uuid4().hex[:8]}")
        except OSError as error:
            raise StoreError(
                f"damaged ({reason}) and can't be set aside: {reason_of(error)}",
                where=folder,
                remedy="Remove the folder",
            ) from error
        aside = f"edgeq: a damaged store entry was set aside: {folder}: {reason}"
        sys.stderr.write(f"{printable(aside)}\n")


def unreadable(place: Path, error: OSError) -> StoreError:
    """Return the error for a part of the store that can't be read."""
    return StoreError(
        f"can't be read: {reason_of(error)}",
        where=place,
        remedy="Permit reading there, or set `store` in the spec to another folder",
    )


def _note_use(folder: Path) -> None:
    """Set a folder's time to when its entry was last used, if it can be written."""
    with suppress(OSError):
        os.utime(folder)


def _not_made(target: Path, error: OSError) -> StoreError:
    inside = (written_file(error) or target).is_relative_to(target.parents[1])
    full = None if inside else StoreError.of_full_disk(error)
    if full is not None:
        return full
    if inside and error.errno in _NO_WRITING:
        return StoreError(
            f"can't be written: {reason_of(error)}",
            where=target,
            remedy="Free some space or make it writable, or set `store` in the spec",
        )
    return StoreError(
        f"can't be made: {error}", where=target, remedy="Fix what it is made from and run again"
    )


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
