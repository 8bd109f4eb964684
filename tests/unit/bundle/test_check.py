from __future__ import annotations

import io
import json
import os
import random
import shutil
import struct
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from edgeq.bundle import BundleResult, check
from edgeq.errors import BundleError
from tests.unit.bundle import packages
from tests.unit.report import records


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> BundleResult:
    root = tmp_path_factory.mktemp("packed")
    return packages.make(root / "project").pack(root / "bundle")


@pytest.fixture
def folder(packed: BundleResult, tmp_path: Path) -> Path:
    return Path(shutil.copytree(packed.folder, tmp_path / "bundle"))


MODEL = f"{records.MODEL}/int8/model.tflite"


def change(folder: Path) -> None:
    path = folder / MODEL
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (change, f"changed: {MODEL}"),
        (lambda folder: (folder / MODEL).unlink(), f"missing: {MODEL}"),
        (lambda folder: (folder / "more").write_text("x"), "not in the manifest: more"),
        (lambda folder: (folder / "manifest.json").unlink(), "it has no manifest.json"),
        (lambda folder: (folder / "manifest.json").write_text("{"), "can't be read"),
        (
            lambda folder: (folder / "link").symlink_to(folder / MODEL),
            "symbolic link: link",
        ),
    ],
)
def test_damage_is_named(folder: Path, damage: Callable[[Path], object], message: str) -> None:
    damage(folder)
    with pytest.raises(BundleError) as caught:
        check(folder)
    assert message in caught.value.what
    assert caught.value.where == str(folder)


def test_all_damage_is_named_at_once(folder: Path) -> None:
    change(folder)
    (folder / "example.py").unlink()
    for number in range(12):
        (folder / f"extra-{number:02}").write_text("x")
    with pytest.raises(BundleError) as caught:
        check(folder)
    for part in (f"changed: {MODEL}", "missing: example.py", "extra-00", "and 4 more"):
        assert part in caught.value.what


@pytest.mark.parametrize("name", ["../out", "/etc/passwd", "a/../../b", "a\\b", "C:x", "a//b"])
def test_a_manifest_that_leads_outside_is_refused(folder: Path, name: str) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][name] = {"sha256": "0", "bytes": 1}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match=r"manifest.json lists"):
        check(folder)


def test_a_variant_with_a_name_that_says_more_is_refused(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["variants"][0]["model"] = "tiny\x1b[2J\n::error title=x::y"
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match="which edgeq never writes") as caught:
        check(folder)
    assert str(caught.value).isprintable()


def test_a_newer_schema_is_refused(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["schema"] = "edgeq.bundle/9"
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match=r"edgeq\.bundle/9"):
        check(folder)


def test_no_package(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no zip")
    with pytest.raises(BundleError, match="no such package"):
        check(tmp_path / "absent")
    with pytest.raises(BundleError, match="can't be read"):
        check(tmp_path / "text")


def rewritten(packed: BundleResult, target: Path, edit: Callable[[zipfile.ZipFile], None]) -> Path:
    """Return a copy of the package's zip to which something was added."""
    target.write_bytes(packed.zip.read_bytes())
    with zipfile.ZipFile(target, "a") as opened:
        edit(opened)
    return target


def entry(name: str, mode: int = 0o100644) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = mode << 16
    return info


@pytest.mark.parametrize(
    ("info", "message"),
    [
        (entry("../out"), "points outside the package"),
        (entry("/etc/passwd"), "points outside the package"),
        (entry("a/../../b"), "points outside the package"),
        (entry("a\\b"), "not a plain relative name"),
        (entry("C:/x"), "not a plain relative name"),
        (entry("folder/"), "entry for a folder|not a plain relative name"),
        (entry("link", 0o120777), "is a symbolic link"),
        (entry("more"), "not in the manifest: more"),
    ],
)
def test_a_zip_with_a_bad_entry_is_refused(
    packed: BundleResult, tmp_path: Path, info: zipfile.ZipInfo, message: str
) -> None:
    bad = rewritten(packed, tmp_path / "bad.zip", lambda opened: opened.writestr(info, b"x"))
    with pytest.raises(BundleError, match=message):
        check(bad)


def test_a_name_twice_is_refused(packed: BundleResult, tmp_path: Path) -> None:
    def twice(opened: zipfile.ZipFile) -> None:
        with pytest.warns(UserWarning, match="Duplicate name"):
            opened.writestr(entry("example.py"), b"x")

    with pytest.raises(BundleError, match="appears twice"):
        check(rewritten(packed, tmp_path / "bad.zip", twice))


def test_a_bomb_is_refused_before_it_is_read(
    packed: BundleResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bomb(opened: zipfile.ZipFile) -> None:
        opened.writestr(entry("zeros"), bytes(10_000_000), zipfile.ZIP_DEFLATED)

    bad = rewritten(packed, tmp_path / "bomb.zip", bomb)

    def no_reading(*_arguments: Any) -> None:
        raise AssertionError("an entry was read")

    monkeypatch.setattr(zipfile.ZipFile, "open", no_reading)
    with pytest.raises(BundleError, match=r"is compressed \(\d+ bytes stand for 10000000\)"):
        check(bad)


def test_more_content_than_bytes_is_refused(packed: BundleResult, tmp_path: Path) -> None:
    """Entries that share one place in the file, as overlapping bombs do."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as opened:
        opened.writestr(entry("manifest.json"), b"{}" + b" " * 100_000)
        first = opened.infolist()[0]
        for number in range(50):
            copy = entry(f"copy-{number}")
            copy.file_size = copy.compress_size = first.file_size
            copy.CRC, copy.header_offset = first.CRC, first.header_offset
            opened.filelist.append(copy)
            opened.NameToInfo[copy.filename] = copy
    (tmp_path / "bad.zip").write_bytes(data.getvalue())
    with pytest.raises(BundleError, match="declares 5100102 bytes of content in a file of"):
        check(tmp_path / "bad.zip")


def test_every_single_byte_of_a_model_counts(packed: BundleResult, tmp_path: Path) -> None:
    data = bytearray(packed.zip.read_bytes())
    place = data.index(b"TFL3")
    data[place + 40] ^= 0xFF
    bad = tmp_path / "bad.zip"
    bad.write_bytes(data)
    with pytest.raises(BundleError, match=r"Bad CRC-32|changed"):
        check(bad)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_truncated_zip_is_refused(packed: BundleResult, tmp_path: Path, share: float) -> None:
    data = packed.zip.read_bytes()
    (tmp_path / "cut.zip").write_bytes(data[: int(len(data) * share)])
    with pytest.raises(BundleError, match="can't be read"):
        check(tmp_path / "cut.zip")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (MODEL.upper(), "appears twice if case is ignored"),
        ("example.py/more", "'example.py' is also a folder"),
        ("nul.txt", "not a valid name on every system"),
        ("example.py.", "not a valid name on every system"),
        ("example.py ", "not a plain relative name"),
        ("x\n::error title=x::y", "not a plain relative name"),
        ("z\x1b[2J", "not a plain relative name"),
    ],
)
def test_a_name_that_is_another_file_elsewhere_is_refused(
    packed: BundleResult, tmp_path: Path, name: str, message: str
) -> None:
    def edit(opened: zipfile.ZipFile) -> None:
        opened.writestr(entry(name), b"x")

    with pytest.raises(BundleError, match=message) as caught:
        check(rewritten(packed, tmp_path / "bad.zip", edit))
    assert str(caught.value).isprintable()


def moved(data: bytes) -> bytes:
    """Return a zip whose last entry is read from somewhere behind its directory."""
    at = data.rindex(b"PK\x01\x02")
    return data[: at + 42] + struct.pack("<I", len(data) - 34) + data[at + 46 :]


def doubted(data: bytes) -> bytes:
    """Return a zip whose first entry has another size for who reads it as a stream."""
    return data[:22] + struct.pack("<I", 1) + data[26:]


@pytest.mark.parametrize(
    "mangle",
    [
        lambda data: b"#!/bin/sh\necho owned; exit\n" + data,
        lambda data: data + bytes(200),
        moved,
        doubted,
    ],
    ids=["a script before it", "more behind it", "an entry elsewhere", "two sizes"],
)
def test_bytes_that_belong_to_no_file_are_refused(
    packed: BundleResult, tmp_path: Path, mangle: Callable[[bytes], bytes]
) -> None:
    (tmp_path / "bad.zip").write_bytes(mangle(packed.zip.read_bytes()))
    with pytest.raises(BundleError, match=r"belong to no file|contradicts itself|can't be read"):
        check(tmp_path / "bad.zip")


@pytest.mark.parametrize("name", ["pipe", "manifest.json"])
def test_a_pipe_in_a_folder_is_refused(folder: Path, name: str) -> None:
    (folder / name).unlink(missing_ok=True)
    os.mkfifo(folder / name)
    with pytest.raises(BundleError, match=r"not a regular file: pipe|it has no manifest.json"):
        check(folder)


def test_a_pipe_is_no_package(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "package.zip")
    with pytest.raises(BundleError, match="is not a regular file"):
        check(tmp_path / "package.zip")


def test_damage_is_one_error_whatever_it_makes_of_the_zip(
    packed: BundleResult, tmp_path: Path
) -> None:
    good, draw = packed.zip.read_bytes(), random.Random(1)  # noqa: S311 - damage, no secret
    first = good.index(b"PK\x01\x02")
    refused = 0
    for _ in range(300):
        bad = bytearray(good)
        for _ in range(draw.randint(1, 4)):
            place = draw.randrange(first, len(bad) - 4)
            struct.pack_into("<I", bad, place, draw.choice((0, 2**31 - 1, 2**32 - 1, place)))
        (tmp_path / "bad.zip").write_bytes(bad)
        with suppress(BundleError):
            check(tmp_path / "bad.zip")
            continue
        refused += 1
    assert refused > 200
