"""Another machine, reached with the system's ``ssh``. The command line contains the worker.

Nothing is copied there beforehand, and nothing stays. The worker is the argument of ``python3 -c``,
models are received into unnamed files, and the worker ends when its standard input does.
"""

from __future__ import annotations

import os
import re
import secrets
import shlex
import subprocess
import tempfile
import threading
import weakref
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from edgeq.config.target_kinds import Ssh
from edgeq.errors import EdgeqError
from edgeq.processes.environment import allowed, without_proxies
from edgeq.run.targets import WORKER, Ended, Explanation, Target
from edgeq.targets import bundle
from edgeq.targets.bundle import NO_COMMAND, NOT_EXECUTABLE, TOO_OLD, travelling
from edgeq.targets.parts import Supply

SSH_FAILED = 255
CONNECT_S, ALIVE_S, SILENT = 15, 10, 3
"""Seconds allowed for connecting, seconds between checks that the host responds, and how many such
checks may go unanswered."""

END_S = 2.0
"""Seconds in which a connection must end once nobody needs it."""

_OPTIONS = {
    "BatchMode": "yes",
    "ConnectTimeout": CONNECT_S,
    "ServerAliveInterval": ALIVE_S,
    "ServerAliveCountMax": SILENT,
    "RequestTTY": "no",
    "ClearAllForwardings": "yes",
}


def start(name: str, settings: Ssh) -> Target:
    """Return the command line that starts the worker on another machine.

    Raises:
        EdgeqError: A file of its settings is missing, or it uses a bundle and was not added.
    """
    _require_files(settings)
    if settings.bundle:
        there = bundle.bundle(name, settings.machine, settings.folder).starting
    else:
        there = shlex.join([settings.python, "-c", travelling(WORKER.read_bytes())])
    shared = SharedConnection(settings)
    return Target(
        name,
        _shell(settings, there, shared.socket),
        explain=partial(explain, name, settings),
        greeted=shared.open,
    )


def _require_files(settings: Ssh) -> None:
    """Refuse files that are missing; ssh goes on without a key, which the machine then refuses.

    Raises:
        EdgeqError: One is.
    """
    for key in ("identity", "config"):
        file = getattr(settings, key)
        if file is not None and not Path(file).is_file():
            raise EdgeqError("does not exist", where=file, remedy=f"Correct `{key}`")


class SharedConnection:
    """A connection through which the workers of a target are started once the first has answered.

    It saves each of them the connecting. An ``ssh`` that runs ``cat`` there holds it, and ends
    when its standard input does, however this process ends. If there is none, a worker's own
    ``ssh`` connects itself.

    Attributes:
        socket: Path at which ``ssh`` offers it to others; None if the folder for temporary files
            has a path that is too long for one, or that ``ssh`` would not take literally.
    """

    def __init__(self, settings: Ssh) -> None:
        path = Path(tempfile.gettempdir(), f"edgeq-{secrets.token_hex(8)}.ssh")
        self.socket = path if re.fullmatch(r"[\w./+@-]{1,80}", str(path), re.ASCII) else None
        self._command = _shell(settings, "exec cat", self.socket, keeps=True)
        self._guard = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def open(self) -> None:
        """Connect in the background, unless that is done."""
        with self._guard:
            lost = self._process is not None and self._process.poll() is not None
            if self.socket is None or (self._process is not None and not lost):
                return
            if lost:  # what was killed leaves its socket
                self.socket.unlink(missing_ok=True)
            self._process = subprocess.Popen(  # noqa: S603 - the system's ssh
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=without_proxies(allowed(os.environ, remote=True)),
                start_new_session=True,
            )
            weakref.finalize(self, _end, self._process, self.socket)


def _end(process: subprocess.Popen[bytes], socket: Path) -> None:
    """Let a connection end, and wait until it has, for some seconds at most."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    socket.unlink(missing_ok=True)  # an ssh that was killed leaves it


def prepare(name: str, settings: Ssh, supply: Supply) -> Iterator[str]:
    """Send the bundle there, if it is used, and yield lines for people.

    Raises:
        EdgeqError: A file of its settings is missing, a part can't be fetched, or the machine does
            not take the bundle.
    """
    _require_files(settings)
    if not settings.bundle:
        yield f"nothing    {settings.python!r} there is used; bundle = true brings one along"
        return
    yield from bundle.prepare(
        name,
        settings.machine,
        settings.folder,
        supply,
        command=partial(_shell, settings),
        explain=partial(explain, name, settings),
    )


def _shell(
    settings: Ssh, text: str, socket: Path | None = None, *, keeps: bool = False
) -> tuple[str, ...]:
    """Return the command that runs a shell command there."""
    named = {
        **_OPTIONS,
        "ControlMaster": "yes" if keeps else "no",
        "ControlPath": socket or "none",
        "ControlPersist": "no",
    }
    options = [text for key, value in named.items() for text in ("-o", f"{key}={value}")]
    if settings.config is not None:
        options += ["-F", settings.config]
    if settings.port is not None:
        options += ["-p", str(settings.port)]
    if settings.identity is not None:
        options += ["-i", settings.identity, "-o", "IdentitiesOnly=yes"]
    # The intermediate shell turns a signal into an exit code, so that 255 always comes from ssh.
    shell = shlex.join(["exec", "sh", "-c", f"{text}; exit $?"])
    return ("ssh", *options, "--", settings.host, shell)


_SWITCHED_ON = "Check that it is switched on and in the network"
_CLOSED = (
    "{host!r} closed the connection before ssh was logged in",
    "Run again; if it stays so, see the log of its ssh server",
)
_REASONS = {
    "could not resolve hostname": (
        "ssh can't find the host {host!r}",
        "Check `host` and the network",
    ),
    "permission denied": (
        "{host!r} accepts none of the keys that ssh offers",
        "Name the right key with `identity`, or add yours there: ssh-copy-id {host}",
    ),
    "too many authentication failures": (
        "{host!r} accepts none of the keys that ssh offers",
        "Name the right key with `identity`",
    ),
    "host key verification failed": (
        "the key that {host!r} shows is not the one that ssh knows, or ssh knows none",
        "Check that it is the right machine, then connect once by hand: ssh {host}",
    ),
    "connection refused": (
        "{host!r} refuses the ssh connection",
        "Check `port`, and that its ssh server runs",
    ),
    "connection reset": _CLOSED,
    "connection closed": _CLOSED,
    "timed out": ("{host!r} does not answer", _SWITCHED_ON),
    "no route to host": ("there is no route to {host!r}", _SWITCHED_ON),
}


def explain(name: str, settings: Ssh, ended: Ended) -> Explanation | None:
    """Return what an exit code of ``ssh`` means, None if it is the worker's own."""
    last = bundle.last_line(ended).rstrip(".")
    if ended.code == SSH_FAILED:
        return _not_connected(settings.host, ended, last)
    if ended.greeted:
        return None
    if settings.bundle:
        return bundle.explain(name, settings.machine, settings.folder, ended)
    if ended.code in {NO_COMMAND, NOT_EXECUTABLE}:
        return Explanation(
            f"there is no {settings.python!r} on {settings.host!r} ({last})",
            "Install Python 3.9 or newer there, name it with `python`, or bring one along: "
            "bundle = true",
        )
    if ended.code == TOO_OLD:
        return Explanation(
            f"{settings.python!r} on {settings.host!r} is {last}",
            "Name a Python of 3.9 or newer with `python`, or bring one along: bundle = true",
        )
    return None


def _not_connected(host: str, ended: Ended, last: str) -> Explanation:
    if ended.greeted:
        return Explanation(
            f"the connection to {host!r} was lost ({last})",
            "Check the network there and that the machine is still on, and run again",
        )
    printed = ended.output.lower()
    for words, (what, remedy) in _REASONS.items():
        if words in printed:
            return Explanation(f"{what.format(host=host)} ({last})", remedy.format(host=host))
    return Explanation(f"ssh can't connect to {host!r} ({last})", f"Try it by hand: ssh {host}")
