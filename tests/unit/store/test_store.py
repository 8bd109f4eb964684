from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeq.store.content import Entry, Store, key_of
from tests.unit.entries import FACTS, OTHER, Maker, flip_bit, leftovers


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def test_what_is_made_once_is_read_ever_after(store: Store) -> None:
    make = Maker()
    first = store.get_or_make("variants", FACTS, make)
    second = Store(store.root).get_or_make("variants", FACTS, make)
    assert (first.made, second.made, make.calls) == (True, False, 1)
    assert second.folder == first.folder == store.root / "variants" / key_of("variants", FACTS)
    assert first.facts == second.facts == FACTS
    assert (second.folder / "saved" / "variables" / "data").read_bytes() == b"deep"
    assert leftovers(store) == []


def test_entry_json_says_what_it_was_made_from(store: Store) -> None:
    entry = store.get_or_make("variants", FACTS, Maker())
    described = json.loads((entry.folder / "entry.json").read_bytes())
    assert (described["kind"], described["facts"]) == ("variants", FACTS)
    assert set(described["files"]) == {"model.tflite", "saved/variables/data"}


def test_other_facts_and_other_kinds_have_other_addresses(store: Store) -> None:
    folders = {
        store.get_or_make(kind, facts, Maker()).folder
        for kind, facts in (("a", FACTS), ("a", OTHER), ("b", FACTS))
    }
    assert len(folders) == 3


def test_the_address_does_not_depend_on_the_order_of_facts() -> None:
    assert key_of("a", FACTS) == key_of("a", dict(reversed(FACTS.items())))
    assert key_of("a", {"size": (4, 4)}) == key_of("a", {"size": [4, 4]})


def test_find_makes_nothing(store: Store) -> None:
    assert store.find("variants", FACTS) is None
    assert not store.root.exists()
    store.get_or_make("variants", FACTS, Maker())
    found = store.find("variants", FACTS)
    assert found is not None
    assert not found.made


def cut_description(entry: Entry) -> None:
    file = entry.folder / "entry.json"
    file.write_bytes(file.read_bytes()[:40])


def replace_by_folder(entry: Entry) -> None:
    (entry.folder / "model.tflite").unlink()
    (entry.folder / "model.tflite").mkdir()


def replace_by_file(entry: Entry) -> None:
    shutil.rmtree(entry.folder)
    entry.folder.write_bytes(b"")


def move_another_here(entry: Entry) -> None:
    other = Store(entry.folder.parent.parent).get_or_make("variants", OTHER, Maker(b"other"))
    shutil.rmtree(entry.folder)
    other.folder.rename(entry.folder)


def drop_model(entry: Entry) -> None:
    (entry.folder / "model.tflite").unlink()


def drop_description(entry: Entry) -> None:
    (entry.folder / "entry.json").unlink()


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (flip_bit, "content differs from its sha256: model.tflite"),
        (drop_model, "a file is missing"),
        (drop_description, "a file is missing"),
        (cut_description, "entry.json is not a description"),
        (replace_by_folder, "Is a directory"),
        (replace_by_file, "Not a directory"),
        (move_another_here, "entry.json describes another entry"),
    ],
)
def test_a_damaged_entry_is_set_aside_and_made_again(
    store: Store,
    capsys: pytest.CaptureFixture[str],
    damage: Callable[[Entry], None],
    reason: str,
) -> None:
    make = Maker()
    entry = store.get_or_make("variants", FACTS, make)
    damage(entry)
    capsys.readouterr()
    again = store.get_or_make("variants", FACTS, make)
    assert (again.folder, again.made, make.calls) == (entry.folder, True, 2)
    assert (again.folder / "model.tflite").read_bytes() == b"made"
    [aside] = (store.root / "quarantine").iterdir()
    assert aside.name.startswith(entry.key)
    said = capsys.readouterr().err
    assert "a damaged store entry was set aside" in said
    assert reason in said


def test_find_sets_a_damaged_entry_aside_too(store: Store) -> None:
    entry = store.get_or_make("variants", FACTS, Maker())
    flip_bit(entry)
    assert store.find("variants", FACTS) is None
    assert not entry.folder.exists()


@settings(max_examples=40)
@given(st.data())
def test_no_flipped_bit_is_ever_believed(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    store = Store(tmp_path_factory.mktemp("store"))
    entry = store.get_or_make("variants", FACTS, Maker())
    name = data.draw(st.sampled_from(["entry.json", "model.tflite", "saved/variables/data"]))
    content = bytearray((entry.folder / name).read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    (entry.folder / name).write_bytes(content)
    again = store.get_or_make("variants", FACTS, Maker())
    assert again.made
    assert again.facts == FACTS
    assert (again.folder / "model.tflite").read_bytes() == b"made"


def test_an_entry_that_was_mended_meanwhile_is_not_set_aside(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process notices the damage first, and has made the entry again when we look."""
    entry = store.get_or_make("variants", FACTS, Maker())
    flip_bit(entry)
    locked = Store._locked

    def other_was_faster(self: Store, kind: str, key: str) -> object:
        monkeypatch.setattr(Store, "_locked", locked)
        assert Store(store.root).get_or_make(kind, FACTS, Maker()).made
        return locked(self, kind, key)

    monkeypatch.setattr(Store, "_locked", other_was_faster)
    make = Maker()
    assert not store.get_or_make("variants", FACTS, make).made
    assert make.calls == 0
    assert len(list((store.root / "quarantine").iterdir())) == 1


def test_an_entry_that_is_wrong_is_set_aside_with_the_reason(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = store.get_or_make("variants", FACTS, Maker())
    store.set_aside(entry.folder, "it was made of another file")
    assert not entry.folder.exists()
    [aside] = (store.root / "quarantine").iterdir()
    assert (aside / "model.tflite").is_file()
    assert capsys.readouterr().err == (
        f"edgeq: a damaged store entry was set aside: {entry.folder}: it was made of another file\n"
    )
    assert store.get_or_make("variants", FACTS, Maker()).made
