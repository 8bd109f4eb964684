"""Ends a child process, with everything it started, when its parent is gone.

The parent holds one end of a pipe and the child the other. However the parent ends, ``kill -9``
included, the system closes the parent's end and, on Linux, sends SIGKILL to the child's process
group. The child takes no part in this, so it also works in native code that never returns.
On other systems, children end because they watch their own standard input.
"""

from __future__ import annotations

import fcntl
import os
import signal
import threading
from contextlib import suppress

_guard = threading.Lock()
_tied: set[int] = set()


def cut_all() -> None:
    """Kill every tied child process, with everything it started."""
    with _guard:
        for pid in _tied:
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)


class Lifeline:
    """A pipe that ties one child to this process; the child leads its own session.

    ``end`` is the child's end, for ``pass_fds``.
    """

    def __init__(self) -> None:
        self.end, self._ours = os.pipe()
        self._pid: int | None = None

    def tie(self, pid: int) -> None:
        """Make the child's process group, which ``pid`` leads, end with this process; call once."""
        with _guard:
            _tied.add(pid)
        self._pid = pid
        with suppress(OSError):  # the child has ended already
            set_signal = getattr(fcntl, "F_SETSIG", None)
            if set_signal is not None:
                fcntl.fcntl(self.end, fcntl.F_SETOWN, -pid)
                fcntl.fcntl(self.end, set_signal, signal.SIGKILL)
                flags = fcntl.fcntl(self.end, fcntl.F_GETFL)
                fcntl.fcntl(self.end, fcntl.F_SETFL, flags | os.O_ASYNC)
        os.close(self.end)

    def cut(self) -> None:
        """Close the pipe, which ends the rest of the child's process group; call once."""
        if self._pid is None:
            os.close(self.end)
        else:
            with _guard:
                _tied.discard(self._pid)
        os.close(self._ours)
