"""A pool of idle child processes, as starting one costs its imports, and the memory of one."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar("T")


class Idle(Generic[T]):
    """A pool of idle children, by kind; safe for several threads.

    ``end`` ends a child for good.
    """

    def __init__(self, end: Callable[[T], None]) -> None:
        self._end = end
        self._guard = threading.Lock()
        self._keepers = 0
        self._waiting: list[tuple[str, T]] = []

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keep added children idle until the outermost of nested blocks ends."""
        with self._guard:
            self._keepers += 1
        try:
            yield
        finally:
            with self._guard:
                self._keepers -= 1
                is_last = not self._keepers
            if is_last:
                self.end_all()

    def take(self, kind: str) -> T | None:
        """Remove an idle child of a kind and return it, or None; the caller then owns it."""
        with self._guard:
            for at, (other, child) in enumerate(self._waiting):
                if other == kind:
                    del self._waiting[at]
                    return child
        return None

    def add(self, kind: str, child: T) -> None:
        """Add an idle child, or end it if no ``kept`` block is active."""
        with self._guard:
            if self._keepers:
                self._waiting.append((kind, child))
                return
        self._end(child)

    def end_all(self) -> None:
        """End all idle children."""
        with self._guard:
            waiting, self._waiting = self._waiting, []
        for _, child in waiting:
            self._end(child)


def resident_bytes(pid: int) -> int:
    """Return the resident memory of a local process in bytes, or 0 if it can't be read."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]
    except (OSError, IndexError):
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
