"""Remembered hashes: trusted only as long as nothing can have changed."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from edgeq.io import files
from edgeq.io.files import sha256_bytes
from edgeq.store import digests as module
from edgeq.store.digests import FILE, Digests

CONTENT = b"a photograph"


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Return the list of the files that are really hashed."""
    seen: list[Path] = []

    def sha256(path: Path) -> str:
        seen.append(path)
        return files.sha256_file(path)

    monkeypatch.setattr(module, "sha256_file", sha256)
    return seen


@pytest.fixture
def photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a file that was written long ago, as the clock sees it."""
    path = tmp_path / "photo.jpg"
    path.write_bytes(CONTENT)
    later = time.time_ns() + 60_000_000_000
    monkeypatch.setattr(time, "time_ns", lambda: later)
    return path


def digest(root: Path, path: Path) -> str:
    digests = Digests(root)
    found = digests.of(path)
    digests.keep()
    return found


def test_an_unchanged_file_is_hashed_once(tmp_path: Path, photo: Path, hashed: list[Path]) -> None:
    for _ in range(3):
        assert digest(tmp_path, photo) == sha256_bytes(CONTENT)
    assert hashed == [photo]


def test_same_size_and_time_do_not_hide_another_content(
    tmp_path: Path, photo: Path, hashed: list[Path]
) -> None:
    digest(tmp_path, photo)
    before = photo.stat()
    # The file is not as old as the clock says: a file system counts in steps of milliseconds, and
    # the other content is to come after the step in which the file was written.
    while photo.stat().st_ctime_ns == before.st_ctime_ns:
        photo.write_bytes(CONTENT[::-1])
        os.utime(photo, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert digest(tmp_path, photo) == sha256_bytes(CONTENT[::-1])
    assert len(hashed) == 2


def test_a_file_put_in_its_place_is_hashed(tmp_path: Path, photo: Path, hashed: list[Path]) -> None:
    digest(tmp_path, photo)
    other = tmp_path / "other.jpg"
    other.write_bytes(CONTENT[::-1])
    other.replace(photo)
    assert digest(tmp_path, photo) == sha256_bytes(CONTENT[::-1])
    assert len(hashed) == 2


def test_a_fresh_file_is_not_trusted(
    tmp_path: Path, hashed: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "fresh.jpg"
    path.write_bytes(CONTENT)
    now = path.stat().st_ctime_ns + files.STEP_NS // 2
    monkeypatch.setattr(time, "time_ns", lambda: now)  # however long the next lines take
    digest(tmp_path, path)
    digest(tmp_path, path)
    assert hashed == [path, path]
    assert not (tmp_path / FILE).exists()


@pytest.mark.parametrize("text", [b"", b"{", b'{"a": 1}', b"\xff"])
def test_a_damaged_memory_is_forgotten(
    tmp_path: Path, photo: Path, hashed: list[Path], text: bytes
) -> None:
    digest(tmp_path, photo)
    (tmp_path / FILE).write_bytes(text)
    assert digest(tmp_path, photo) == digest(tmp_path, photo) == sha256_bytes(CONTENT)
    assert len(hashed) == 2


def test_what_is_gone_is_forgotten(tmp_path: Path, photo: Path, hashed: list[Path]) -> None:
    digest(tmp_path, photo)
    other = photo.with_name("other.jpg")
    photo.rename(other)
    digest(tmp_path, other)
    assert photo.name not in (tmp_path / FILE).read_text("utf-8")
    assert hashed == [photo, other]
