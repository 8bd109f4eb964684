"""The store: everything made is addressed by what it was made from.

An entry is a folder ``KIND/KEY`` with the files that were made and ``entry.json``, which holds
the key's facts and the sha256 of every file. It appears by one rename under a lock, so a reader
sees a whole entry or none. A damaged entry is set aside and made again.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import filelock
import msgspec

from edgeq.errors import StoreError
from edgeq.files import sha256_bytes, sha256_file, write_bytes

ENTRY_FILE = "entry.json"
LOCK_TIMEOUT_S = 1800.0


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
        entry = self.find(kind, facts)
        if entry is not None:
            return entry
        with self._locked(kind, key_of(kind, facts)):
            entry = self.find(kind, facts)
            if entry is not None:
                return entry
            return self._make(kind, facts, make)

    def find(self, kind: str, facts: Mapping[str, object]) -> Entry | None:
        """Return the entry for these facts when it is there and undamaged, else None."""
        key = key_of(kind, facts)
        folder = self.root / kind / key
        try:
            entry = msgspec.json.decode((folder / ENTRY_FILE).read_bytes(), type=_EntryFile)
            damaged = [n for n, digest in entry.files.items() if sha256_file(folder / n) != digest]
        except FileNotFoundError:
            if not folder.exists():
                return None
            self._set_aside(folder, "a file is missing")
            return None
        except (OSError, msgspec.MsgspecError) as error:
            self._set_aside(folder, str(error))
            return None
        if damaged:
            self._set_aside(folder, f"content differs from its sha256: {', '.join(damaged)}")
            return None
        return Entry(folder, key, entry.facts, made=False)

    def _make(self, kind: str, facts: Mapping[str, object], make: Callable[[Path], None]) -> Entry:
        key = key_of(kind, facts)
        target = self.root / kind / key
        temporary = self._temporary_folder()
        try:
            make(temporary)
            files = {
                str(path.relative_to(temporary)): sha256_file(path)
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
            raise StoreError(
                f"can't be written: {error.strerror or error}",
                where=target,
                remedy="Free some space or permit writing there, or set `store` in the spec",
            ) from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return Entry(target, key, dict(facts), made=True)

    def _temporary_folder(self) -> Path:
        parent = self.root / "tmp"
        try:
            parent.mkdir(parents=True, exist_ok=True)
            ignore = self.root / ".gitignore"
            if not ignore.exists():
                write_bytes(ignore, b"*\n")
            return Path(tempfile.mkdtemp(dir=parent))
        except OSError as error:
            raise StoreError(
                f"can't be written: {error.strerror or error}",
                where=self.root,
                remedy="Permit writing there, or set `store` in the spec to another folder",
            ) from error

    @contextmanager
    def _locked(self, kind: str, key: str) -> Iterator[None]:
        path = self.root / "locks" / f"{kind}-{key}.lock"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = filelock.FileLock(path)
            lock.acquire(timeout=LOCK_TIMEOUT_S)
        except filelock.Timeout as error:
            raise StoreError(
                f"another process holds the lock for over {LOCK_TIMEOUT_S:.0f} s",
                where=path,
                remedy="Stop the other run, or choose another store",
            ) from error
        except OSError as error:
            raise StoreError(
                f"can't be locked: {error.strerror or error}",
                where=path,
                remedy="Permit writing there, or set `store` in the spec to another folder",
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


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
