"""Doing a thing once: the result is kept, and so is the error."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from edgeq.errors import EdgeqError, UnforeseenError
from edgeq.pipeline.schedule import StoppedError

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Memo(Generic[K, V]):
    """Results by key. An error is kept and raised again, so that a crash is not repeated.

    Safe for many threads: who asks for what another thread is making waits for it.

    Args:
        keeps: Whether errors are kept at the moment; a run that is being stopped kills workers,
            and that is no fault of the models that they run.
    """

    def __init__(self, keeps: Callable[[], bool] = lambda: True) -> None:
        self._keeps = keeps
        self._results: dict[K, V] = {}
        self._errors: dict[K, EdgeqError] = {}
        self._guard = threading.Lock()
        self._locks: dict[K, threading.RLock] = {}

    def get(self, key: K, make: Callable[[], V]) -> V:
        """Return what was made for a key, making it at the first call.

        Raises:
            EdgeqError: What ``make`` raised at the first call; an ``UnforeseenError`` for anything
                but an ``EdgeqError``.
        """
        with self._guard:
            lock = self._locks.setdefault(key, threading.RLock())
        with lock:
            if key in self._results:
                return self._results[key]
            if key in self._errors:
                raise self._errors[key]
            try:
                result = self._results[key] = make()
            except EdgeqError as error:
                if self._keeps():
                    self._errors[key] = error
                raise
            except StoppedError:
                raise
            except Exception as error:  # one file's surprise must not end the others' session
                unforeseen = UnforeseenError.of(error)
                if self._keeps():
                    self._errors[key] = unforeseen
                raise unforeseen from error
            return result

    def fail(self, key: K, error: EdgeqError) -> None:
        """Keep an error for a key that nothing is known of, so that nothing is made for it."""
        with self._guard:
            if key not in self._results:
                self._errors.setdefault(key, error)

    def done(self, key: K) -> V | None:
        """Return what was made for a key, None where nothing was."""
        return self._results.get(key)

    def error(self, key: K) -> EdgeqError | None:
        """Return the error kept for a key, None where there is none."""
        return self._errors.get(key)
