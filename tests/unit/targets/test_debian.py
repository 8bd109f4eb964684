from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from edgeq.errors import EdgeqError
from edgeq.targets.debian import copy_links, extract


def member(name: str, content: bytes) -> bytes:
    header = f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n".encode()
    return header + content + b"\n" * (len(content) % 2)


def package(folder: Path, files: dict[str, bytes], links: dict[str, str] | None = None) -> Path:
    """Write a package of these files and symbolic links."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:xz") as archive:
        for name, content in files.items():
            header = tarfile.TarInfo(name)
            header.size, header.mode = len(content), 0o755 if "/bin/" in name else 0o644
            archive.addfile(header, io.BytesIO(content))
        for name, target in (links or {}).items():
            header = tarfile.TarInfo(name)
            header.type, header.linkname = tarfile.SYMTYPE, target
            archive.addfile(header)
    path = folder / "x.deb"
    path.write_bytes(
        b"!<arch>\n"
        + member("debian-binary", b"2.0\n")
        + member("control.tar.xz", b"odd")
        + member("data.tar.xz/", data.getvalue())
    )
    return path


def test_what_is_needed_is_extracted_with_its_mode(tmp_path: Path) -> None:
    path = package(tmp_path, {"./usr/bin/x": b"run", "./usr/lib/y": b"y", "./etc/z": b"z"})
    root = tmp_path / "root"
    assert extract(path, root, lambda name: name.startswith("usr/")) == {}
    assert {str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()} == {
        "usr/bin/x",
        "usr/lib/y",
    }
    assert (root / "usr/bin/x").stat().st_mode & 0o111
    assert not (root / "usr/lib/y").stat().st_mode & 0o111


def test_links_become_copies_whatever_their_order(tmp_path: Path) -> None:
    links = {
        "./usr/lib/a/liby.so": "liby.so.1",
        "./usr/lib/a/liby.so.1": "../b/liby.so.1.2",
        "./usr/lib/a/abs.so": "/usr/lib/b/liby.so.1.2",
        "./usr/lib/a/gone.so": "nowhere.so",
        "./usr/lib/a/round.so": "round.so",
    }
    root = tmp_path / "root"
    left = extract(
        package(tmp_path, {"./usr/lib/b/liby.so.1.2": b"y"}, links), root, lambda _: True
    )
    copy_links(root, left)
    assert {p.name for p in (root / "usr/lib/a").iterdir()} == {"liby.so", "liby.so.1", "abs.so"}
    assert (root / "usr/lib/a/liby.so").read_bytes() == b"y"
    assert not any(p.is_symlink() for p in root.rglob("*"))


def test_nothing_leads_out_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    links = {"./usr/lib/a": "../../../secret", "./usr/lib/b": str(tmp_path / "secret")}
    root = tmp_path / "root"
    left = extract(package(tmp_path, {"./usr/../../out": b"out"}, links), root, lambda _: True)
    copy_links(root, left)
    assert not (tmp_path / "out").exists()
    assert not list(root.rglob("*")) or not any(p.is_file() for p in root.rglob("*"))


@pytest.mark.parametrize(
    "content", [b"", b"!<arch>\n", b"PK", b"!<arch>\n" + member("data.tar.xz", b"no archive")]
)
def test_what_is_no_package_is_one_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.deb"
    path.write_bytes(content)
    with pytest.raises(EdgeqError, match="is not a package that can be read") as caught:
        extract(path, tmp_path / "root", lambda _: True)
    assert caught.value.where == str(path)
