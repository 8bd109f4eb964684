"""Work in a child process: what is slow, large or may crash stays out of the caller's process.

A child is ``python -m MODULE REQUEST.json RESPONSE.json`` in a session of its own. Whatever it and
its libraries print goes to a log file; the response alone comes back.
"""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

import edgeq
from edgeq.errors import ConversionError, EdgeqError, StoreError
from edgeq.files import write_bytes
from edgeq.lifeline import Lifeline
from edgeq.resident import resident_bytes
from edgeq.spec.structs import Make
from edgeq.store import LOGS, Store, key_of

REASON_CHARACTERS = 300
LOOK_S = 0.5
_NO_ROOM, _NO_MEMORY = "no room", "no memory"
_INSTALLED_IN = frozenset({"site-packages", "dist-packages"})


class _StoppedError(Exception):
    """The child took more than it may."""

    def __init__(self, what: str, remedy: str):
        self.what, self.remedy = what, remedy
        super().__init__(what)


class _Failure(msgspec.Struct, frozen=True):
    what: str
    where: str | None = None
    remedy: str | None = None
    kind: str = ""


class _Response(msgspec.Struct, frozen=True):
    result: dict[str, Any] | None = None
    failure: _Failure | None = None


def log_path(store: Store, kind: str, facts: Mapping[str, object]) -> Path:
    """Return where the log of making a store entry is kept; it outlives a failure."""
    return store.root / LOGS / f"{kind}-{key_of(kind, facts)}.log"


def run_child(
    module: str,
    request: Mapping[str, object],
    *,
    log: Path,
    limits: Make,
    what: str,
) -> dict[str, object]:
    """Run a module in a child process and return its response.

    Args:
        module: A module whose main calls ``serve``.
        request: Plain JSON values.
        log: Receives all that the child prints; replaced when it is there.
        limits: Of the child; it is stopped, with its children, where it takes more.
        what: What is being made, for messages, for example ``"int8 of resnet8"``.

    Raises:
        ConversionError: The child failed, crashed or took too much, with the library's reason in
            one line and the log.
        StoreError: There is no room for what it writes.
    """
    try:
        code, response = _asked(module, request, log, limits)
    except _StoppedError as stopped:
        raise ConversionError(stopped.what, where=what, remedy=stopped.remedy, log=log) from None
    except OSError as error:
        raise _no_room(f"can't be written: {error.strerror or error}", log) from error
    if response is None:
        raise ConversionError(_ending(code, log), where=what, remedy=f"See {log}", log=log)
    if response.failure is not None:
        failure = response.failure
        if failure.kind == _NO_ROOM:
            raise _no_room(failure.what, what)
        if failure.kind == _NO_MEMORY:
            over = _too_much_memory(limits)
            raise ConversionError(over.what, where=what, remedy=over.remedy, log=log)
        where = f"{what}: {failure.where}" if failure.where else what
        remedy = failure.remedy or f"See {log}"
        raise ConversionError(failure.what, where=where, remedy=remedy, log=log)
    return dict(response.result or {})


def _asked(
    module: str, request: Mapping[str, object], log: Path, limits: Make
) -> tuple[int, _Response | None]:
    """Run the child; return its exit code, and its response if it gave one."""
    with tempfile.TemporaryDirectory(prefix="edgeq-") as folder:
        asked, answered = Path(folder) / "request.json", Path(folder) / "response.json"
        asked.write_bytes(msgspec.json.encode(dict(request)))
        files = (str(asked), str(answered), str(limits.memory_limit))
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output:
            code = _run([sys.executable, "-P", "-m", module, *files], output.fileno(), limits)
        return code, _read(answered)


def serve(work: Callable[[dict[str, Any]], Mapping[str, object]]) -> None:
    """Be the child: read the request, do the work, write the response.

    An error becomes the response's failure, its traceback goes to the log.
    """
    threading.Thread(target=_watch, daemon=True).start()
    asked, answered = (Path(argument) for argument in sys.argv[1:3])
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    resource.setrlimit(resource.RLIMIT_DATA, (int(sys.argv[3]), hard))
    request = msgspec.json.decode(asked.read_bytes(), type=dict[str, Any])
    try:
        response = _Response(result=dict(work(request)))
    except EdgeqError as error:
        traceback.print_exc()
        response = _Response(failure=_Failure(error.what, error.where, error.remedy))
    except Exception as error:  # noqa: BLE001 (whatever a library raises is its reason)
        traceback.print_exc()
        response = _Response(failure=_Failure(one_line(error), kind=_kind(error)))
    write_bytes(answered, msgspec.json.encode(response))


def _watch() -> None:
    """End this process when its parent is gone: nothing else ever comes on standard input."""
    os.read(0, 1)
    os._exit(1)


def one_line(error: BaseException) -> str:
    """Return an exception as one line of bounded length."""
    text = " ".join(str(error).split())
    if len(text) > REASON_CHARACTERS:
        text = f"{text[:REASON_CHARACTERS]} ..."
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _run(command: list[str], output: int, limits: Make) -> int:
    """Return the exit code.

    Raises:
        _StoppedError: The child took too much.
    """
    lifeline = Lifeline()
    try:
        process = subprocess.Popen(  # noqa: S603 (our own module)
            command,
            stdin=lifeline.end,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=_environment(),
        )
    except BaseException:
        lifeline.cut()
        raise
    lifeline.tie(process.pid)
    end = time.monotonic() + limits.timeout_s
    try:
        while True:
            with suppress(subprocess.TimeoutExpired):
                return process.wait(max(0.0, min(LOOK_S, end - time.monotonic())))
            if time.monotonic() >= end:
                raise _StoppedError(
                    f"took longer than {limits.timeout_s:g} s and was stopped",
                    "Raise make.timeout_s if it may take that long",
                )
            if resident_bytes(process.pid) > limits.memory_limit:
                raise _too_much_memory(limits)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        lifeline.cut()


def _too_much_memory(limits: Make) -> _StoppedError:
    return _StoppedError(
        f"went over its memory limit of {limits.memory_limit / 1e6:g} MB",
        "Raise make.memory_limit if it may need that much",
    )


def _no_room(what: str, where: str | Path) -> StoreError:
    return StoreError(what, where=where, remedy="Free some space or permit writing there")


def _kind(error: Exception) -> str:
    """Return whose fault a library's error is, where it is not the model's."""
    if isinstance(error, MemoryError):
        return _NO_MEMORY
    full = isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EROFS}
    return _NO_ROOM if full or os.strerror(errno.ENOSPC) in str(error) else ""


def _environment() -> dict[str, str]:
    environment = dict(os.environ)
    root = Path(edgeq.__file__).parents[1]
    if root.name not in _INSTALLED_IN:
        paths = [str(root), environment.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    environment.update(
        KERAS_BACKEND="tensorflow",
        CUDA_VISIBLE_DEVICES="-1",
        PYTHONUNBUFFERED="1",
        PYTHONHASHSEED="0",
        PYTHONWARNINGS="default",
    )
    return environment


def _read(path: Path) -> _Response | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Response)
    except (OSError, msgspec.MsgspecError):
        return None


def _ending(code: int, log: Path) -> str:
    if code < 0:
        with suppress(ValueError):
            return f"the process that made it was ended by {signal.Signals(-code).name}"
    lines = log.read_text("utf-8", errors="replace").splitlines()
    last = next((line.strip() for line in reversed(lines) if line.strip()), "it printed nothing")
    return f"the process that made it ended with exit code {code}: {last[:REASON_CHARACTERS]}"
