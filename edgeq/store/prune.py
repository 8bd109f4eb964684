"""Maintains a store: lists it, verifies it and keeps it small."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edgeq.errors import StoreError, reason_of
from edgeq.store import locks
from edgeq.store.content import LOCKS, LOGS, QUARANTINE, TEMPORARY, Store, unreadable

WAIT_S = 10.0


@dataclass(frozen=True)
class Kept:
    """An entry with its size, and when it was last read or made, in seconds since 1970."""

    kind: str
    folder: Path
    bytes: int
    used: float


@dataclass(frozen=True)
class Pruned:
    """The result of pruning.

    ``leftovers`` are bytes removed besides entries: quarantine, unfinished work, stale logs.
    """

    removed: tuple[Kept, ...]
    kept: tuple[Kept, ...]
    leftovers: int


def entries(store: Store) -> tuple[Kept, ...]:
    """Return every entry, the least recently used first.

    Raises:
        StoreError: The store can't be read.
    """
    try:
        stored = [
            Kept(folder.parent.name, folder, _bytes(folder), folder.lstat().st_mtime)
            for folder in store.folders()
        ]
    except OSError as error:
        raise unreadable(store.root, error) from error
    return tuple(sorted(stored, key=lambda entry: (entry.used, entry.folder)))


def leftovers(store: Store) -> int:
    """Return the size of quarantine and unfinished work in bytes."""
    return sum(_bytes(store.root / name) for name in (QUARANTINE, TEMPORARY))


def verify(store: Store) -> Iterator[tuple[Path, str | None]]:
    """Check every entry, set damaged ones aside, and yield each with what is damaged.

    Raises:
        StoreError: An entry can't be read or set aside.
    """
    for folder in store.folders():
        yield folder, store.verify(folder)


def prune(store: Store, max_bytes: int, *, wait_s: float = WAIT_S) -> Pruned:
    """Remove the least recently used entries until the rest fit a limit.

    Everything else is removed as well: quarantine, unfinished work of killed runs, locks, and logs
    without an entry.

    Args:
        store: The store, which no process may be using.
        max_bytes: Size limit for the entries that stay.
        wait_s: Seconds to wait for a run that uses the store.

    Raises:
        StoreError: A run uses the store, or it can't be written.
    """
    if not store.root.is_dir():
        return Pruned((), (), 0)
    try:
        with locks.unused(store.root / LOCKS, wait_s):
            return _prune(store, max_bytes)
    except locks.HeldError as error:
        raise StoreError(
            f"can't be pruned: {error}", where=store.root, remedy="Wait for the run to end"
        ) from error
    except OSError as error:
        raise StoreError(
            f"can't be pruned: {reason_of(error)}",
            where=store.root,
            remedy="Make it writable",
        ) from error


def _prune(store: Store, max_bytes: int) -> Pruned:
    remaining = list(entries(store))
    total = sum(entry.bytes for entry in remaining)
    removed = []
    trash = store.root / TEMPORARY
    while remaining and total > max_bytes:
        oldest = remaining.pop(0)
        trash.mkdir(exist_ok=True)
        oldest.folder.rename(trash / oldest.folder.name)  # readers see all of it or nothing
        removed.append(oldest)
        total -= oldest.bytes
    left = leftovers(store) - sum(entry.bytes for entry in removed)
    for name in (TEMPORARY, QUARANTINE):
        if (store.root / name).exists():
            shutil.rmtree(store.root / name)
    names = {f"{entry.kind}-{entry.folder.name}" for entry in remaining}
    for path in (store.root / LOGS).glob("*"):
        if path.stem not in names:
            left += _bytes(path)
            path.unlink()
    for path in (store.root / LOCKS).glob("*.*"):
        path.unlink()
    return Pruned(tuple(removed), tuple(remaining), left)


def _bytes(place: Path) -> int:
    """Return the size of a file, or of all files in a folder, in bytes."""
    files = place.rglob("*") if place.is_dir() else [place] if place.exists() else []
    return sum(file.lstat().st_size for file in files if not file.is_dir())
