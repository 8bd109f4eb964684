"""Computes each result once and keeps it, or keeps the error."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from edgeq.errors import EdgeqError, StoreError, UnforeseenError
from edgeq.pipeline.schedule import StoppedError

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Memo(Generic[K, V]):
    """Results by key. An error is kept and raised again, so that a crash is not repeated.

    Thread-safe: a thread that asks for a result that another thread is making waits for it.

    Args:
        keeps: Returns whether errors are currently kept. While a run is being stopped, workers are
            killed, which is not the fault of the models that they run.
    """

    def __init__(self, keeps: Callable[[], bool] = lambda: True) -> None:
        self._keeps = keeps
        self._results: dict[K, V] = {}
        self._errors: dict[K, EdgeqError] = {}
        self._guard = threading.Lock()
        self._locks: dict[K, threading.RLock] = {}

    def get(self, key: K, make: Callable[[], V]) -> V:
        """Return the result for a key, made at the first call.

        Raises:
            EdgeqError: The error that ``make`` raised at the first call. Anything else becomes a
                ``StoreError`` if a disk is full, and an ``UnforeseenError`` otherwise.
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
            except Exception as error:  # a surprise in one file must not end the session of others
                surprise = StoreError.of_full_disk(error) or UnforeseenError.of(error)
                if self._keeps():
                    self._errors[key] = surprise
                raise surprise from error
            return result

    def fail(self, key: K, error: EdgeqError) -> None:
        """Keep an error for a key without a result, so that none is made for it."""
        with self._guard:
            if key not in self._results:
                self._errors.setdefault(key, error)

    def done(self, key: K) -> V | None:
        """Return the result for a key, None if there is none yet."""
        return self._results.get(key)

    def error(self, key: K) -> EdgeqError | None:
        """Return the error kept for a key, None if there is none."""
        return self._errors.get(key)
