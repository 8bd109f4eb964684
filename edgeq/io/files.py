"""Reads, hashes and writes files; an interrupted write leaves the previous content intact.

Folders that take the place of others are exchanged, so that a kill leaves one or the other.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import glob
import hashlib
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import NamedTuple

from edgeq.errors import ChangedFileError, StoreError, reason_of
from edgeq.words import size as in_words

CHUNK_BYTES = 1 << 20
STEP_NS = 2_500_000_000
PART = ".part"
ABANDONED_S = 60.0

MAX_TEXT_BYTES = 64_000_000
"""Size limit for text files such as labels, specs and records: ten times the largest one seen, and
still read within a second."""
MAX_MODEL_BYTES = 4 << 30
"""Size limit for models: a flatbuffer has at most 2 GiB, and what follows it is rarely more."""
LFS_POINTER = b"version https://git-lfs"
"""How a file begins that Git LFS has left in place of a large one."""
_DEVICE = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")
"""Names that Windows reserves for devices, with any ending."""
_DIGITS_SHOWN = 12
"""Digits of a hash that are shown."""
_REMEDY = "Run again when no other program writes it"
_HERE = -100
"""``AT_FDCWD``: relative paths start from the current folder."""
_EXCHANGE = 2
"""``RENAME_EXCHANGE`` of https://man7.org/linux/man-pages/man2/rename.2.html"""


@contextmanager
def opened(path: Path, max_bytes: int | None = None) -> Iterator[BufferedReader]:
    """Open a regular file for reading.

    A link in a project may lead to an endless device, and a pipe waits for a writer. The open file
    is checked rather than its name, which may refer to something else a moment later. ``max_bytes``
    limits the size in bytes.

    Raises:
        OSError: The file is not regular, is larger than the limit or can't be read.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        _require_regular(path, os.fstat(handle), max_bytes)
    except BaseException:
        os.close(handle)
        raise
    with os.fdopen(handle, "rb") as file:
        yield file


def _require_regular(path: Path, facts: os.stat_result, max_bytes: int | None) -> None:
    if stat.S_ISDIR(facts.st_mode):
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(facts.st_mode):
        raise OSError(errno.EINVAL, "is not a regular file and may never end", str(path))
    if max_bytes is not None and facts.st_size > max_bytes:
        raise _too_large(path, max_bytes)


def read_whole(path: Path, max_bytes: int = MAX_TEXT_BYTES) -> bytes:
    """Read a regular file of at most ``max_bytes``.

    Raises:
        OSError: As for ``opened``.
    """
    with opened(path, max_bytes) as file:
        pieces = [file.read(os.fstat(file.fileno()).st_size)]
        size = len(pieces[0])
        while piece := file.read(CHUNK_BYTES):  # it grew, or its file system reports no size
            pieces.append(piece)
            size += len(piece)
            if size > max_bytes:
                raise _too_large(path, max_bytes)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def read_text(path: Path, max_bytes: int = MAX_TEXT_BYTES, encoding: str = "utf-8") -> str:
    """Read a regular text file, with line ends converted to newlines.

    Raises:
        OSError: As for ``opened``.
        UnicodeDecodeError: The file is in another encoding.
    """
    text = read_whole(path, max_bytes).decode(encoding)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def is_portable(name: str) -> bool:
    """Return whether Windows allows a file of this name: it is not a device's and ends in no dot.

    Signs that are not allowed there are not looked for.
    """
    return not (name.endswith(".") or _DEVICE.fullmatch(name))


def _too_large(path: Path, max_bytes: int) -> OSError:
    return OSError(
        errno.EFBIG, f"is larger than {in_words(max_bytes)}, too large for its kind", str(path)
    )


def sha256_bytes(data: bytes) -> str:
    """Return the hexadecimal sha256 of bytes."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path, max_bytes: int | None = None) -> str:
    """Return the hexadecimal sha256 of a regular file of at most ``max_bytes``.

    Raises:
        OSError: As for ``opened``.
    """
    with opened(path, max_bytes) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Stamp(NamedTuple):
    """File metadata that changes whenever the file's content is written."""

    size: int
    modified_ns: int
    changed_ns: int
    inode: int
    device: int


def stamp_of(path: Path) -> Stamp:
    """Return the stamp of a file; links are followed."""
    facts = path.stat()
    return Stamp(facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino, facts.st_dev)


def is_settled(stamp: Stamp) -> bool:
    """Return whether any write from now on would change a stamp.

    File systems count time in steps of milliseconds up to two seconds (FAT), so a file that was
    just written may be written again within the same step. Git calls such stamps racy.
    """
    return max(stamp.modified_ns, stamp.changed_ns) < time.time_ns() - STEP_NS


@dataclass(frozen=True)
class Original:
    """A file of the project, its hash and stamp when it was read, and its copy in the store."""

    path: Path
    copy: Path
    sha256: str
    stamp: Stamp

    def require_unchanged(self) -> None:
        """Check that the file's content is still what was read.

        Raises:
            ChangedFileError: The file has been written, replaced or removed since.
        """
        try:
            if stamp_of(self.path) == self.stamp:
                return
            now = sha256_file(self.path, MAX_MODEL_BYTES)
        except OSError as error:
            raise ChangedFileError(
                f"changed during the run: it can't be read any more: {reason_of(error)}",
                where=self.path,
                remedy=_REMEDY,
            ) from error
        if now != self.sha256:
            raise ChangedFileError(
                f"changed during the run: the run used the sha256 {self.sha256[:_DIGITS_SHOWN]}, "
                f"the file now has {now[:_DIGITS_SHOWN]}",
                where=self.path,
                remedy=_REMEDY,
            )


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Yield a temporary path that replaces ``target`` if the block succeeds.

    The content is flushed to disk before the rename. If the block raises, the temporary file is
    removed and ``target`` is unchanged. Temporary files of killed writers are removed: each writer
    locks its own, and the system releases the lock when the writer ends.

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
    """Make the names in a folder survive a power cut, if the system supports that.

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
    """Remove temporary files of writers that no longer exist."""
    for path in target.parent.glob(f".{glob.escape(target.name)}.*{PART}"):
        with suppress(OSError), path.open("rb") as file:
            if time.time() - os.fstat(file.fileno()).st_mtime < ABANDONED_S:
                continue  # may have just been created and not locked yet
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()


def _cannot_write(target: Path, error: OSError) -> StoreError:
    return StoreError(
        f"can't be written: {reason_of(error)}",
        where=target,
        remedy="Free some space or make it writable, or choose another folder",
    )


def replace_folder(target: Path, new: Path) -> None:
    """Replace a folder with a new one.

    If the system can exchange two names at once, ``target`` names a complete folder at any moment;
    afterwards, ``new`` names the old one, which the caller removes. Otherwise the old one is set
    aside for a moment, and ``restore_folder`` brings it back if the process ends in between.
    ``target`` need not exist; both are on the same file system.

    Raises:
        OSError: One of them can't be renamed. ``target`` is unchanged.
    """
    if not target.exists():
        new.rename(target)
    elif not exchanged(new, target):
        _set_aside(target, new)
    flush_folder(target.parent)


def restore_folder(target: Path) -> None:
    """Bring back a folder that a killed process had set aside, or remove it if it was replaced.

    Raises:
        OSError: It can't be renamed.
    """
    aside = _aside(target)
    if not aside.is_dir():
        return
    if target.exists():
        shutil.rmtree(aside, ignore_errors=True)
    else:
        aside.rename(target)


def exchanged(one: Path, other: Path) -> bool:
    """Exchange two names atomically; return False if the system or file system can't."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    paths = os.fsencode(one), os.fsencode(other)
    return bool(rename(_HERE, paths[0], _HERE, paths[1], _EXCHANGE) == 0)


def _set_aside(target: Path, new: Path) -> None:
    aside = _aside(target)
    shutil.rmtree(aside, ignore_errors=True)
    target.rename(aside)
    try:
        new.rename(target)
    except OSError:
        aside.rename(target)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _aside(target: Path) -> Path:
    return target.with_name(f".{target.name}.before")
