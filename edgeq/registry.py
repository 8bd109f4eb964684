"""Tables of named rows with "did you mean"; other packages add rows by entry points."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, Protocol, TypeVar

from edgeq.errors import SpecError

T = TypeVar("T")


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return a remedy for an unknown name: the name probably meant, and all valid ones."""
    names = sorted(known)
    spelt = {known_name.lower(): known_name for known_name in names}
    close = difflib.get_close_matches(name.lower(), spelt, n=1, cutoff=0.6)
    meant = f"Did you mean {spelt[close[0]]!r}? " if close else ""
    return f"{meant}Valid: {', '.join(names)}" if names else f"{meant}None are known"


def unknown(kind: str, name: str, known: Iterable[str], *, where: str | None = None) -> SpecError:
    """Return the error for an unknown name."""
    return SpecError(f"unknown {kind} {name!r}", where=where, remedy=suggestion(name, known))


class Registry(Generic[T]):
    """An ordered table of things by name.

    Args:
        kind: What messages call an entry, for example ``"method"``.
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
        """Return the thing with a given name.

        Raises:
            SpecError: There is none; the message suggests the closest name.
        """
        try:
            return self._known()[name]
        except KeyError:
            raise unknown(self.kind, name, self._known(), where=where) from None

    def find(self, name: str) -> T | None:
        """Return the thing with a given name; None if there is none."""
        return self._known().get(name)

    def names(self) -> tuple[str, ...]:
        """Return the names in the order of registration."""
        return tuple(self._known())

    def __contains__(self, name: object) -> bool:
        return name in self._known()

    def __iter__(self) -> Iterator[tuple[str, T]]:
        return iter(self._known().items())

    def _known(self) -> dict[str, T]:
        """Return all entries; an extensible table first loads those of other packages."""
        return self._entries


class Named(Protocol):
    """A row of a table."""

    @property
    def name(self) -> str:
        """Name, unique in the table."""


N = TypeVar("N", bound=Named)


def added(kind: str, type_: type[N], group: str) -> Iterator[tuple[N, str]]:
    """Yield the rows that other packages add, each with its origin.

    Args:
        kind: What messages call a row, for example ``"gate"``.
        type_: Type that a row must have.
        group: Group of the entry points, each of which names one or more rows.

    Raises:
        SpecError: An entry point can't be loaded, or names something else.
    """
    for entry in _entries(group):
        where = f"entry point {entry.name!r} of the group {group!r}"
        try:
            loaded = entry.load()
        except (Exception, SystemExit) as error:  # another package's code may raise anything
            raise SpecError(
                f"the {kind}s of {entry.value!r} can't be loaded: {error}",
                where=where,
                remedy="Fix or remove the package that registers them",
            ) from error
        for row in loaded if isinstance(loaded, Iterable) else (loaded,):
            if not isinstance(row, type_):
                raise SpecError(
                    f"{entry.value!r} is not a {kind}",
                    where=where,
                    remedy=f"Name an edgeq.{type_.__name__}, or several",
                )
            yield row, where


@cache
def _entries(group: str) -> tuple[EntryPoint, ...]:
    """Return the entry points of a group; cached because scanning all packages takes a while."""
    return tuple(entry_points(group=group))


class Extensible(Registry[N], Generic[N]):
    """A table that other packages add rows to; theirs are loaded on first use.

    Args:
        kind: What messages call a row.
        type_: Type of a row.
        group: Group of the entry points.
        rows: Our own rows.
    """

    def __init__(self, kind: str, type_: type[N], group: str, rows: Iterable[N]) -> None:
        super().__init__(kind, ((row.name, row) for row in rows))
        self._type = type_
        self._group = group
        self._loaded = False
        self._declared: set[str] = set()

    def load(self) -> None:
        """Add the rows of other packages; has an effect only the first time.

        Raises:
            SpecError: The rows can't be loaded, or use a name that is taken.
        """
        if self._loaded:
            return
        self._loaded = True  # set first, because loaded code may ask for our own rows
        try:
            for row, where in added(self.kind, self._type, self._group):
                self.check(row, where)
                self.add(row.name, row)
        except SpecError:
            self._loaded = False  # the next caller gets the error again, not a partial table
            raise

    def declare(self, row: N, where: str | None = None) -> None:
        """Add a row that a spec declares, which replaces one that another spec declared.

        Args:
            row: The row.
            where: The key in the spec, for errors.

        Raises:
            SpecError: Another row has the name.
        """
        if row.name in self._known() and row.name not in self._declared:
            what = f"{self.kind} {row.name!r} exists already"
            raise SpecError(what, where=where, remedy="Give yours another name")
        self._declared.add(row.name)
        self._entries[row.name] = row

    def check(self, row: N, where: str) -> None:
        """Refuse a row from another package that can't be used.

        Args:
            row: The row.
            where: Origin of the row.

        Raises:
            SpecError: The row can't be used.
        """

    def _known(self) -> dict[str, N]:
        self.load()
        return self._entries
