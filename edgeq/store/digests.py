"""Remembers the sha256 of files that are read repeatedly, as long as their stamps stay the same.

This is only a cache: a file whose stamp differs, or was too recent to be trusted, is hashed.
"""

from __future__ import annotations

import threading
from pathlib import Path

import msgspec

from edgeq.errors import StoreError
from edgeq.io import structs
from edgeq.io.files import Stamp, is_settled, read_whole, sha256_file, stamp_of, write_bytes

FILE = "digests.json"
MAX_BYTES = 1_000_000_000
"""Size limit for the cache's file; a million photographs take a quarter of it."""


class _Known(msgspec.Struct, frozen=True, array_like=True):
    stamp: Stamp
    sha256: str


class Digests:
    """Hashes of files by path; safe for several threads."""

    def __init__(self, root: Path) -> None:
        self._path = root / FILE
        self._lock = threading.Lock()
        self._new: dict[str, _Known] = {}
        self._old: dict[str, _Known] | None = None

    def of(self, path: Path) -> str:
        """Return the sha256 of a file.

        Raises:
            OSError: The file can't be read.
        """
        place, stamp = str(path.absolute()), stamp_of(path)
        known = self._new.get(place) or self._kept().get(place)
        if known is not None and known.stamp == stamp:
            return known.sha256
        settled = is_settled(stamp)  # checked before reading: later writes then change the stamp
        sha256 = sha256_file(path)
        if settled:
            with self._lock:
                self._new[place] = _Known(stamp, sha256)
        return sha256

    def keep(self) -> None:
        """Write new hashes; if that fails, the next run hashes the files again."""
        with self._lock:
            if not self._new:
                return
            self._old = None
            known = {
                place: digest
                for place, digest in {**self._kept(), **self._new}.items()
                if Path(place).exists()
            }
            try:
                write_bytes(self._path, msgspec.json.encode(known))
            except StoreError:
                return
            self._old, self._new = known, {}

    def _kept(self) -> dict[str, _Known]:
        if self._old is None:
            try:
                self._old = structs.from_json(read_whole(self._path, MAX_BYTES), dict[str, _Known])
            except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                self._old = {}
        return self._old
