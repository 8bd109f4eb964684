from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from edgeq.errors import EdgeqError
from edgeq.targets.parts import cache, hashed, pack, unpack

FACTS = {"machine": "aarch64", "python": "3.13"}


@pytest.fixture
def parts(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "fetched"
    folder.mkdir()
    paths = [folder / "b.whl", folder / "a.deb"]
    for path in paths:
        path.write_bytes(path.name.encode() * 1000)
    return paths


@pytest.fixture
def packed(tmp_path: Path, parts: list[Path]) -> Path:
    file = tmp_path / "parts.tar"
    pack(file, FACTS, parts)
    return file


def place(folder: Path) -> Path:
    empty = folder / "empty"
    empty.mkdir()
    return empty


def test_what_was_packed_is_unpacked(tmp_path: Path, packed: Path, parts: list[Path]) -> None:
    facts, paths = unpack(packed, place(tmp_path))
    assert facts == FACTS
    assert hashed(paths) == hashed(parts)


def test_the_same_parts_are_the_same_bytes(tmp_path: Path, packed: Path, parts: list[Path]) -> None:
    again = tmp_path / "again.tar"
    pack(again, FACTS, parts[::-1])
    assert again.read_bytes() == packed.read_bytes()
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize("at", [0.05, 0.3, 0.5])
def test_a_truncated_file_is_refused(tmp_path: Path, packed: Path, at: float) -> None:
    content = packed.read_bytes()
    packed.write_bytes(content[: int(len(content) * at)])
    with pytest.raises(EdgeqError) as caught:
        unpack(packed, place(tmp_path))
    assert caught.value.where == str(packed)
    assert "--save" in str(caught.value.remedy)


def test_a_part_that_differs_from_its_sha256_is_named(tmp_path: Path, packed: Path) -> None:
    content = bytearray(packed.read_bytes())
    content[content.index(b"a.deba.deb")] ^= 1
    packed.write_bytes(content)
    with pytest.raises(EdgeqError, match=r"is damaged: a\.deb differs"):
        unpack(packed, place(tmp_path))


@pytest.mark.parametrize("name", ["../out", "/tmp/edgeq-out", "inner/out"])  # noqa: S108
def test_nothing_is_written_beside_the_folder(
    tmp_path: Path, packed: Path, name: str, parts: list[Path]
) -> None:
    with tarfile.open(packed, "a") as archive:
        archive.add(parts[0], name)
    empty = place(tmp_path)
    unpack(packed, empty)
    assert sorted(path.name for path in empty.rglob("*")) == ["a.deb", "b.whl", "manifest.json"]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("content", [b"", b"not an archive", b"\0" * 10240])
def test_another_file_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "parts.tar"
    file.write_bytes(content)
    with pytest.raises(EdgeqError, match="can't be read as the parts of a target"):
        unpack(file, place(tmp_path))


def test_a_folder_that_can_not_be_written_is_one_error(tmp_path: Path, parts: list[Path]) -> None:
    with pytest.raises(EdgeqError, match="can't be written"):
        pack(tmp_path / "none" / "parts.tar", FACTS, parts)


def test_the_cache_is_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache("x").root == tmp_path / ".cache" / "edgeq" / "targets" / "x"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "c"))
    assert cache("x").root == tmp_path / "c" / "edgeq" / "targets" / "x"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache("x").root == tmp_path / ".cache" / "edgeq" / "targets" / "x"
