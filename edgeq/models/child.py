"""Runs slow, large or crash-prone work in a child process.

A child is a separate Python process in its own session; ``serving.py`` is its side of the
protocol. Output of the child and its libraries goes to a log file; only the response comes back.
Starting a child costs its imports (seconds for TensorFlow), so inside ``idle.kept()`` a child that
succeeded waits for the next request of its kind.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

import msgspec

from edgeq.config.structs import Make
from edgeq.errors import ConversionError, EdgeqError, StoreError, reason_of
from edgeq.io import structs
from edgeq.models.serving import (
    NO_MEMORY,
    NO_ROOM,
    REASON_CHARACTERS,
    Failure,
    Request,
    Response,
)
from edgeq.processes.environment import allowed, importable
from edgeq.processes.lifeline import Lifeline
from edgeq.processes.pool import Idle, resident_bytes
from edgeq.store.content import LOGS, Store, key_of
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


def log_path(store: Store, kind: str, facts: Mapping[str, object]) -> Path:
    """Return the path of the log for making a store entry; the log outlives a failure."""
    return store.root / LOGS / f"{kind}-{key_of(kind, facts)}.log"


@dataclass(frozen=True)
class Files:
    """Files of a request, which make it possible to answer it on another machine.

    Attributes:
        reads: The files that the child reads, by the key of the request, such as ``"model"`` or
            ``"source.name"``. The path under the key is a file, with others beside it, or a
            folder.
        writes: Key of the path that the child writes, with other files in the same folder; None if
            it writes nothing.
    """

    reads: Mapping[str, tuple[Path, ...]]
    writes: str | None = "output"

    @classmethod
    def named(cls, request: Mapping[str, object], *reads: str) -> Files:
        """Return the files of a request whose keys name files, folders or nothing."""
        paths = {key: request.get(key) for key in reads}
        return cls({key: files_at(Path(str(path))) for key, path in paths.items() if path})


def path_named(request: Mapping[str, Any], key: str) -> Path:
    """Return the path under a key of a request; the key of a nested table has dots."""
    first, _, rest = key.partition(".")
    return path_named(request[first], rest) if rest else Path(str(request[first]))


def files_at(path: Path) -> tuple[Path, ...]:
    """Return a file, or all files below a folder, sorted."""
    if not path.is_dir():
        return (path,)
    return tuple(sorted(inner for inner in path.rglob("*") if inner.is_file()))


@dataclass(frozen=True)
class Assignment:
    """A request to a child, with what its process needs; see ``run_child``."""

    module: str
    request: Mapping[str, object]
    limits: Make
    what: str
    kind: str
    fresh: bool
    pooled: bool
    files: Files | None


class Elsewhere(Protocol):
    """Where children run instead of on this machine; safe for several threads."""

    def carry_out(self, assignment: Assignment, log: Path) -> Response | int:
        """Return a child's answer as ``carry_out`` does, with its files and log in their places."""


_elsewhere: list[Elsewhere] = []


@contextmanager
def children_elsewhere(elsewhere: Elsewhere) -> Iterator[None]:
    """Let another place decide where children run, until the block ends."""
    _elsewhere.append(elsewhere)
    try:
        yield
    finally:
        _elsewhere.remove(elsewhere)


def run_child(
    module: str,
    request: Mapping[str, object],
    *,
    log: Path,
    limits: Make,
    what: str,
    kind: str = "",
    fresh: bool = False,
    pooled: bool = True,
    files: Files | None = None,
) -> dict[str, object]:
    """Run a module in a child process and return its response.

    Args:
        module: Module whose function ``work`` takes the request and returns the response.
        request: Plain JSON values.
        log: File that receives the child's output; overwritten if it exists.
        limits: Time and memory limits. A child that exceeds them is stopped with its children.
        what: What is being made, for messages, for example ``"int8 of resnet8"``.
        kind: Kind of work. A child is reused only for the same kind. Defaults to the module name.
        fresh: Whether the child must not have done other work.
        pooled: Whether the child may be reused; False if it runs code that is not ours.
        files: The files of the request; None if it must be answered on this machine.

    Raises:
        ConversionError: The child failed, crashed or exceeded its limits. Carries the library's
            reason in one line and the log.
        ClusterError: It was to run on a cluster that can't be used.
        StoreError: There is no space for what the child writes.
    """
    assignment = Assignment(module, request, limits, what, kind or module, fresh, pooled, files)
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        answer = (_elsewhere[-1].carry_out if _elsewhere else carry_out)(assignment, log)
    except TooMuchError as stopped:
        raise ConversionError(stopped.what, where=what, remedy=stopped.remedy, log=log) from None
    except OSError as error:
        raise _no_room(f"can't be written: {reason_of(error)}", log) from error
    if not isinstance(answer, Response):
        raise ConversionError(_ending(answer, log), where=what, remedy=f"See {log}", log=log)
    if answer.failure is not None:
        raise _error(answer.failure, what, log, limits)
    return dict(answer.result or {})


def carry_out(assignment: Assignment, log: Path, scratch: Path | None = None) -> Response | int:
    """Return a child's answer, or its exit code if it ended.

    A request that fails in a reused child is retried once in a fresh one, so that earlier work
    can't make it fail.

    Raises:
        TooMuchError: The child exceeded a limit.
        OSError: The log can't be written.
    """
    limits, kind, pooled = assignment.limits, assignment.kind, assignment.pooled
    request = Request(assignment.module, dict(assignment.request), str(log), limits.memory_limit)
    log.write_bytes(b"")
    used = None if assignment.fresh else idle.take(kind)
    if used is not None:
        with suppress(TooMuchError):
            answer = _answer(used, request, limits, pooled=pooled)
            if isinstance(answer, Response) and answer.failure is None:
                return answer
        log.write_bytes(b"")
    return _answer(Child(kind, log, limits.environment, scratch), request, limits, pooled=pooled)


def _answer(child: Child, request: Request, limits: Make, *, pooled: bool) -> Response | int:
    """Return a child's answer; keep the child for reuse if it succeeded and may, or end it."""
    well = False
    try:
        answer = child.ask(request, limits)
        well = isinstance(answer, Response) and answer.failure is None
        return answer
    finally:
        if well and pooled:
            idle.add(child.kind, child)
        else:
            child.end()


def _error(failure: Failure, what: str, log: Path, limits: Make) -> EdgeqError:
    """Convert a child's failure to an error."""
    if failure.kind == NO_ROOM:
        return _no_room(failure.what, what)
    if failure.kind == NO_MEMORY:
        over = too_much_memory(limits)
        return ConversionError(over.what, where=what, remedy=over.remedy, log=log)
    where = f"{what}: {failure.where}" if failure.where else what
    return ConversionError(
        failure.what, where=where, remedy=failure.remedy or f"See {log}", log=log
    )


def _no_room(what: str, where: str | Path) -> StoreError:
    return StoreError(what, where=where, remedy="Free some space or make it writable")


def _ending(code: int, log: Path) -> str:
    if code < 0:
        with suppress(ValueError):
            return f"the process that made it was ended by {signal.Signals(-code).name}"
    lines = log.read_text("utf-8", errors="replace").splitlines()
    last = next((line.strip() for line in reversed(lines) if line.strip()), "it printed nothing")
    return f"the process that made it ended with exit code {code}: {last[:REASON_CHARACTERS]}"
