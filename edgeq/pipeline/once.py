"""Doing a thing once: the result is kept, and so is the error."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from edgeq.errors import EdgeqError

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Once(Generic[K, V]):
    """Results by key. An error is kept and raised again, so that a crash is not repeated."""

    def __init__(self) -> None:
        self._results: dict[K, V] = {}
        self._errors: dict[K, EdgeqError] = {}

    def get(self, key: K, make: Callable[[], V]) -> V:
        """Return what was made for a key, making it at the first call.

        Raises:
            EdgeqError: What ``make`` raised at the first call.
        """
        if key in self._results:
            return self._results[key]
        if key in self._errors:
            raise self._errors[key]
        try:
            result = self._results[key] = make()
        except EdgeqError as error:
            self._errors[key] = error
            raise
        return result

    def done(self, key: K) -> V | None:
        """Return what was made for a key, None where nothing was."""
        return self._results.get(key)

    def error(self, key: K) -> EdgeqError | None:
        """Return the error kept for a key, None where there is none."""
        return self._errors.get(key)
