"""What the tests of the store put into it."""

from __future__ import annotations

from pathlib import Path

from edgeq.store.content import Entry, Store

FACTS: dict[str, object] = {"model": "abc", "seed": 1, "scale": 0.1, "size": [4, 4]}
OTHER: dict[str, object] = {**FACTS, "seed": 2}


class Maker:
    """Writes an entry of two files and counts how often."""

    def __init__(self, content: bytes = b"made") -> None:
        self.calls = 0
        self.content = content

    def __call__(self, folder: Path) -> None:
        self.calls += 1
        (folder / "model.tflite").write_bytes(self.content)
        (folder / "saved" / "variables").mkdir(parents=True)
        (folder / "saved" / "variables" / "data").write_bytes(b"deep")


def leftovers(store: Store) -> list[str]:
    return [path.name for path in (store.root / "tmp").iterdir()]


def flip_bit(entry: Entry) -> None:
    file = entry.folder / "model.tflite"
    data = bytearray(file.read_bytes())
    data[1] ^= 1
    file.write_bytes(data)
