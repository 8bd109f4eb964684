"""Numbers made from what the store keeps, kept there too, as JSON."""

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
    """Return a struct, made unless the store has it.

    Args:
        store: The store.
        kind: Group of the entry.
        facts: All that the struct depends on.
        make: Makes it.
        type_: What it is; JSON must be able to tell it whole.

    Raises:
        StoreError: The store can't be written.
        EdgeqError: Whatever ``make`` raises; nothing is kept then.
    """
    name = f"{kind}.json"

    def write(folder: Path) -> None:
        (folder / name).write_bytes(msgspec.json.encode(make()))

    entry = store.get_or_make(kind, facts, write)
    return structs.from_json((entry.folder / name).read_bytes(), type_)


@cache
def sources(*rooms: ModuleType) -> str:
    """Return the hash of rooms' sources.

    They count as tools: whoever changes a formula gets new numbers, without raising a version.
    """
    folders = sorted(Path(place) for room in rooms for place in room.__path__)
    paths = (path for folder in folders for path in sorted(folder.glob("*.py")))
    return sha256_bytes("".join(map(sha256_file, paths)).encode())
