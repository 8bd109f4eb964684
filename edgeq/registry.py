"""Named things, with "did you mean"."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

from edgeq.errors import SpecError

T = TypeVar("T")


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return what to do about an unknown name: the one probably meant, and all valid ones."""
    names = sorted(known)
    spelt = {known_name.lower(): known_name for known_name in names}
    close = difflib.get_close_matches(name.lower(), spelt, n=1, cutoff=0.6)
    meant = f"Did you mean {spelt[close[0]]!r}? " if close else ""
    return f"{meant}Valid: {', '.join(names)}" if names else f"{meant}None are known"


def unknown(kind: str, name: str, known: Iterable[str], *, where: str | None = None) -> SpecError:
    """Return the error for a name that is none of the known ones."""
    return SpecError(f"unknown {kind} {name!r}", where=where, remedy=suggestion(name, known))


class Registry(Generic[T]):
    """An ordered table from name to thing.

    Args:
        kind: What one entry is called in messages, for example ``"method"``.
    """

    def __init__(self, kind: str, entries: Iterable[tuple[str, T]] = ()):
        self.kind = kind
        self._entries: dict[str, T] = dict(entries)

    def add(self, name: str, thing: T) -> T:
        """Add a thing under a new name.

        Raises:
            SpecError: The name is taken.
        """
        if name in self._entries:
            raise SpecError(f"{self.kind} {name!r} is already registered")
        self._entries[name] = thing
        return thing

    def get(self, name: str, *, where: str | None = None) -> T:
        """Return the thing of that name.

        Raises:
            SpecError: There is none; the message names the closest.
        """
        try:
            return self._known()[name]
        except KeyError:
            raise unknown(self.kind, name, self._known(), where=where) from None

    def names(self) -> tuple[str, ...]:
        """Return the names in the order of registration."""
        return tuple(self._known())

    def __contains__(self, name: object) -> bool:
        return name in self._known()

    def __iter__(self) -> Iterator[tuple[str, T]]:
        return iter(self._known().items())

    def _known(self) -> dict[str, T]:
        """Return all entries; a table that others add to loads theirs first."""
        return self._entries
