"""Ctrl-C and kill -9: what was done is kept, nothing passes, and no process is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edgeq.record import structs as records
from tests.patience import PATIENCE_S
from tests.plugin.projects import OPTIONS, SUITE, Project

TEST = (
    SUITE
    + """
import pathlib, time
from edgeq.run.session import Session
from edgeq.run.targets import local_target


def test_zz_stuck(edgeq_run):
    session = Session(local_target(), timeout_s=600, memory_limit=None)
    pid = session._worker._channel._process.pid
    pathlib.Path("stuck.part").write_text(str(pid))
    pathlib.Path("stuck.part").rename("stuck")
    time.sleep(600)
"""
)


@contextmanager
def stuck(project: Project, *arguments: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Yield a pytest that has a worker and is stuck in the project's last test."""
    (project.root / "test_gate.py").write_text(TEST, encoding="utf-8")
    project.write()
    command = [sys.executable, "-m", "pytest", *OPTIONS, *arguments]
    with (project.root / "output.txt").open("wb") as output:
        process = subprocess.Popen(command, cwd=project.root, stdout=output, stderr=output)
        end = time.monotonic() + PATIENCE_S
        while not (project.root / "stuck").exists() and process.poll() is None:
            assert time.monotonic() < end
            time.sleep(0.02)
        try:
            yield process, int((project.root / "stuck").read_text())
        finally:
            process.kill()
            process.wait()


def ends(pid: int) -> bool:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        try:
            os.kill(pid, 0)
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except (ProcessLookupError, FileNotFoundError):
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


def said(project: Project) -> str:
    return (project.root / "output.txt").read_text("utf-8")


def test_ctrl_c_leaves_what_was_done(project: Project) -> None:
    with stuck(project, "-k", "size_reduction or max_bytes or stuck") as (process, worker):
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 130
        assert ends(worker)
    record = project.record
    assert record.interrupted
    assert not record.summary.passes
    assert {one.gate for one in record.cases} == {"size_reduction", "max_bytes"}
    assert "The run was interrupted after 4 cases of 25" in said(project)
    page = (project.reports / "report.html").read_text("utf-8")
    assert "INTERRUPTED" in page
    assert "The run was interrupted" in (project.reports / "summary.md").read_text("utf-8")
    assert "Traceback" not in said(project)
    assert records.from_json(records.to_json(record)) == record


def test_ctrl_c_after_every_verdict_is_no_pass(project: Project) -> None:
    with stuck(project) as (process, worker):
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 130
        assert ends(worker)
    record = project.record
    assert record.interrupted
    assert record.summary.complete
    assert record.summary.failed == 0
    assert not record.summary.passes
    assert "The run fails: it was interrupted" in said(project)


def test_ctrl_c_before_the_first_verdict_leaves_no_older_answer(project: Project) -> None:
    assert project.run().ret == 0
    assert project.record.summary.may_ship
    with stuck(project, "-k", "stuck") as (process, _):
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 130
    assert project.record.interrupted
    assert project.record.cases == ()
    assert not project.record.summary.passes


@pytest.mark.skipif(sys.platform != "linux", reason="the system's signal is Linux's")
def test_no_worker_outlives_a_kill(project: Project) -> None:
    with stuck(project, "-k", "stuck") as (process, worker):
        process.kill()
        assert process.wait(PATIENCE_S) == -signal.SIGKILL
        assert ends(worker)


@pytest.mark.skipif(sys.platform != "linux", reason="the system's signal is Linux's")
def test_no_worker_outlives_a_kill_under_xdist(project: Project) -> None:
    with stuck(project, "-n", "2") as (process, worker):
        process.kill()
        assert process.wait(PATIENCE_S) == -signal.SIGKILL
        assert ends(worker)


def test_ctrl_c_under_xdist_is_no_pass(project: Project) -> None:
    with stuck(project, "-n", "2") as (process, worker):
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 130
        assert ends(worker)
    assert project.record.interrupted
    assert not project.record.summary.passes
    assert "Traceback" not in said(project)


def test_a_project_without_a_spec_keeps_pytests_own_exit_code(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it():\n    raise KeyboardInterrupt\n")
    assert pytester.runpytest_subprocess().ret == pytest.ExitCode.INTERRUPTED
