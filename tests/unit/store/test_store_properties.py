"""The store against a plain table, whatever is done to its files in between."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edgeq.store import prune
from edgeq.store.content import QUARANTINE, TEMPORARY, Store

KINDS = ("variants", "answers")
names = st.sampled_from(["a", "b", "c"])
kinds = st.sampled_from(KINDS)


class StoreMachine(RuleBasedStateMachine):
    """Entries are asked for, damaged, removed, verified and pruned in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="edgeq-store-"))
        self.store = Store(self.root / "störe here")
        self.whole: set[tuple[str, str]] = set()
        self.damaged: set[tuple[str, str]] = set()

    def teardown(self) -> None:
        """Remove the store."""
        shutil.rmtree(self.root)

    def folder(self, kind: str, name: str) -> Path:
        """Return the folder of an entry."""
        entries = self.store.folders()
        return next(path for path in entries if path.parent.name == kind and _tells(path, name))

    @rule(kind=kinds, name=names, size=st.integers(0, 3))
    def ask(self, kind: str, name: str, size: int) -> None:
        """What is returned is what was made for these facts, and is made only where needed."""
        made = []

        def make(folder: Path) -> None:
            made.append(name)
            for number in range(size):
                (folder / f"{number}").mkdir()
                (folder / f"{number}" / "data").write_bytes(name.encode() * 100)
            (folder / "model").write_bytes(f"{kind}/{name}".encode())

        entry = self.store.get_or_make(kind, {"name": name}, make)
        assert (entry.folder / "model").read_bytes() == f"{kind}/{name}".encode()
        assert entry.made == bool(made) == ((kind, name) not in self.whole)
        self.whole.add((kind, name))
        self.damaged.discard((kind, name))

    @rule(kind=kinds, name=names)
    def find(self, kind: str, name: str) -> None:
        """What is damaged is not found."""
        entry = self.store.find(kind, {"name": name})
        assert (entry is not None) == ((kind, name) in self.whole)
        self.damaged.discard((kind, name))

    @precondition(lambda self: self.whole)
    @rule(data=st.data())
    def damage(self, data: st.DataObject) -> None:
        """One bit of the model changes, or a file goes."""
        kind, name = data.draw(st.sampled_from(sorted(self.whole)))
        file = self.folder(kind, name) / "model"
        content = bytearray(file.read_bytes())
        bit = data.draw(st.integers(0, len(content) * 8))
        if bit == len(content) * 8:
            file.unlink()
        else:
            content[bit // 8] ^= 1 << bit % 8
            file.write_bytes(content)
        self.whole.discard((kind, name))
        self.damaged.add((kind, name))

    @rule(kind=kinds, name=names)
    def fail(self, kind: str, name: str) -> None:
        """A failure while something is made leaves nothing."""

        def make(folder: Path) -> None:
            (folder / "model").write_bytes(b"half")
            raise KeyboardInterrupt

        try:
            self.store.get_or_make(kind, {"name": name}, make)
        except KeyboardInterrupt:
            assert (kind, name) not in self.whole
        else:
            assert (kind, name) in self.whole
        self.damaged.discard((kind, name))

    @rule()
    def verify(self) -> None:
        """Exactly what is damaged is set aside."""
        found = list(prune.verify(self.store))
        assert sum(why is not None for _, why in found) == len(self.damaged)
        assert len(found) == len(self.whole) + len(self.damaged)
        self.damaged.clear()

    @rule(most=st.sampled_from([0, 10**9]))
    def prune(self, most: int) -> None:
        """No more is kept than may be, and nothing is left that is not an entry."""
        prune.prune(self.store, most)
        assert not (self.store.root / QUARANTINE).exists()
        if most == 0:
            self.whole.clear()
            self.damaged.clear()

    @invariant()
    def nothing_unfinished_is_left(self) -> None:
        """Folders that things are made in are gone once they are made."""
        place = self.store.root / TEMPORARY
        assert not place.exists() or not list(place.iterdir())


def _tells(folder: Path, name: str) -> bool:
    return f'"name":"{name}"' in (folder / "entry.json").read_text("utf-8").replace(" ", "")


StoreMachine.TestCase.settings = settings(max_examples=25, stateful_step_count=15)
TestStore = StoreMachine.TestCase
