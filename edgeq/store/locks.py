"""Locks between processes: on a single entry, and on a store that is not in use.

The locks are the system's own (``flock``). They end with their process, however it ends, and do
not depend on a clock. A file next to a held lock names its owner, for messages only.
"""

from __future__ import annotations

import fcntl
import os
import platform
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import filelock
import msgspec

from edgeq.errors import StoreError, reason_of
from edgeq.io import structs
from edgeq.io.files import read_whole
from edgeq.words.escape import printable

NOTICE_S = 5.0
TIMEOUT_S = 1800.0
IN_USE = "in-use"
WRITER = "EDGEQ_WRITER"
"""The variable that names the folder that a process writes alone, for those that it starts."""
_LOOK_S = 0.05

_used: dict[Path, int] = {}
_guard = threading.Lock()


class NotLockedError(Exception):
    """A lock can't be acquired; the message says why."""


class HeldError(NotLockedError):
    """Another process holds the lock."""


class _Owner(msgspec.Struct, frozen=True):
    pid: int
    host: str

    def __str__(self) -> str:
        here = self.host == platform.node()
        return f"process {self.pid} on {'this' if here else 'another'} machine"


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold a lock; a long wait is reported on standard error.

    Raises:
        HeldError: Another process has held it for over ``TIMEOUT_S``.
        NotLockedError: The lock can't be created.
    """
    note = path.with_suffix(".owner")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(path)
        _acquire(lock, path, note)
    except filelock.Timeout:
        raise HeldError(f"{_owner(note)} has held it for over {TIMEOUT_S:.0f} s") from None
    except OSError as error:
        raise NotLockedError(reason_of(error)) from error
    try:
        with suppress(OSError):
            note.write_bytes(msgspec.json.encode(_Owner(os.getpid(), platform.node())))
        yield
    finally:
        with suppress(OSError):
            note.unlink()
        lock.release()


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep other processes from writing a folder's files together; a longer wait is said.

    The folder itself is locked, so nothing is left in it. Processes that are started meanwhile may
    write there: a hook of pytest may start ``edgeq bundle``. A file system without locks keeps
    nobody out, and what can't be written is said by who writes. The folder is made if it is
    missing.

    Raises:
        StoreError: Another process holds it for over ``TIMEOUT_S``.
    """
    name, before = str(folder.resolve()), os.environ.get(WRITER)
    handle = None if before == name else _opened(folder)
    if handle is None:
        yield
        return
    try:
        _wait(handle, folder)
        os.environ[WRITER] = name
        yield
    finally:
        os.environ.pop(WRITER, None)
        os.environ |= {} if before is None else {WRITER: before}
        os.close(handle)


def _opened(folder: Path) -> int | None:
    """Return a handle of a folder, which is made; None if it can't be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None


def _wait(handle: int, folder: Path) -> None:
    if _flock(handle, fcntl.LOCK_EX, min(NOTICE_S, TIMEOUT_S), without=True):
        return
    waiting = f"edgeq: waiting for another process, which writes {folder}"
    sys.stderr.write(f"{printable(waiting)}\n")
    if not _flock(handle, fcntl.LOCK_EX, max(0.0, TIMEOUT_S - NOTICE_S), without=True):
        raise StoreError(
            f"another process has been writing it for over {TIMEOUT_S:.0f} s",
            where=folder,
            remedy="Stop it, or choose another folder",
        )


def use(folder: Path) -> None:
    """Keep a store from being pruned until this process ends; has no effect a second time.

    If the store can't be written it can't be pruned either, so that is not an error.

    Raises:
        HeldError: Another process has been pruning it for over ``TIMEOUT_S``.
    """
    folder = folder.resolve()
    with _guard:
        if folder in _used:
            return
        try:
            handle = _open(folder)
        except OSError:
            return
        if not _flock(handle, fcntl.LOCK_SH, TIMEOUT_S, without=True):
            os.close(handle)
            raise HeldError(f"another process has been pruning it for over {TIMEOUT_S:.0f} s")
        _used[folder] = handle


@contextmanager
def unused(folder: Path, timeout_s: float) -> Iterator[None]:
    """Hold a store that no process uses; entries that this process read lose their protection.

    Raises:
        HeldError: Another process uses it.
        OSError: The folder can't be written.
    """
    folder = folder.resolve()
    with _guard:
        if folder in _used:
            os.close(_used.pop(folder))
    handle = _open(folder)
    try:
        if not _flock(handle, fcntl.LOCK_EX, timeout_s, without=False):
            raise HeldError("a run uses it")
        yield
    finally:
        os.close(handle)


def _open(folder: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    return os.open(folder / IN_USE, os.O_RDWR | os.O_CREAT, 0o666)


def _flock(handle: int, kind: int, timeout_s: float, *, without: bool) -> bool:
    """Return whether a lock was acquired in time; ``without`` if the file system has no locks."""
    end = time.monotonic() + timeout_s
    while True:
        try:
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                return False
            time.sleep(_LOOK_S)
        except OSError:  # the file system has no locks, so nobody can be kept out
            return without
        else:
            return True


def _acquire(lock: filelock.BaseFileLock, path: Path, note: Path) -> None:
    """Acquire a lock, and report a long wait for another process."""
    try:
        lock.acquire(timeout=min(NOTICE_S, TIMEOUT_S))
    except filelock.Timeout:
        waiting = f"edgeq: waiting for {_owner(note)}, which holds {path}"
        sys.stderr.write(f"{printable(waiting)}\n")
        lock.acquire(timeout=max(0.0, TIMEOUT_S - NOTICE_S))


def _owner(note: Path) -> str:
    try:
        return str(structs.from_json(read_whole(note), _Owner))
    except (OSError, msgspec.MsgspecError):
        return "another process"
