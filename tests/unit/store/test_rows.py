"""Rows by photograph: what a changed set reuses, and what damage costs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgeq.store.content import Store
from edgeq.store.rows import Ledger, Run

FACTS = {"model": "a", "std": (1.0, 2.0)}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def writing(names: list[str]) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / "rows.txt").write_text(" ".join(names), "utf-8")

    return write


def add(ledger: Ledger, *names: str) -> Path:
    return ledger.add(list(names), writing(list(names))).folder


def row_names(ledger: Ledger, *names: str) -> list[str]:
    """Return what the rows of photographs hold."""
    found: list[str] = []
    for run in ledger.runs(names):
        rows = (run.folder / "rows.txt").read_text("utf-8").split()
        found += rows[run.start : run.start + run.count]
    return found


def test_a_set_that_grows_lacks_only_what_is_new(store: Store) -> None:
    first = Ledger(store, "answers", FACTS)
    assert first.missing(["a", "b", "c", "b"]) == ["a", "b", "c"]
    add(first, "a", "b")
    add(first, "c")
    second = Ledger(store, "answers", FACTS)
    assert second.missing(["new", "c", "b", "a", "other"]) == ["new", "other"]
    add(second, "new", "other")
    wanted = ("new", "c", "b", "a", "other", "a")
    assert row_names(second, *wanted) == list(wanted)


def test_rows_that_follow_each_other_are_one_run(store: Store) -> None:
    ledger = Ledger(store, "answers", FACTS)
    one, two = add(ledger, "a", "b", "c"), add(ledger, "d", "e")
    assert list(ledger.runs(["a", "b", "c", "d", "e"])) == [Run(one, 0, 3), Run(two, 0, 2)]
    assert list(ledger.runs(["b", "a", "e"])) == [Run(one, 1, 1), Run(one, 0, 1), Run(two, 1, 1)]


def test_other_facts_are_another_ledger(store: Store) -> None:
    add(Ledger(store, "answers", FACTS), "a")
    for kind, facts in (("answers", {**FACTS, "model": "b"}), ("pixels", FACTS)):
        assert Ledger(store, kind, facts).missing(["a"]) == ["a"]
    assert Ledger(store, "answers", FACTS).missing(["a"]) == []


def test_a_damaged_portion_is_missing_and_made_again(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = Ledger(store, "answers", FACTS)
    folder = add(ledger, "a", "b")
    add(ledger, "c")
    (folder / "rows.txt").write_text("b a", "utf-8")
    later = Ledger(store, "answers", FACTS)
    assert later.missing(["a", "b", "c"]) == ["a", "b"]
    assert "damaged" in capsys.readouterr().err
    add(later, "a", "b")
    assert row_names(later, "b", "c", "a") == ["b", "c", "a"]


def test_a_portion_without_a_description_is_missing(store: Store) -> None:
    folder = add(Ledger(store, "answers", FACTS), "a")
    (folder / "entry.json").write_text("{", "utf-8")
    assert Ledger(store, "answers", FACTS).missing(["a"]) == ["a"]


def test_a_damaged_portion_gives_way_to_another_with_the_same_rows(store: Store) -> None:
    folder = add(Ledger(store, "answers", FACTS), "a", "b")
    add(Ledger(store, "answers", FACTS), "b", "a")
    (folder / "rows.txt").write_text("b a", "utf-8")
    later = Ledger(store, "answers", FACTS)
    assert later.missing(["a", "b"]) == []
    assert row_names(later, "a", "b") == ["a", "b"]


def test_what_another_process_adds_is_found_and_nothing_is_described_twice(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    described: list[str] = []
    original = Store.described

    def counted(self: Store, kind: str, **options: Any) -> Any:
        found = original(self, kind, **options)
        described.extend(key for key, _ in found)
        return found

    monkeypatch.setattr(Store, "described", counted)
    ledger = Ledger(store, "answers", FACTS)
    for number in range(5):
        name = str(number)
        assert ledger.missing([name]) == [name]
        add(Ledger(store, "answers", FACTS), name)
        assert ledger.missing([name]) == []
    assert len(described) == len(set(described)) == 5


def test_a_set_that_is_read_in_portions_is_listed_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [str(number) for number in range(6)]
    for name in names:
        add(Ledger(store, "answers", FACTS), name)
    listings: list[str] = []
    original = Store.described

    def counted(self: Store, kind: str, **options: Any) -> Any:
        listings.append(kind)
        return original(self, kind, **options)

    monkeypatch.setattr(Store, "described", counted)
    ledger = Ledger(store, "answers", FACTS)
    assert [ledger.missing([name]) for name in names] == [[]] * 6
    assert len(listings) == 1
    assert row_names(ledger, *names) == names
