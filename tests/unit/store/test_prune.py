from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest

from edgeq.errors import StoreError
from edgeq.models.child import log_path
from edgeq.store import locks, prune
from edgeq.store.content import Entry, Store
from tests.unit.entries import Maker, flip_bit

USER = """
import pathlib, sys
from edgeq.store.content import Store
store = Store(pathlib.Path(sys.argv[1]))
store.get_or_make("variants", {"name": "a"}, lambda folder: (folder / "data").write_bytes(b"a"))
print("used", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "a store, für alle")


def keep(store: Store, name: str, count: int = 1000, used: float | None = None) -> Entry:
    entry = store.get_or_make("variants", {"name": name}, Maker(b"x" * count))
    if used is not None:
        os.utime(entry.folder, (used, used))
    return entry


def names(found: tuple[prune.Kept, ...]) -> list[str]:
    return [one.folder.name for one in found]


def test_entries_come_with_their_size_and_the_last_used_at_the_end(store: Store) -> None:
    old, new = keep(store, "old", 10, used=2e9), keep(store, "new", 20, used=1e9)
    assert names(prune.entries(store)) == [new.key, old.key]
    found = prune.entries(store)[1]
    files = [path for path in old.folder.rglob("*") if path.is_file()]
    assert found.bytes == sum(path.stat().st_size for path in files)
    assert (found.kind, found.folder, found.used) == ("variants", old.folder, 2e9)


def test_reading_an_entry_is_a_use(store: Store) -> None:
    first = keep(store, "first", used=1e9)
    second = keep(store, "second", used=1e9 + 1)
    assert keep(store, "first").made is False
    assert names(prune.entries(store)) == [second.key, first.key]
    os.utime(first.folder, (1e9 + 2, 1e9 + 2))  # a file system may not tell two uses in one moment
    assert store.find("variants", {"name": "second"}) is not None
    assert names(prune.entries(store)) == [first.key, second.key]


def test_nothing_is_in_no_store(store: Store) -> None:
    assert prune.entries(store) == ()
    assert list(prune.verify(store)) == []
    assert prune.prune(store, 0) == prune.Pruned((), (), 0)
    assert not store.root.exists()


def test_what_is_damaged_is_found_and_set_aside(store: Store) -> None:
    good, bad = keep(store, "good"), keep(store, "bad")
    flip_bit(bad)
    found = dict(prune.verify(store))
    assert found[good.folder] is None
    assert "content differs" in str(found[bad.folder])
    assert dict(prune.verify(store)) == {good.folder: None}
    assert prune.leftovers(store) > 1000
    assert keep(store, "bad").made


def test_a_stray_file_between_the_entries_is_damage(store: Store) -> None:
    keep(store, "good")
    (store.root / "variants" / "stray").write_bytes(b"")
    assert sum(why is not None for _, why in prune.verify(store)) == 1


def test_what_was_not_used_for_longest_goes_first(store: Store) -> None:
    old, mid, new = (keep(store, name, used=1e9 + at) for at, name in enumerate("abc"))
    size = prune.entries(store)[0].bytes
    pruned = prune.prune(store, 2 * size)
    assert names(pruned.removed) == [old.key]
    assert names(pruned.kept) == names(prune.entries(store)) == [mid.key, new.key]
    assert pruned.leftovers == 0
    assert keep(store, "a").made
    assert not keep(store, "c").made


def test_pruning_leaves_nothing_that_no_entry_needs(store: Store) -> None:
    stays, goes = keep(store, "stays", used=2e9), keep(store, "goes", used=1e9)
    for entry in (stays, goes):
        log = log_path(store, "variants", entry.facts)
        log.parent.mkdir(exist_ok=True)
        log.write_bytes(b"log")
    flip_bit(keep(store, "bad"))
    keep(store, "bad", used=1e8)
    (store.root / "tmp" / "variants-0-half").mkdir()
    (store.root / "tmp" / "variants-0-half" / "data").write_bytes(b"half")
    aside = prune.leftovers(store)
    pruned = prune.prune(store, prune.entries(store)[-1].bytes)
    assert names(pruned.kept) == [stays.key]
    assert pruned.leftovers == aside + len(b"log")
    assert {path.relative_to(store.root).as_posix() for path in store.root.rglob("*")} == {
        ".gitignore",
        "locks",
        "locks/in-use",
        "logs",
        f"logs/variants-{stays.key}.log",
        "variants",
        *(
            path.relative_to(store.root).as_posix()
            for path in (stays.folder, *stays.folder.rglob("*"))
        ),
    }


def test_a_store_in_use_is_not_pruned(store: Store) -> None:
    command = [sys.executable, "-c", USER, str(store.root)]
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": root}
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as user:
        assert user.stdout is not None
        assert user.stdout.readline() == "used\n"
        with pytest.raises(StoreError, match="can't be pruned: a run uses it"):
            prune.prune(store, 0, wait_s=0.1)
        assert len(prune.entries(store)) == 1
        user.communicate("end\n")
    assert len(prune.prune(store, 0, wait_s=0.1).removed) == 1


def test_a_store_that_is_pruned_is_waited_for(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "TIMEOUT_S", 0.05)
    with (
        locks.unused(store.root / "locks", 1),
        pytest.raises(StoreError, match="can't be used: another process has been pruning it"),
    ):
        keep(store, "new")
    assert keep(store, "new").made


def test_a_store_that_can_not_be_locked_is_still_read(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(store, "kept")

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(locks, "_used", {})
    monkeypatch.setattr(locks, "_open", refuse)
    assert not keep(store, "kept").made
    with pytest.raises(StoreError, match="can't be pruned: Permission denied"):
        prune.prune(store, 0)


def test_a_store_that_can_not_be_read_is_named_with_the_reason(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def folders(self: Store) -> NoReturn:
        raise OSError(errno.EIO, os.strerror(errno.EIO), str(self.root))

    monkeypatch.setattr(Store, "folders", folders)
    with pytest.raises(StoreError, match="can't be read: Input/output error") as caught:
        prune.entries(store)
    assert caught.value.where == str(store.root)
