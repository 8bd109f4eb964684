from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from edgeq.errors import ModelError
from edgeq.models import keras_archive
from edgeq.models.keras_archive import check_archive


def archive(path: Path, *names: str, content: bytes = b"{}") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name in names:
            file.writestr(name, content)
    return path


def test_what_keras_writes_is_taken(tmp_path: Path) -> None:
    check_archive(archive(tmp_path / "a.keras", "config.json", "assets/a.txt", "model.weights.h5"))


@pytest.mark.parametrize(
    "name", ["../evil.py", "/etc/evil", "a/../../evil", "..\\evil", "C:\\evil"]
)
def test_nothing_is_unpacked_outside(tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelError, match="outside its folder"):
        check_archive(archive(tmp_path / "a.keras", "config.json", name))


def test_a_link_is_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("model.weights.h5")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.keras", "w") as file:
        file.writestr(link, "/etc/passwd")
    with pytest.raises(ModelError, match="outside its folder"):
        check_archive(tmp_path / "a.keras")


def test_a_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = archive(tmp_path / "a.keras", "model.weights.h5", content=bytes(3_000_000))
    check_archive(bomb)
    monkeypatch.setattr(keras_archive, "_SMALL_BYTES", 1_000_000)
    with pytest.raises(ModelError, match=r"would unpack .* bytes to 3000000"):
        check_archive(bomb)
    monkeypatch.setattr(keras_archive, "MOST_TIMES", 10**9)
    check_archive(bomb)
    monkeypatch.setattr(keras_archive, "MOST_BYTES", 2_000_000)
    with pytest.raises(ModelError, match="would unpack"):
        check_archive(bomb)


def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras_archive, "MOST_MEMBERS", 2)
    with pytest.raises(ModelError, match="holds 3 files"):
        check_archive(archive(tmp_path / "a.keras", "a", "b", "c"))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"no archive" * 100])
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.keras").write_bytes(content)
    with pytest.raises(ModelError, match=r"is not a \.keras file"):
        check_archive(tmp_path / "a.keras")
