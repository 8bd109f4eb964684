from __future__ import annotations

from pathlib import Path

import pytest

from edgeq.io import folders
from edgeq.io.folders import exchanged, replace_folder, restore_folder


def folder(path: Path, content: str) -> Path:
    path.mkdir()
    (path / "file").write_text(content, encoding="utf-8")
    return path


def content(path: Path) -> str:
    return (path / "file").read_text(encoding="utf-8")


def never(_: Path, __: Path) -> bool:
    return False


@pytest.mark.parametrize("at_once", [True, False])
def test_a_folder_takes_the_place_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, at_once: bool
) -> None:
    if not at_once:
        monkeypatch.setattr(folders, "exchanged", never)
    target, new = folder(tmp_path / "bundle", "old"), folder(tmp_path / "new", "new")
    replace_folder(target, new)
    assert content(target) == "new"
    left = {path.name for path in tmp_path.iterdir()} - {"bundle"}
    assert left == ({"new"} if at_once else set())
    if at_once:
        assert content(new) == "old"


def test_a_folder_is_put_where_none_is(tmp_path: Path) -> None:
    replace_folder(tmp_path / "bundle", folder(tmp_path / "new", "new"))
    assert content(tmp_path / "bundle") == "new"


def test_this_system_exchanges_names_at_once(tmp_path: Path) -> None:
    one, other = folder(tmp_path / "one", "1"), folder(tmp_path / "other", "2")
    assert exchanged(one, other)
    assert (content(one), content(other)) == ("2", "1")
    assert not exchanged(one, tmp_path / "nowhere")


def test_what_a_kill_left_between_two_renames_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "exchanged", never)
    target, new = folder(tmp_path / "bundle", "old"), folder(tmp_path / "new", "new")
    rename = Path.rename

    def killed(path: Path, to: Path) -> Path:
        if path == new:
            raise KeyboardInterrupt
        return rename(path, to)

    monkeypatch.setattr(Path, "rename", killed)
    with pytest.raises(KeyboardInterrupt):
        replace_folder(target, new)
    monkeypatch.setattr(Path, "rename", rename)
    assert not target.exists()
    restore_folder(target)
    assert content(target) == "old"


def test_a_rename_that_fails_leaves_the_old_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "exchanged", never)
    target = folder(tmp_path / "bundle", "old")
    with pytest.raises(OSError, match="No such file"):
        replace_folder(target, tmp_path / "nowhere")
    assert content(target) == "old"


def test_what_was_replaced_and_not_removed_is_removed(tmp_path: Path) -> None:
    target = folder(tmp_path / "bundle", "new")
    folder(tmp_path / ".bundle.before", "old")
    restore_folder(target)
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]
    assert content(target) == "new"
