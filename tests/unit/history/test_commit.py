from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from edgeq.history import commit
from edgeq.history.commit import checked_out

NAMES = {"GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"}


@pytest.fixture(autouse=True)
def no_repository_around(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    for name in ("GIT_DIR", "GIT_WORK_TREE"):
        monkeypatch.delenv(name, raising=False)
    for name in NAMES:
        monkeypatch.setenv(name, "someone")


def git(folder: Path, *arguments: str) -> str:
    command = [shutil.which("git") or "", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_the_commit_of_a_repository(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    assert checked_out(tmp_path) is None
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "first")
    assert checked_out(tmp_path) == git(tmp_path, "log", "-1", "--format=%H")


def test_no_repository_and_no_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert checked_out(tmp_path) is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert checked_out(Path(__file__).parent) is None


def test_a_git_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = tmp_path / "git"
    slow.write_text("#!/bin/sh\nexec sleep 30\n", encoding="utf-8")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(commit, "TIMEOUT_S", 0.2)
    assert checked_out(tmp_path) is None
