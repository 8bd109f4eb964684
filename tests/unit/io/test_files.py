from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from edgeq.errors import StoreError
from edgeq.io import files
from edgeq.io.files import (
    atomic_path,
    exchanged,
    is_portable,
    read_text,
    read_whole,
    replace_folder,
    restore_folder,
    sha256_bytes,
    sha256_file,
    write_bytes,
    write_text,
)

CONTENT = os.urandom(3_000_000)


def test_hashes_are_those_of_the_content(tmp_path: Path) -> None:
    file = tmp_path / "data"
    file.write_bytes(CONTENT)
    assert sha256_file(file) == sha256_bytes(CONTENT) == hashlib.sha256(CONTENT).hexdigest()


def test_a_file_is_written_whole_with_the_folders_it_needs(tmp_path: Path) -> None:
    target = tmp_path / "a" / "b" / "text.txt"
    write_text(target, "für alle\n")
    assert target.read_bytes() == "für alle\n".encode()
    assert target.stat().st_mode & 0o777 == 0o644
    assert [path.name for path in target.parent.iterdir()] == ["text.txt"]


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "record.json"
    write_bytes(target, b"good")

    def write_half() -> None:
        with atomic_path(target) as temporary:
            temporary.write_bytes(b"hal")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert target.read_bytes() == b"good"
    assert list(tmp_path.iterdir()) == [target]


def test_nobody_sees_a_half_written_file(tmp_path: Path) -> None:
    target = tmp_path / "record.json"
    with atomic_path(target) as temporary:
        temporary.write_bytes(b"half")
        assert temporary.parent == tmp_path
        assert not target.exists()
    assert target.read_bytes() == b"half"


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError) as caught:
        write_bytes(tmp_path / "record.json", b"data")
    assert caught.value.what == "can't be written: No space left on device"
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "reports").write_bytes(b"")
    target = tmp_path / "reports" / "run.json"
    with pytest.raises(StoreError, match="can't be written") as caught:
        write_bytes(target, b"data")
    assert caught.value.where == str(target)
    assert caught.value.remedy


def test_what_a_killed_writer_left_is_removed_and_what_a_live_one_has_is_not(
    tmp_path: Path,
) -> None:
    target = tmp_path / "record[1].json"
    abandoned = tmp_path / ".record[1].json.abc.part"
    other = tmp_path / ".other.json.abc.part"
    fresh = tmp_path / ".record[1].json.fresh.part"
    for path in (abandoned, other, fresh):
        path.write_bytes(b"half")
    for path in (abandoned, other):
        os.utime(path, (1e9, 1e9))
    with atomic_path(target) as live:
        os.utime(live, (1e9, 1e9))
        write_bytes(target, b"whole")
        assert sorted(tmp_path.iterdir()) == sorted([other, fresh, live, target])
        live.write_bytes(b"later")
    assert target.read_bytes() == b"later"


def pipe(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (pipe, "is not a regular file"),
        (device, "is not a regular file"),
        (sparse, "is larger than 64 MB"),
        (Path.mkdir, "Is a directory"),
    ],
)
def test_what_may_have_no_end_is_refused(
    tmp_path: Path, make: Callable[[Path], object], said: str
) -> None:
    path = tmp_path / "data"
    make(path)
    for read in (read_whole, read_text, lambda path: sha256_file(path, 64_000_000)):
        with pytest.raises(OSError, match=said):
            read(path)


def test_a_file_whose_size_its_system_does_not_tell_is_read_whole() -> None:
    path = Path("/proc/self/status")
    assert path.stat().st_size == 0
    assert read_whole(path).startswith(b"Name:")
    with pytest.raises(OSError, match="is larger than 10 bytes"):
        read_whole(path, 10)


def test_a_text_has_the_line_ends_of_python(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("\ufeffä\r\nb\rc\n".encode())
    assert read_text(tmp_path / "a.txt", encoding="utf-8-sig") == "ä\nb\nc\n"


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
        monkeypatch.setattr(files, "exchanged", never)
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
    monkeypatch.setattr(files, "exchanged", never)
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
    monkeypatch.setattr(files, "exchanged", never)
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


@pytest.mark.parametrize("name", ["NUL", "con.txt", "Com1", "lpt9.tar.gz", "ends."])
def test_windows_does_not_allow_every_name(name: str) -> None:
    assert not is_portable(name)


@pytest.mark.parametrize("name", ["null", "con1", "com10", "int8.tflite", ".hidden"])
def test_names_that_only_resemble_a_devices_are_allowed(name: str) -> None:
    assert is_portable(name)
