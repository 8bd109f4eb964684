"""A folder that one process writes alone."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn

import pytest

from edgeq.errors import StoreError
from edgeq.store import locks
from edgeq.store.locks import WRITER, alone_in

WRITES = """
import sys, time
from pathlib import Path
from edgeq.store.locks import alone_in

folder = Path(sys.argv[1])
with alone_in(folder):
    (folder / "entered").touch()
    time.sleep(float(sys.argv[2]))
print("done")
"""


def start(folder: Path, seconds: float, **environment: str) -> subprocess.Popen[str]:
    known = {name: value for name, value in os.environ.items() if name != WRITER}
    return subprocess.Popen(
        [sys.executable, "-c", WRITES, str(folder), str(seconds)],
        stdout=subprocess.PIPE,
        text=True,
        env={**known, **environment},
    )


def wait_for(path: Path) -> None:
    end = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < end, f"{path} did not appear"
        time.sleep(0.02)


def test_another_process_waits_and_nothing_is_left(tmp_path: Path) -> None:
    folder = tmp_path / "reports"
    with alone_in(folder):
        other = start(folder, 0)
        time.sleep(2.0)
        assert not (folder / "entered").exists()
        assert other.poll() is None
    assert other.communicate(timeout=60)[0] == "done\n"
    assert [path.name for path in folder.iterdir()] == ["entered"]
    assert WRITER not in os.environ


def test_a_process_that_is_killed_holds_nothing(tmp_path: Path) -> None:
    other = start(tmp_path, 600)
    wait_for(tmp_path / "entered")
    other.kill()
    other.communicate()
    with alone_in(tmp_path):
        assert os.environ[WRITER] == str(tmp_path.resolve())


def test_a_process_that_the_writer_starts_may_write(tmp_path: Path) -> None:
    with alone_in(tmp_path):
        other = start(tmp_path, 0, **{WRITER: os.environ[WRITER]})
        assert other.communicate(timeout=60)[0] == "done\n"


def test_who_waits_too_long_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "TIMEOUT_S", 0.2)
    other = start(tmp_path, 600)
    wait_for(tmp_path / "entered")
    try:
        with pytest.raises(StoreError, match="has been writing it"), alone_in(tmp_path):
            pass
    finally:
        other.kill()
        other.communicate()


def test_a_folder_that_can_not_be_made_keeps_nobody_out(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    entered = False
    with alone_in(tmp_path / "file" / "reports"):
        entered = True
    assert entered


class Clock:
    """A clock that only waiting moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize("timeout", [0.5, 10.0])
def test_all_waiting_together_ends_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, timeout: float
) -> None:
    clock = Clock()
    handle = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    monkeypatch.setattr(locks, "time", clock)
    monkeypatch.setattr(locks, "TIMEOUT_S", timeout)
    try:
        with pytest.raises(StoreError, match="has been writing it"), alone_in(tmp_path):
            pass
    finally:
        os.close(handle)
    assert clock.now == pytest.approx(timeout, abs=0.3)


def test_a_file_system_without_locks_keeps_nobody_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> NoReturn:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", refuse)
    with alone_in(tmp_path):
        pass
    assert capsys.readouterr().err == ""
