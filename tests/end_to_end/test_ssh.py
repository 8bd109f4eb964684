"""The ssh target against OpenSSH's own server: answers, errors, and what is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from edgeq.config.structs import Preprocessing
from edgeq.config.target_kinds import KINDS, Ssh
from edgeq.errors import WorkerError
from edgeq.run.session import Session
from edgeq.run.targets import Target
from edgeq.targets import tiny
from edgeq.targets.check import check
from edgeq.targets.ssh import start
from tests.end_to_end.sshd import Server
from tests.patience import PATIENCE_S

KILLS = 8


def board(server: Server, **changes: object) -> Target:
    settings = {
        "host": "board",
        "config": str(server.config),
        "identity": str(server.identity),
        "python": sys.executable,
    }
    return start("board", Ssh(**{**settings, **changes}))  # type: ignore[arg-type]


def refusal(target: Target) -> str:
    with pytest.raises(WorkerError) as caught:
        Session(target, timeout_s=60, memory_limit=None)
    return str(caught.value)


def test_a_board_is_right(server: Server) -> None:
    checked = check(KINDS.get("ssh"), board(server))
    assert checked.problems == ()
    assert checked.facts.versions["python"] == ".".join(map(str, sys.version_info[:3]))


def test_a_wrong_key_a_missing_python_and_an_unknown_host_are_told_apart(server: Server) -> None:
    assert "accepts none of the keys" in refusal(board(server, identity=str(server.stranger)))
    assert "there is no 'python3.99'" in refusal(board(server, python="python3.99"))
    assert "refuses the ssh connection" in refusal(board(server, port=1))
    assert "can't find the host" in refusal(board(server, host="nobody.invalid"))


def test_an_unknown_host_key_is_said(server: Server, tmp_path: Path) -> None:
    known = server.config.parent / "known_hosts"
    config = tmp_path / "config"
    config.write_text(server.config.read_text().replace(str(known), str(tmp_path / "none")))
    assert "is not the one that ssh knows" in refusal(board(server, config=str(config)))


def test_a_worker_that_is_killed_there_is_not_a_lost_connection(server: Server) -> None:
    with Session(board(server), timeout_s=60, memory_limit=None) as session:
        (worker,) = workers(server)
        os.kill(worker, signal.SIGKILL)
        with pytest.raises(WorkerError, match=r"exit code 137 \(SIGKILL\)"):
            session.state()


def test_a_lost_connection_is_said(server: Server) -> None:
    with Session(board(server), timeout_s=60, memory_limit=None) as session:
        for pid in server.connections:
            os.kill(pid, signal.SIGKILL)
        with pytest.raises(WorkerError, match="the connection to 'board' was lost"):
            session.state()
    wait_for(lambda: not workers(server))


def test_a_disk_without_space_is_said(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "tiny.tflite"
    path.write_bytes(tiny.model("int8"))
    script = tmp_path / "python"
    script.write_text(f'#!/bin/sh\nulimit -f 1\ntrap "" XFSZ\nexec {sys.executable} "$@"\n')
    script.chmod(0o755)
    target = board(server, python=str(script))
    with (
        Session(target, timeout_s=60, memory_limit=None) as session,
        pytest.raises(WorkerError, match="the model can't be written there"),
    ):
        session.load(path, threads=1, kernels="xnnpack")


def test_nothing_is_left_after_kills_in_the_middle(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "tiny.tflite"
    path.write_bytes(tiny.model("float32"))
    images = np.repeat(tiny.pixels(), 64, axis=0)
    before = temporary_files()
    target = board(server)
    for _ in range(KILLS):
        session = Session(target, timeout_s=60, memory_limit=None)
        loaded = session.load(path, threads=1, kernels="xnnpack")
        session.infer(loaded.handle, images, Preprocessing())
        assert workers(server)
        session._worker._channel._process.kill()
        session.close()
    wait_for(lambda: not workers(server))
    del target, session  # with which the connection ends that all but the first came by
    wait_for(lambda: not server.connections)
    assert temporary_files() == before


def test_workers_after_the_first_come_by_one_connection(server: Server) -> None:
    target = board(server)
    with Session(target, timeout_s=60, memory_limit=None) as first:
        socket = offered(target)
        wait_for(lambda: socket.exists() and len(server.connections) == 2)
        with Session(target, timeout_s=60, memory_limit=None) as second:
            assert len(server.connections) == 2
            assert second.facts == first.facts
    for pid in server.connections:
        os.kill(pid, signal.SIGKILL)
    with Session(target, timeout_s=60, memory_limit=None) as session:
        session.state()
        wait_for(socket.exists)  # a lost one is made again
    del target, first, second, session  # with which the connection ends
    wait_for(lambda: not server.connections and not socket.exists())


def test_an_ssh_that_is_killed_leaves_no_socket(server: Server) -> None:
    target = board(server)
    with Session(target, timeout_s=60, memory_limit=None) as session:
        socket = offered(target)
        wait_for(socket.exists)
        running = target.greeted.__self__._process  # type: ignore[attr-defined]
        running.kill()
        running.wait()
    assert socket.exists(), "ssh had no time to remove it"
    del target, session
    wait_for(lambda: not socket.exists())


def test_a_process_that_is_killed_leaves_no_connection(server: Server) -> None:
    keys = {"config": str(server.config), "identity": str(server.identity)}
    script = (
        "import os, signal, sys; from edgeq.run.session import Session\n"
        "from edgeq.config.target_kinds import Ssh; from edgeq.targets.ssh import start\n"
        f"target = start('board', Ssh(host='board', python=sys.executable, **{keys!r}))\n"
        "session = Session(target, timeout_s=60, memory_limit=None)\n"
        "socket = target.greeted.__self__.socket\n"
        "while not socket.exists(): pass\n"
        "print(socket, flush=True); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, check=False)
    socket = Path(killed.stdout.decode().strip())
    assert (killed.returncode, socket.suffix) == (-signal.SIGKILL, ".ssh")
    wait_for(lambda: not server.connections and not workers(server) and not socket.exists())


def offered(target: Target) -> Path:
    """Return where a target's connection is offered to other workers."""
    (option,) = (text for text in target.command if text.startswith("ControlPath="))
    return Path(option.removeprefix("ControlPath="))


def temporary_files() -> set[Path]:
    return {
        path
        for folder in ("/tmp", "/var/tmp")  # noqa: S108
        for pattern in ("tmp*", "edgeq-*.ssh")
        for path in Path(folder).glob(pattern)
    }


def workers(server: Server) -> list[int]:
    """Return the Pythons that run a worker that came over ssh."""
    port = f" {server.port}\0".encode()  # of SSH_CONNECTION
    running = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            environment = (entry / "environ").read_bytes()
            program = (entry / "exe").readlink().name
        except OSError:  # it has ended
            continue
        ours = words[1:2] == [b"-c"] and b"worker.py" in words[2] and port in environment
        if ours and program.startswith("python"):
            running.append(int(entry.name))
    return running


def wait_for(condition: object) -> None:
    assert callable(condition)
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.2)
