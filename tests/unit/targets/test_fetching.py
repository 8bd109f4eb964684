from __future__ import annotations

import sys
from pathlib import Path

import pytest

from edgeq.errors import EdgeqError
from edgeq.targets import fetching

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
