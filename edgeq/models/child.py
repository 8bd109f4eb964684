"""Runs slow, large or crash-prone work in a child process.

A child is a separate Python process in its own session; ``serving.py`` is its side of the
protocol. Output of the child and its libraries goes to a log file; only the response comes back.
Starting a child costs its imports (seconds for TensorFlow), so inside ``idle.kept()`` a child that
succeeded waits for the next request of its kind.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from edgeq.config.structs import Make
from edgeq.errors import ConversionError, EdgeqError, StoreError
from edgeq.models.children import Child, TooMuchError, idle, too_much_memory
from edgeq.models.serving import (
    NO_MEMORY,
    NO_ROOM,
    REASON_CHARACTERS,
    Failure,
    Request,
    Response,
)
from edgeq.store.content import LOGS, Store, key_of


def log_path(store: Store, kind: str, facts: Mapping[str, object]) -> Path:
    """Return the path of the log for making a store entry; the log outlives a failure."""
    return store.root / LOGS / f"{kind}-{key_of(kind, facts)}.log"


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
) -> dict[str, object]:
    """Run a module in a child process and return its response.

    A request that fails in a reused child is retried once in a fresh one, so that earlier work
    can't make it fail.

    Args:
        module: Module whose function ``work`` takes the request and returns the response.
        request: Plain JSON values.
        log: File that receives the child's output; overwritten if it exists.
        limits: Time and memory limits. A child that exceeds them is stopped with its children.
        what: What is being made, for messages, for example ``"int8 of resnet8"``.
        kind: Kind of work. A child is reused only for the same kind. Defaults to the module name.
        fresh: Whether the child must not have done other work.
        pooled: Whether the child may be reused; False if it runs code that is not ours.

    Raises:
        ConversionError: The child failed, crashed or exceeded its limits. Carries the library's
            reason in one line and the log.
        StoreError: There is no space for what the child writes.
    """
    child_request = Request(module, dict(request), str(log), limits.memory_limit)
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_bytes(b"")
        used = None if fresh else idle.take(kind or module)
        if used is not None:
            with suppress(TooMuchError):
                answer = _answer(used, child_request, limits, pooled=pooled)
                if isinstance(answer, Response) and answer.failure is None:
                    return dict(answer.result or {})
            log.write_bytes(b"")
        child = Child(kind or module, log, limits.environment)
        answer = _answer(child, child_request, limits, pooled=pooled)
    except TooMuchError as stopped:
        raise ConversionError(stopped.what, where=what, remedy=stopped.remedy, log=log) from None
    except OSError as error:
        raise _no_room(f"can't be written: {error.strerror or error}", log) from error
    if not isinstance(answer, Response):
        raise ConversionError(_ending(answer, log), where=what, remedy=f"See {log}", log=log)
    if answer.failure is not None:
        raise _error(answer.failure, what, log, limits)
    return dict(answer.result or {})


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
    return StoreError(what, where=where, remedy="Free some space or permit writing there")


def _ending(code: int, log: Path) -> str:
    if code < 0:
        with suppress(ValueError):
            return f"the process that made it was ended by {signal.Signals(-code).name}"
    lines = log.read_text("utf-8", errors="replace").splitlines()
    last = next((line.strip() for line in reversed(lines) if line.strip()), "it printed nothing")
    return f"the process that made it ended with exit code {code}: {last[:REASON_CHARACTERS]}"
