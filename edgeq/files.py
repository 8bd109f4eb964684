"""Files: hashing, and writing so that an interruption leaves the last good state."""

from __future__ import annotations

import errno
import fcntl
import glob
import hashlib
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from edgeq.errors import StoreError

CHUNK_BYTES = 1 << 20
STEP_NS = 2_500_000_000
PART = ".part"
ABANDONED_S = 60.0


def may_be_endless(path: Path) -> bool:
    """Return whether a path is there and is a pipe, a device or a socket, which may have no end."""
    return path.exists() and not path.is_file() and not path.is_dir()


def sha256_bytes(data: bytes) -> str:
    """Return the hexadecimal sha256 of some bytes."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """Return the hexadecimal sha256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Stamp(NamedTuple):
    """What a file system notes about a file, and changes when the file's content is written."""

    size: int
    modified_ns: int
    changed_ns: int
    inode: int
    device: int


def stamp_of(path: Path) -> Stamp:
    """Return the stamp of a file, of what it points to where it is a link."""
    facts = path.stat()
    return Stamp(facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino, facts.st_dev)


def is_settled(stamp: Stamp) -> bool:
    """Return whether a write from now on would change a stamp.

    File systems count time in steps, of milliseconds and up to two seconds (FAT): a file written
    just before may be written again within the same step. Git calls such stamps racy.
    """
    return max(stamp.modified_ns, stamp.changed_ns) < time.time_ns() - STEP_NS


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``target`` that takes its place when the block succeeds.

    The content is flushed to the disk before the rename. When the block raises, the temporary
    file is removed and ``target`` is as it was. What a killed writer of ``target`` left is removed:
    writers hold a lock on their temporary file, and the system lets go of it when they end.

    Raises:
        StoreError: The folder can't be written or the disk is full.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(target)
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=PART, dir=target.parent)
        with suppress(OSError):  # a file system without locks
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        raise _cannot_write(target, error) from error
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(target)
        flush_folder(target.parent)
    except OSError as error:
        raise _cannot_write(target, error) from error
    finally:
        os.close(handle)
        with suppress(FileNotFoundError):
            temporary.unlink()


def write_bytes(target: Path, data: bytes) -> None:
    """Write a whole file atomically.

    Raises:
        StoreError: The folder can't be written or the disk is full.
    """
    with atomic_path(target) as temporary:
        temporary.write_bytes(data)


def write_text(target: Path, text: str) -> None:
    """Write a whole UTF-8 text file atomically.

    Raises:
        StoreError: The folder can't be written or the disk is full.
    """
    write_bytes(target, text.encode("utf-8"))


def flush_folder(folder: Path) -> None:
    """Let the names in a folder last through a power cut, where the system can do that.

    Raises:
        OSError: The disk reports a failure.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.ENOTSUP}:
            raise
    finally:
        os.close(handle)


def _remove_abandoned(target: Path) -> None:
    """Remove temporary files of writers that are gone."""
    for path in target.parent.glob(f".{glob.escape(target.name)}.*{PART}"):
        with suppress(OSError), path.open("rb") as file:
            if time.time() - os.fstat(file.fileno()).st_mtime < ABANDONED_S:
                continue  # perhaps made this moment, and not locked yet
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()


def _cannot_write(target: Path, error: OSError) -> StoreError:
    return StoreError(
        f"can't be written: {error.strerror or error}",
        where=target,
        remedy="Free some space or permit writing there, or choose another folder",
    )
