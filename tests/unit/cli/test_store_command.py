from __future__ import annotations

from pathlib import Path

import pytest

from edgeq.cli import main
from edgeq.store.content import Store
from tests.unit.entries import FACTS, Maker, flip_bit


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.chdir(tmp_path)
    kept = Store(tmp_path / "kept")
    for seed in range(3):
        kept.get_or_make("variants", {**FACTS, "seed": seed}, Maker(b"x" * 1000))
    kept.get_or_make("pixels", FACTS, Maker(b"x" * 5000))
    return kept


def test_kinds_and_entries_are_listed(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["store", "list", "--store", "kept"]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split() == ["kind", "entries", "size"]
    assert [line.split()[:2] for line in lines[:2]] == [["pixels", "1"], ["variants", "3"]]
    assert [line.index(" kB") for line in lines[:2]] == [len(head) - 3] * 2
    assert lines[-1].startswith("kept: 4 entries, ")
    assert main(["store", "list", "--store", "kept", "--entries"]) == 0
    head, *_, last, _ = capsys.readouterr().out.splitlines()
    assert head.split() == ["size", "entry"]
    assert last.endswith(f"pixels/{next((store.root / 'pixels').iterdir()).name}")


def test_damage_is_named_and_has_an_exit_code(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["store", "verify", "--store", "kept"]) == 0
    assert capsys.readouterr().out == "kept: 4 entries, 0 damaged\n"
    entry = store.find("variants", FACTS)
    assert entry is not None
    flip_bit(entry)
    assert main(["store", "verify", "--store", "kept"]) == 1
    said = capsys.readouterr().out
    assert f"damaged  variants/{entry.key}: content differs" in said
    assert "kept: 4 entries, 1 damaged" in said
    assert main(["store", "list", "--store", "kept"]) == 0
    assert "of quarantine" in capsys.readouterr().out


@pytest.mark.parametrize(("size", "left"), [("0", 0), ("7 kB", 2), ("1 GB", 4)])
def test_the_store_is_pruned_to_a_size(
    store: Store, capsys: pytest.CaptureFixture[str], size: str, left: int
) -> None:
    assert main(["store", "prune", "--store", "kept", "--max-size", size]) == 0
    assert f"removed {4 - left} entr" in capsys.readouterr().out
    assert len(list(store.folders())) == left


@pytest.mark.parametrize("size", ["", "much", "-1", "1e400 GB"])
def test_a_size_that_is_none_is_refused(
    store: Store, capsys: pytest.CaptureFixture[str], size: str
) -> None:
    assert main(["store", "prune", "--store", "kept", "--max-size", size]) == 2
    assert "is not a size" in capsys.readouterr().err
    assert len(list(store.folders())) == 4


def test_the_specs_own_store_is_the_default(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = f'store = "{store.root.name}"\n[models.tiny]\nsource = "net.tflite"\n'
    (tmp_path / "edgeq.toml").write_text(text, encoding="utf-8")
    assert main(["store", "list"]) == 0
    assert "kept: 4 entries" in capsys.readouterr().out
