"""Child processes that answer requests, and the pool of idle ones."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

import msgspec

from edgeq.config.structs import Make
from edgeq.io import structs
from edgeq.models.serving import Request, Response
from edgeq.processes.environment import allowed, importable
from edgeq.processes.lifeline import Lifeline
from edgeq.processes.memory import resident_bytes
from edgeq.processes.pool import Idle
from edgeq.words import size

LOOK_S = 0.5
READ_BYTES = 1 << 16


class TooMuchError(Exception):
    """The child exceeded a limit."""

    def __init__(self, what: str, remedy: str):
        self.what, self.remedy = what, remedy
        super().__init__(what, remedy)


class Child:
    """A child process that answers one request at a time."""

    def __init__(
        self, kind: str, log: Path, variables: Sequence[str] = (), scratch: Path | None = None
    ) -> None:
        self.kind = kind
        self._lifeline = Lifeline()
        # Converters leave files behind when they end, and more when they are killed.
        self._scratch = tempfile.TemporaryDirectory(
            prefix="edgeq-", dir=scratch, ignore_cleanup_errors=True
        )
        self._answers, theirs = os.pipe()
        try:
            with log.open("ab") as output:
                self._process = subprocess.Popen(  # noqa: S603 (our own module)
                    [sys.executable, "-P", "-m", "edgeq.models.serving", kind, str(theirs)],
                    stdin=subprocess.PIPE,
                    stdout=output.fileno(),
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    env={**_environment(variables), "TMPDIR": self._scratch.name},
                    pass_fds=(self._lifeline.end, theirs),
                )
        except BaseException:
            self._lifeline.cut()
            os.close(self._answers)
            self._scratch.cleanup()
            raise
        finally:
            os.close(theirs)
        self._lifeline.tie(self._process.pid)

    def ask(self, request: Request, limits: Make) -> Response | int:
        """Send a request; return the response, or the exit code if the child ended.

        Raises:
            TooMuchError: The child exceeded a limit; it is still running.
        """
        with suppress(BrokenPipeError):
            self._stdin.write(msgspec.json.encode(request) + b"\n")
            self._stdin.flush()
        end = time.monotonic() + limits.timeout_s
        line = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self._answers, selectors.EVENT_READ)
            while not line.endswith(b"\n"):
                if selector.select(max(0.0, min(LOOK_S, end - time.monotonic()))):
                    data = os.read(self._answers, READ_BYTES)
                    if not data:
                        return self._process.wait()
                    line += data
                elif time.monotonic() >= end:
                    raise TooMuchError(
                        f"took longer than {limits.timeout_s:g} s and was stopped",
                        "Raise make.timeout_s if it may take that long",
                    )
                elif resident_bytes(self._process.pid) > limits.memory_limit:
                    raise too_much_memory(limits)
        return structs.from_json(line, Response)

    def end(self) -> None:
        """Kill the child and everything it started, and delete its temporary files."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._lifeline.cut()
        os.close(self._answers)
        with suppress(BrokenPipeError):
            self._stdin.close()
        self._scratch.cleanup()

    @property
    def _stdin(self) -> IO[bytes]:
        if self._process.stdin is None:  # pragma: no cover - Popen was given PIPE
            raise OSError("no pipe")
        return self._process.stdin


idle: Idle[Child] = Idle(Child.end)
"""Children waiting for the next request of their kind."""


def too_much_memory(limits: Make) -> TooMuchError:
    """Return the error for a child over its memory limit."""
    return TooMuchError(
        f"went over its memory limit of {size(limits.memory_limit)}",
        "Raise make.memory_limit if it may need that much",
    )


def _environment(variables: Sequence[str]) -> dict[str, str]:
    environment = importable(allowed(os.environ, others=variables))
    environment.update(
        KERAS_BACKEND="tensorflow",
        CUDA_VISIBLE_DEVICES="-1",
        PYTHONUNBUFFERED="1",
        PYTHONHASHSEED="0",
        PYTHONWARNINGS="default",
        TF_CPP_MIN_LOG_LEVEL="1",
        TQDM_DISABLE="1",  # progress bars would fill the log
    )
    return environment
