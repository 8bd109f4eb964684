"""A ledger: rows of arrays, one per photograph, kept in the store in portions.

A portion is an entry with the rows of some photographs, which are named by their contents. Sets
that share photographs share rows, in whatever order. A set that grows adds a portion, and an
interrupted run's finished portions are available to the next run.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgeq.store.content import Entry, Store, key_of

ROWS = "photographs"
_MAX_ROWS = 1 << 32
"""Maximum number of rows in a portion."""


@dataclass(frozen=True)
class Run:
    """Consecutive rows of one portion, for consecutive photographs of a set."""

    folder: Path
    start: int
    count: int


class Ledger:
    """Rows that were all made in the same way; safe for several threads.

    Args:
        store: Store that keeps the rows.
        kind: Group of the entries; a suffix in the store's folder tells ledgers apart.
        facts: Everything that a row depends on besides its photograph, as plain JSON values.
    """

    def __init__(self, store: Store, kind: str, facts: Mapping[str, object]) -> None:
        self.address = key_of(kind, facts)
        self._store = store
        self._group = kind
        self._kind = f"{kind}-{self.address[:12]}"
        self._facts = dict(facts)
        self._folders: list[Path] = []
        self._places: dict[str, int] = {}  # one number for folder and row saves memory
        self._seen: set[str] = set()
        self._portions: dict[str, Mapping[str, object]] = {}  # with rows that have no place yet
        self._listed: dict[str, str] = {}  # portion of each photograph that has no place yet
        self._guard = threading.Lock()

    def missing(self, photographs: Sequence[str]) -> list[str]:
        """Return the photographs without a row by their sha256, each once, in order.

        Raises:
            StoreError: The store can't be read.
        """
        unique = dict.fromkeys(photographs)
        with self._guard:
            self._look_for([key for key in unique if key not in self._places])
            return [key for key in unique if key not in self._places]

    def add(self, photographs: Sequence[str], make: Callable[[Path], None]) -> Entry:
        """Store the rows of photographs.

        Args:
            photographs: sha256 of each photograph, each once.
            make: Writes their rows, in this order, into files of the folder that it is given.

        Raises:
            StoreError: The store can't be written.
            EdgeqError: Any error that ``make`` raises; nothing is stored in that case.
        """
        entry = self._store.get_or_make(self._kind, {**self._facts, ROWS: list(photographs)}, make)
        with self._guard:
            self._note(entry, photographs)
        return entry

    def runs(self, photographs: Sequence[str]) -> Iterator[Run]:
        """Yield the locations of photographs' rows, in order; none may be missing."""
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
        """Find the rows of photographs; a portion with some of them is read, and so verified.

        Portions are listed if a photograph is in none that is known, or else a set would list them
        as often as it has portions.
        """
        if any(key not in self._listed for key in keys):
            self._list()
        for key in keys:
            while key not in self._places and key in self._listed:
                facts = self._portions[self._listed[key]]
                entry = self._store.find(self._kind, facts)
                if entry is not None:
                    self._note(entry, _rows(facts))
                    continue
                # It was set aside; another portion may have the same rows.
                for known in (self._seen, self._portions, self._listed):
                    known.clear()
                self._list()

    def _list(self) -> None:
        """Find out which portions have which rows; portions listed before are not read again."""
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
        first = len(self._folders) * _MAX_ROWS
        self._folders.append(entry.folder)
        for row, key in enumerate(photographs):
            self._places.setdefault(key, first + row)
            self._listed.pop(key, None)

    def _place(self, photograph: str) -> tuple[Path, int]:
        portion, row = divmod(self._places[photograph], _MAX_ROWS)
        return self._folders[portion], row


def _rows(facts: Mapping[str, object]) -> list[str]:
    rows = facts.get(ROWS)
    return rows if isinstance(rows, list) else []
