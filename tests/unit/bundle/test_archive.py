from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeq.bundle import archive


@pytest.mark.parametrize("name", ["int8", "int8@tensorflow", "efficientnetv2-b0", "a.b_c+d"])
def test_plain_names_stay(name: str) -> None:
    assert archive.folder_name(name) == name


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "/etc", "a/b", "C:\\x", "LICENSES", "manifest.json", "x."]
)
def test_other_names_become_harmless(name: str) -> None:
    safe = archive.folder_name(name)
    assert safe != name
    assert safe.lower() not in archive.RESERVED


@given(st.text(max_size=200), st.text(max_size=200))
def test_names_are_safe_and_different(one: str, other: str) -> None:
    safe = archive.folder_name(one)
    assert 0 < len(safe) <= 100
    assert not set(safe) & set("/\\\0: ")
    assert not safe.startswith(".")
    assert (safe == archive.folder_name(other)) is (one == other)


def test_the_zip_depends_on_names_and_content_alone(tmp_path: Path) -> None:
    for number, folder in enumerate(("one", "two")):
        for name in ("b/c", "a") if number else ("a", "b/c"):
            path = tmp_path / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)
            path.chmod(0o600 if number else 0o755)
            os.utime(path, (number * 10**9, number * 10**9))
        archive.write_zip(tmp_path / folder, tmp_path / f"{folder}.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as opened:
        assert opened.namelist() == ["a", "b/c"]
        assert {entry.date_time for entry in opened.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {entry.external_attr >> 16 for entry in opened.infolist()} == {0o100644}
        assert opened.testzip() is None


def test_what_is_a_package(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no zip")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as opened:
        opened.writestr("a", "b")
    assert not archive.is_package(tmp_path / "text")
    assert not archive.is_package(tmp_path / "other.zip")
    assert not archive.is_package(tmp_path / "absent")
