from __future__ import annotations

import io
import sys
import tarfile
from pathlib import Path

import pytest

from edgeq.errors import EdgeqError
from edgeq.targets import fetching
from edgeq.targets.fetching import copy_links, extract

TARGETS = """\
http://mirror/debian/ main
http://mirror/debian/ contrib
http://other/debian/ main
"""


def scripts(folder: Path, **commands: str) -> str:
    """Write shell scripts with these names and return their folder."""
    folder.mkdir()
    for name, script in commands.items():
        path = folder / name.replace("_", "-")
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
    return str(folder)


def test_the_mirror_is_the_machines_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", scripts(tmp_path / "bin", apt_get=f"echo '{TARGETS}'"))
    assert fetching.own_mirror() == "http://mirror/debian/"


@pytest.mark.parametrize(
    ("commands", "problem"),
    [
        ({}, "there is no apt-get here"),
        ({"apt_get": "true"}, "apt knows no mirror of Debian here"),
        ({"apt_get": "echo E: broken >&2; exit 100"}, "apt-get failed: E: broken"),
    ],
)
def test_without_a_mirror_it_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, commands: dict[str, str], problem: str
) -> None:
    monkeypatch.setenv("PATH", scripts(tmp_path / "bin", **commands))
    with pytest.raises(EdgeqError, match=problem) as caught:
        fetching.own_mirror()
    assert "--from FILE" in str(caught.value.remedy)


APT = """
for word; do
  case "$word" in
    Dir::Cache::archives=*) archives="${word#*=}" ;;
    Dir::Etc::sourceparts=*) cat "${word#*=}"/* >"$LOG" ;;
    update|install) action=$word ;;
  esac
done
[ "$action" = update ] && exit "${UPDATE:-0}"
for word; do last=$word; echo "$word" >>"$LOG"; done
: >"$archives/$last.deb"
"""


def test_packages_are_fetched_with_a_state_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = scripts(tmp_path / "bin", apt_get=APT, dpkg="echo amd64")
    monkeypatch.setenv("PATH", f"{path}:/usr/bin:/bin")
    monkeypatch.setenv("LOG", str(tmp_path / "log"))
    folder = tmp_path / "folder"
    folder.mkdir()
    (package,) = fetching.fetch_packages(
        ["a", "b:HOST"], machine="arm64", suite="trixie", mirror="http://m/debian", folder=folder
    )
    assert package.name == "b:amd64.deb"
    log = (tmp_path / "log").read_text()
    assert "URIs: http://m/debian\nSuites: trixie\n" in log
    assert "Architectures: amd64 arm64" in log
    assert "--download-only\ninstall\na\nb:amd64\n" in log
    assert "Dir::State::status=/dev/null" in log


def test_a_mirror_that_fails_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    apt = "echo 'E: Failed to fetch http://m/debian' >&2; exit 100"
    path = scripts(tmp_path / "bin", apt_get=apt, dpkg="echo amd64")
    monkeypatch.setenv("PATH", f"{path}:/usr/bin:/bin")
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(EdgeqError, match="apt-get update failed: E: Failed to fetch http://m"):
        fetching.fetch_packages(
            ["a"], machine="arm64", suite="trixie", mirror="http://m/debian", folder=folder
        )


def test_wheels_are_asked_for_by_platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\necho "$@" >{tmp_path}/log\n: >{tmp_path}/folder/x.whl\n')
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    folder = tmp_path / "folder"
    folder.mkdir()
    (wheel,) = fetching.fetch_wheels(
        ["numpy>=2"], python="3.13", platforms=["manylinux_2_28_aarch64"], folder=folder
    )
    assert wheel == folder / "x.whl"
    log = (tmp_path / "log").read_text()
    assert "--platform manylinux_2_28_aarch64" in log
    assert "--no-deps --only-binary=:all:" in log
    assert log.rstrip().endswith("numpy>=2")


def test_a_missing_pip_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho 'No module named pip' >&2\nexit 1\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(EdgeqError, match="pip download failed: No module named pip"):
        fetching.fetch_wheels(["x"], python="3.13", platforms=["any"], folder=tmp_path)


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
