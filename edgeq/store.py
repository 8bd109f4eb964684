"""The store: everything made is addressed by what it was made from.

An entry is a folder ``KIND/KEY`` with the files that were made and ``entry.json``, which holds
the key's facts and the sha256 of every file. It appears by one rename, so a reader sees a whole
entry or none. Making an entry and setting a damaged one aside happen under the key's lock: what
an interrupted run left for a key is then known to be abandoned, and is removed. Every run hashes
every file that it reads, because a verdict must not rest on a file that changed.
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import filelock
import msgspec

from edgeq.errors import StoreError
from edgeq.files import Stamp, is_settled, sha256_bytes, sha256_file, stamp_of, write_bytes

ENTRY_FILE = "entry.json"
LOCK_NOTICE_S = 5.0
LOCK_TIMEOUT_S = 1800.0

_DAMAGE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EIO, errno.ELOOP})
_NO_WRITING = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM})
_PERMIT = "Permit writing there, or set `store` in the spec to another folder"


class _EntryFile(msgspec.Struct, frozen=True):
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
        made: Whether this call made it (False when it was read).
    """

    folder: Path
    key: str
    facts: Mapping[str, object]
    made: bool


def key_of(kind: str, facts: Mapping[str, object]) -> str:
    """Return the address of what is made from these facts (plain JSON values)."""
    canonical = msgspec.json.encode([kind, facts], order="sorted")
    return sha256_bytes(canonical)[:32]


class Store:
    """A folder of entries, safe for many processes.

    Args:
        root: The folder; made when the first entry is.
    """

    def __init__(self, root: Path):
        self.root = root
        self._checked: dict[Path, tuple[Stamp, ...]] = {}

    def get_or_make(
        self, kind: str, facts: Mapping[str, object], make: Callable[[Path], None]
    ) -> Entry:
        """Return the entry for these facts, making it when it is not there or damaged.

        Args:
            kind: Group of the entry, a folder's name.
            facts: All that the content depends on, as plain JSON values.
            make: Writes the entry's files into the empty folder it is given.

        Raises:
            StoreError: The store can't be written, or another process holds the lock too long.
            EdgeqError: Whatever ``make`` raises; nothing is stored then.
        """
        key = key_of(kind, facts)
        folder = self.root / kind / key
        entry, _ = self._read(folder, key)
        if entry is not None:
            return entry
        with self._locked(kind, key):
            entry = self._settled(folder, key)
            return entry or self._make(kind, facts, make)

    def find(self, kind: str, facts: Mapping[str, object]) -> Entry | None:
        """Return the entry for these facts when it is there and undamaged, else None.

        Raises:
            StoreError: The entry can't be read, or is damaged and can't be set aside.
        """
        key = key_of(kind, facts)
        folder = self.root / kind / key
        entry, damage = self._read(folder, key)
        if damage is None:
            return entry
        with self._locked(kind, key):
            return self._settled(folder, key)

    def _read(self, folder: Path, key: str) -> tuple[Entry | None, str | None]:
        """Return the entry of a folder, or what is damaged about it; neither where there is none.

        Files are hashed once in the life of a store object, and again when their stamps change.
        """
        try:
            entry = msgspec.json.decode((folder / ENTRY_FILE).read_bytes(), type=_EntryFile)
            stamps = tuple(stamp_of(folder / name) for name in entry.files)
            damaged = []
            if self._checked.get(folder) != stamps:
                self._checked.pop(folder, None)
                files = entry.files.items()
                damaged = [name for name, sha in files if sha256_file(folder / name) != sha]
                if not damaged and all(map(is_settled, stamps)):
                    self._checked[folder] = stamps
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
            return None, f"{ENTRY_FILE} is no description: {error}"
        if key_of(entry.kind, entry.facts) != key:
            return None, f"{ENTRY_FILE} describes another entry"
        if damaged:
            return None, f"content differs from its sha256: {', '.join(damaged)}"
        return Entry(folder, key, entry.facts, made=False), None

    def described(self, kind: str) -> list[Mapping[str, object]]:
        """Return the facts of every entry of a kind, in a fixed order; their files are not read.

        Entries that do not tell their facts are left out: who asks for them finds the damage.
        """
        found: list[Mapping[str, object]] = []
        for path in sorted((self.root / kind).glob(f"*/{ENTRY_FILE}")):
            try:
                entry = msgspec.json.decode(path.read_bytes(), type=_EntryFile)
            except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                continue
            if entry.kind == kind and key_of(kind, entry.facts) == path.parent.name:
                found.append(entry.facts)
        return found

    def _settled(self, folder: Path, key: str) -> Entry | None:
        """Return the entry, None where there is none (any more); the caller holds its lock."""
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
            described = _EntryFile(kind, dict(facts), files)
            write_bytes(temporary / ENTRY_FILE, msgspec.json.format(msgspec.json.encode(described)))
            for name in files:
                _flush(temporary / name)
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary.rename(target)
        except OSError as error:
            raise _not_made(target, error) from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return Entry(target, key, dict(facts), made=True)

    def _temporary_folder(self, kind: str, key: str) -> Path:
        """Return a new folder to make an entry in; the caller holds the entry's lock."""
        parent = self.root / "tmp"
        try:
            parent.mkdir(parents=True, exist_ok=True)
            ignore = self.root / ".gitignore"
            if not ignore.exists():
                write_bytes(ignore, b"*\n")
            for abandoned in parent.glob(f"{kind}-{key}-*"):
                shutil.rmtree(abandoned, ignore_errors=True)
            folder = parent / f"{kind}-{key}-{uuid.uuid4().hex[:8]}"
            folder.mkdir()
        except OSError as error:
            raise StoreError(
                f"can't be written: {error.strerror or error}", where=self.root, remedy=_PERMIT
            ) from error
        return folder

    @contextmanager
    def _locked(self, kind: str, key: str) -> Iterator[None]:
        path = self.root / "locks" / f"{kind}-{key}.lock"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = filelock.FileLock(path)
            _acquire(lock, path)
        except filelock.Timeout as error:
            raise StoreError(
                f"another process holds the lock for over {LOCK_TIMEOUT_S:.0f} s",
                where=path,
                remedy="Stop the other run, or choose another store",
            ) from error
        except OSError as error:
            raise StoreError(
                f"can't be locked: {error.strerror or error}",
                where=path.parent,  # the same for every entry, so that it is said once
                remedy=_PERMIT,
            ) from error
        try:
            yield
        finally:
            lock.release()

    def _set_aside(self, folder: Path, reason: str) -> None:
        quarantine = self.root / "quarantine"
        try:
            quarantine.mkdir(parents=True, exist_ok=True)
            folder.rename(quarantine / f"{folder.name}-{uuid.uuid4().hex[:8]}")
        except OSError as error:
            raise StoreError(
                f"damaged ({reason}) and can't be set aside: {error.strerror or error}",
                where=folder,
                remedy="Remove the folder",
            ) from error
        sys.stderr.write(f"edgeq: a damaged store entry was set aside: {folder}: {reason}\n")


def _acquire(lock: filelock.BaseFileLock, path: Path) -> None:
    """Take a lock, and say so when another process makes us wait."""
    try:
        lock.acquire(timeout=min(LOCK_NOTICE_S, LOCK_TIMEOUT_S))
    except filelock.Timeout:
        sys.stderr.write(f"edgeq: waiting for another process that holds {path}\n")
        lock.acquire(timeout=max(0.0, LOCK_TIMEOUT_S - LOCK_NOTICE_S))


def _not_made(target: Path, error: OSError) -> StoreError:
    if error.errno in _NO_WRITING:
        return StoreError(
            f"can't be written: {error.strerror}",
            where=target,
            remedy="Free some space or permit writing there, or set `store` in the spec",
        )
    return StoreError(
        f"can't be made: {error}", where=target, remedy="Mend what it is made from and run again"
    )


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
