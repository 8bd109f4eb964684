"""A pool of idle child processes: starting one costs its imports."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")


class Idle(Generic[T]):
    """Keeps what has nothing to do, by kind; for several threads at once.

    Args:
        end: Ends one for good.
    """

    def __init__(self, end: Callable[[T], None]) -> None:
        self._end = end
        self._guard = threading.Lock()
        self._keepers = 0
        self._waiting: list[tuple[str, T]] = []

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keep what is added, until the last block of several has ended."""
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
        """Return one of a kind that waits; it is the caller's then."""
        with self._guard:
            for at, (other, child) in enumerate(self._waiting):
                if other == kind:
                    del self._waiting[at]
                    return child
        return None

    def add(self, kind: str, child: T) -> None:
        """Let one wait, or end it where nobody keeps any."""
        with self._guard:
            if self._keepers:
                self._waiting.append((kind, child))
                return
        self._end(child)

    def end_all(self) -> None:
        """End those that wait now."""
        with self._guard:
            waiting, self._waiting = self._waiting, []
        for _, child in waiting:
            self._end(child)
