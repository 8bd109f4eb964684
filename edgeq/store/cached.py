"""Caches derived numbers in the store, as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TypeVar

import msgspec

from edgeq.io import structs
from edgeq.io.files import sha256_bytes, sha256_file
from edgeq.store.content import Store

T = TypeVar("T")


def keep(
    store: Store, kind: str, facts: Mapping[str, object], make: Callable[[], T], type_: type[T]
) -> T:
    """Return a struct from the store, making it if it is missing.

    Args:
        store: The store.
        kind: Group of the entry.
        facts: Everything that the struct depends on.
        make: Function that makes the struct.
        type_: Type of the struct, which JSON must be able to represent completely.

    Raises:
        StoreError: The store can't be written.
        EdgeqError: Any error that ``make`` raises; nothing is stored in that case.
    """
    name = f"{kind}.json"

    def write(folder: Path) -> None:
        (folder / name).write_bytes(msgspec.json.encode(make()))

    entry = store.get_or_make(kind, facts, write)
    return structs.from_json((entry.folder / name).read_bytes(), type_)


@cache
def sources(*rooms: ModuleType) -> str:
    """Return the hash of the source files of some rooms.

    With the hash among an entry's facts, changing a formula gives new numbers without a version
    number to raise.
    """
    folders = sorted(Path(place) for room in rooms for place in room.__path__)
    paths = (path for folder in folders for path in sorted(folder.rglob("*.py")))
    return sha256_bytes("".join(map(sha256_file, paths)).encode())
