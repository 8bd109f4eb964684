"""Children end with their parent, whatever they are doing and however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgeq.processes.lifeline import Lifeline, cut_all
from tests.patience import PATIENCE_S

PARENT = """
import os, pathlib, signal, subprocess, sys, time
from edgeq.processes.lifeline import Lifeline

line = Lifeline()
command = ["sh", "-c", "trap '' TERM HUP INT; echo $$; sleep 600 & echo $!; wait"]
child = subprocess.Popen(
    command, stdout=subprocess.PIPE, start_new_session=True, pass_fds=(line.end,)
)
line.tie(child.pid)
print(child.stdout.readline().decode(), child.stdout.readline().decode(), flush=True)
time.sleep(600)
"""
CONVERTER = """
import sys, pathlib
from edgeq.models.child import run_child
from edgeq.config.structs import Make
folder = pathlib.Path(sys.argv[1])
told = {"told": str(folder / "pids")}
run_child("stuck", told, log=folder / "log", limits=Make(), what="stuck")
"""
STUCK = """
import os, pathlib, subprocess, sys

def work(request):
    other = subprocess.Popen(["sleep", "600"])
    pathlib.Path(request["told"] + ".part").write_text(f"{os.getpid()} {other.pid}")
    os.rename(request["told"] + ".part", request["told"])
    sum(1 for _ in iter(int, 1))  # never comes back
"""
WORKER = """
import sys, pathlib
from edgeq.run.session import Session
from edgeq.run.targets import Target
folder = pathlib.Path(sys.argv[1])
command = (sys.executable, str(folder / "deaf.py"), str(folder / "pids"))
Session(Target("deaf", command, local_files=True), timeout_s=600, memory_limit=None)
"""
DEAF = """
import os, pathlib, subprocess, sys, time
other = subprocess.Popen(["sleep", "600"])
pathlib.Path(sys.argv[1] + ".part").write_text(f"{os.getpid()} {other.pid}")
os.rename(sys.argv[1] + ".part", sys.argv[1])
time.sleep(600)
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the system's signal is Linux's")


def running(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def all_end(pids: list[int]) -> bool:
    end = time.monotonic() + PATIENCE_S
    while any(running(pid) for pid in pids) and time.monotonic() < end:
        time.sleep(0.01)
    return not any(running(pid) for pid in pids)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_child_and_its_children_end_with_the_parent(number: signal.Signals) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pids = [int(word) for _ in range(3) for word in parent.stdout.readline().split()][:2]
    assert all(running(pid) for pid in pids)
    parent.send_signal(number)
    assert parent.wait(PATIENCE_S) == -number
    assert all_end(pids)
    parent.stdout.close()


@pytest.mark.parametrize(
    ("script", "name", "content"), [(CONVERTER, "stuck.py", STUCK), (WORKER, "deaf.py", DEAF)]
)
def test_neither_converter_nor_worker_outlives_a_kill(
    tmp_path: Path, script: str, name: str, content: str
) -> None:
    """The converter is stuck in one call, the worker does not look at its input."""
    (tmp_path / name).write_text(content)
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), root])}
    parent = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], env=environment)
    told = tmp_path / "pids"
    end = time.monotonic() + PATIENCE_S
    while not told.exists() and time.monotonic() < end:
        time.sleep(0.01)
    pids = [int(word) for word in told.read_text().split()]
    assert all(running(pid) for pid in pids)
    parent.kill()
    parent.wait(PATIENCE_S)
    assert all_end(pids)


def test_what_a_child_leaves_behind_ends_when_the_line_is_cut() -> None:
    line = Lifeline()
    child = subprocess.Popen(
        ["/bin/sh", "-c", "sleep 600 >/dev/null & echo $!"],
        stdout=subprocess.PIPE,
        start_new_session=True,
        pass_fds=(line.end,),
        text=True,
    )
    line.tie(child.pid)
    left = int(child.communicate()[0])
    assert running(left)
    line.cut()
    assert all_end([left])


def test_a_line_is_cut_without_a_child_too() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    Lifeline().cut()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_all_children_can_be_ended_at_once() -> None:
    lines, children = [Lifeline(), Lifeline()], []
    for line in lines:
        command = ["sh", "-c", "trap '' TERM INT; sleep 600 & wait"]
        child = subprocess.Popen(command, start_new_session=True, pass_fds=(line.end,))
        line.tie(child.pid)
        children.append(child)
    cut_all()
    assert [child.wait(PATIENCE_S) for child in children] == [-signal.SIGKILL] * 2
    for line in lines:
        line.cut()
    cut_all()  # nothing is left to be ended
