"""The pipes to a worker process: sends and receives frames, and reports how the process ended."""

from __future__ import annotations

import fcntl
import os
import selectors
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import IO

from edgeq.processes.environment import allowed, without_proxies
from edgeq.processes.lifeline import Lifeline
from edgeq.run.protocol import USUAL_BYTES, Decoder, Frame, encode
from edgeq.run.targets import Target

READ_BYTES = 1 << 20
PIPE_BYTES = 1 << 19
"""Size of a pipe, where it can be set: a worker that has written an answer of this size goes on."""
KEPT_OUTPUT_BYTES = 1 << 14
LOOK_S = 0.5
END_S = 2.0
SHELL_SIGNAL = 128


class Silence(Exception):  # noqa: N818 - an event; the caller decides whose error it is
    """No frame arrived in time."""


class Ended(Exception):  # noqa: N818 - as above
    """The worker closed its pipe."""


class Channel:
    """A worker process in its own session, and the three pipes to it.

    ``look`` is called with the process id every half second of waiting; if it raises, the wait
    ends.

    Raises:
        OSError: The command can't be started.
    """

    def __init__(self, target: Target, look: Callable[[int], None]):
        self._look = look
        self._lifeline = Lifeline()
        try:
            self._process = subprocess.Popen(  # noqa: S603 - a target's command is the user's own
                target.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={
                    **without_proxies(allowed(os.environ, remote=not target.local_files)),
                    **target.environment,
                },
                start_new_session=True,
                pass_fds=(self._lifeline.end,),
            )
        except BaseException:
            self._lifeline.cut()
            raise
        self._lifeline.tie(self._process.pid)
        self._stdin, self._stdout, self._stderr = (
            _pipe(self._process.stdin),
            _pipe(self._process.stdout),
            _pipe(self._process.stderr),
        )
        self._decoder = Decoder()
        self._unsent: deque[memoryview] = deque()
        self._output = b""

    @property
    def output(self) -> str:
        """The last of the worker's standard error."""
        return self._output.decode("utf-8", "replace").strip()

    def send(self, request: Frame) -> None:
        """Send a request, as far as the pipe takes it, while frames are received."""
        self._unsent.append(memoryview(encode(request)))

    def receive(self, timeout_s: float, *, most: int = USUAL_BYTES) -> Frame:
        """Return the next frame.

        Raises:
            Silence: No frame was received in time, perhaps because no request could be sent.
            Ended: The worker closed its pipe.
            FrameError: The received bytes are not a frame.
        """
        self._decoder.expect(most)
        deadline = time.monotonic() + timeout_s
        begun = self._decoder.pending
        with selectors.DefaultSelector() as selector:
            selector.register(self._stdout, selectors.EVENT_READ)
            selector.register(self._stderr, selectors.EVENT_READ)
            if self._unsent:
                selector.register(self._stdin, selectors.EVENT_WRITE)
            while (frame := self._decoder.next()) is None:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise Silence
                ready = {key.fileobj for key, _ in selector.select(min(left, LOOK_S))}
                self._look(self._process.pid)
                if self._stdin in ready and not self._send_more():
                    selector.unregister(self._stdin)
                if self._stderr in ready and not self._read_output():
                    selector.unregister(self._stderr)
                if self._stdout in ready:
                    self._read_answer()
                    if not begun:  # once it begins it may take this long again, however slow
                        begun, deadline = True, time.monotonic() + timeout_s
                elif self._process.poll() is not None and not self._has_answer(selector):
                    raise Ended  # processes that it started may hold its pipes forever
            return frame

    def _send_more(self) -> bool:
        """Write what the pipe takes of the requests, and return whether any is left."""
        self._unsent[0] = self._write(self._unsent[0])
        if not self._unsent[0]:
            self._unsent.popleft()
        return bool(self._unsent)

    def _has_answer(self, selector: selectors.BaseSelector) -> bool:
        """Return whether a worker that has ended left an answer after the last check."""
        return any(key.fileobj is self._stdout for key, _ in selector.select(0))

    def _read_answer(self) -> None:
        data = os.read(self._stdout.fileno(), READ_BYTES)
        if not data:
            raise Ended
        self._decoder.feed(data)

    def end(self) -> int | None:
        """Return the exit code of a worker that is ending, or None if it has to be killed.

        The code is negative for a signal, as in ``subprocess``.
        """
        self._wait_for_end()
        deadline = time.monotonic() + END_S
        while self._read_output() and time.monotonic() < deadline:
            pass
        return self._process.poll()

    def close(self, goodbye: Frame | None = None) -> None:
        """End the worker and everything it started, with an optional last frame before."""
        if goodbye is not None and self._process.poll() is None:
            self._write(memoryview(encode(goodbye)))
            with suppress(BrokenPipeError):
                self._stdin.close()
            self._wait_for_end()
        if self._process.poll() is None:  # once reaped, its id may belong to another process
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._lifeline.cut()
        for pipe in (self._stdin, self._stdout, self._stderr):
            with suppress(BrokenPipeError):
                pipe.close()

    def _wait_for_end(self) -> None:
        """Wait briefly for the process to end; its pipe reports that sooner than ``wait`` polls."""
        deadline = time.monotonic() + END_S
        with selectors.DefaultSelector() as selector:
            selector.register(self._stdout, selectors.EVENT_READ)
            while (left := deadline - time.monotonic()) > 0 and selector.select(left):
                if not os.read(self._stdout.fileno(), READ_BYTES):
                    break
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(max(0.0, deadline - time.monotonic()))

    def _write(self, data: memoryview) -> memoryview:
        """Write as much as the pipe accepts; return the rest; none if the reader is gone."""
        try:
            return data[os.write(self._stdin.fileno(), data) :]
        except BlockingIOError:
            return data
        except BrokenPipeError:  # the worker's last words may still be in its own pipe
            return data[:0]

    def _read_output(self) -> bool:
        """Store what the worker wrote to standard error; return False at its end."""
        try:
            data = os.read(self._stderr.fileno(), READ_BYTES)
        except BlockingIOError:
            return False
        self._output = (self._output + data)[-KEPT_OUTPUT_BYTES:]
        return bool(data)


def describe_end(code: int) -> str:
    """Describe how a process ended: a signal's name or an exit code.

    Programs in between, such as ``ssh`` or a shell, report a signal as 128 plus its number.
    """
    number = -code if code < 0 else code - SHELL_SIGNAL
    with suppress(ValueError):
        name = signal.Signals(number).name
        return f"by {name}" if code < 0 else f"with exit code {code} ({name})"
    return f"with exit code {code}"


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    """Make a pipe non-blocking and large, and return it."""
    if stream is None:  # pragma: no cover - Popen was given PIPE for all three
        raise OSError("no pipe")
    os.set_blocking(stream.fileno(), False)
    with suppress(AttributeError, OSError):  # not Linux, or the user's share of pipes is used up
        fcntl.fcntl(stream.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    return stream
