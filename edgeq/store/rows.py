"""A ledger: rows of arrays, one for each photograph, kept in the store in portions.

A portion is an entry that holds the rows of some photographs, named by their contents. Sets that
share photographs share rows, however they are ordered; a set that grows adds a portion; and what
an interrupted run finished is there for the next one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgeq.store.content import Entry, Store, key_of

ROWS = "photographs"
_MOST_ROWS = 1 << 32
"""Of one portion."""


@dataclass(frozen=True)
class Run:
    """Rows of one portion that follow each other, for photographs that do so in a set.

    Attributes:
        folder: The portion's.
        start: The first row.
        count: How many.
    """

    folder: Path
    start: int
    count: int


class Ledger:
    """Rows that were made alike. Several threads may use one.

    Args:
        store: Where they are kept.
        kind: Group of the entries. What follows it in the store's folder tells ledgers apart.
        facts: All that a row depends on beside its photograph, as plain JSON values.
    """

    def __init__(self, store: Store, kind: str, facts: Mapping[str, object]) -> None:
        self.address = key_of(kind, facts)
        self._store = store
        self._group = kind
        self._kind = f"{kind}-{self.address[:12]}"
        self._facts = dict(facts)
        self._folders: list[Path] = []
        self._places: dict[str, int] = {}  # of many photographs: one number for folder and row
        self._seen: set[str] = set()
        self._portions: dict[str, Mapping[str, object]] = {}  # those with rows that have no place
        self._listed: dict[str, str] = {}  # photographs without a place, with their portion
        self._guard = threading.Lock()

    def missing(self, photographs: Sequence[str]) -> list[str]:
        """Return the photographs without a row, each once, in their order.

        Args:
            photographs: Their sha256.

        Raises:
            StoreError: The store can't be read.
        """
        asked = dict.fromkeys(photographs)
        with self._guard:
            self._look_for([key for key in asked if key not in self._places])
            return [key for key in asked if key not in self._places]

    def add(self, photographs: Sequence[str], make: Callable[[Path], None]) -> Entry:
        """Keep the rows of photographs.

        Args:
            photographs: Their sha256, each once.
            make: Writes their rows, in this order, into files of the folder it is given.

        Raises:
            StoreError: The store can't be written.
            EdgeqError: Whatever ``make`` raises; nothing is kept then.
        """
        entry = self._store.get_or_make(self._kind, {**self._facts, ROWS: list(photographs)}, make)
        with self._guard:
            self._note(entry, photographs)
        return entry

    def runs(self, photographs: Sequence[str]) -> Iterator[Run]:
        """Yield where the rows of photographs are, in their order; none may be missing."""
        run: Run | None = None
        for photograph in photographs:
            folder, row = self._place(photograph)
            if run and run.folder == folder and run.start + run.count == row:
                run = Run(folder, run.start, run.count + 1)
                continue
            if run:
                yield run
            run = Run(folder, row, 1)
        if run:
            yield run

    def _look_for(self, keys: Sequence[str]) -> None:
        """Note the rows of photographs; a portion is read, and so checked, where it has some."""
        if keys:
            self._list()
        for key in keys:
            while key not in self._places and key in self._listed:
                facts = self._portions[self._listed[key]]
                entry = self._store.find(self._kind, facts)
                if entry is not None:
                    self._note(entry, _rows(facts))
                    continue
                # It was set aside, and another may have the same rows.
                for known in (self._seen, self._portions, self._listed):
                    known.clear()
                self._list()

    def _list(self) -> None:
        """Note which portions have which rows; those that were listed before are not read."""
        for key, facts in self._store.described(self._kind, besides=self._seen):
            self._seen.add(key)
            others = {name: fact for name, fact in facts.items() if name != ROWS}
            if key_of(self._group, others) != self.address:
                continue
            without = [row for row in _rows(facts) if row not in self._places]
            if without:
                self._portions[key] = facts
            for row_key in without:
                self._listed.setdefault(row_key, key)

    def _note(self, entry: Entry, photographs: Sequence[str]) -> None:
        self._seen.add(entry.key)
        self._portions.pop(entry.key, None)
        first = len(self._folders) * _MOST_ROWS
        self._folders.append(entry.folder)
        for row, key in enumerate(photographs):
            self._places.setdefault(key, first + row)
            self._listed.pop(key, None)

    def _place(self, photograph: str) -> tuple[Path, int]:
        portion, row = divmod(self._places[photograph], _MOST_ROWS)
        return self._folders[portion], row


def _rows(facts: Mapping[str, object]) -> list[str]:
    rows = facts.get(ROWS)
    return rows if isinstance(rows, list) else []
