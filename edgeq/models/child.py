"""Work in a child process: what is slow, large or may crash stays out of the caller's process.

A child is a Python of its own, in a session of its own; ``serving.py`` is its side of the talk.
Whatever it and its libraries print goes to a log file; the response alone comes back. Starting
one costs its imports, seconds for TensorFlow, so inside ``idle.kept()`` a child that did its work
waits for the next request of its kind.
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
    """Return where the log of making a store entry is kept; it outlives a failure."""
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

    What fails in a child that did other work before is tried once more in a fresh one, so that
    no work can fail for another's sake.

    Args:
        module: Its function ``work`` takes the request and returns the response.
        request: Plain JSON values.
        log: Receives all that the child prints; replaced when it is there.
        limits: Of the child; it is stopped, with its children, where it takes more.
        what: What is being made, for messages, for example ``"int8 of resnet8"``.
        kind: Of the work: children that did some are used for more of the same kind. The module's
            own name if there is none.
        fresh: Whether the child must be one that did no other work before.
        pooled: Whether it may be used for more: not where it ran code that is not ours.

    Raises:
        ConversionError: The child failed, crashed or took too much, with the library's reason in
            one line and the log.
        StoreError: There is no room for what it writes.
    """
    asked = Request(module, dict(request), str(log), limits.memory_limit)
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_bytes(b"")
        used = None if fresh else idle.take(kind or module)
        if used is not None:
            with suppress(TooMuchError):
                answer = _answer(used, asked, limits, pooled=pooled)
                if isinstance(answer, Response) and answer.failure is None:
                    return dict(answer.result or {})
            log.write_bytes(b"")
        child = Child(kind or module, log, limits.environment)
        answer = _answer(child, asked, limits, pooled=pooled)
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
    """Return a child's answer; it waits for more where it did well and may, or ends."""
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
    """Return a child's failure as an error."""
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
