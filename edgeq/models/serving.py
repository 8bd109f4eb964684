"""The child's side of ``edgeq.models.child``: serves requests from standard input one at a time.

Started as ``python -m edgeq.models.serving KIND DESCRIPTOR``. Each request is a line of JSON, and
so is each answer, which is written to that file descriptor. Whatever the work and its libraries
print goes to the request's log.
"""

from __future__ import annotations

import errno
import gc
import importlib
import os
import queue
import resource
import sys
import threading
import traceback
from typing import Any

import msgspec

from edgeq.errors import EdgeqError
from edgeq.io import structs

REASON_CHARACTERS = 300
NO_ROOM, NO_MEMORY = "no room", "no memory"


class Request(msgspec.Struct, frozen=True):
    """A request to the child.

    Attributes:
        module: Module whose function ``work`` does the work.
        body: Plain JSON values for that function.
        log: File to append output to.
        memory_limit: Maximum data segment of the process, in bytes.
    """

    module: str
    body: dict[str, Any]
    log: str
    memory_limit: int


class Failure(msgspec.Struct, frozen=True):
    """Why there is no result; ``kind`` is set if the model is not to blame."""

    what: str
    where: str | None = None
    remedy: str | None = None
    kind: str = ""


class Response(msgspec.Struct, frozen=True):
    """A result, or a failure."""

    result: dict[str, Any] | None = None
    failure: Failure | None = None


def serve() -> None:
    """Serve requests until standard input closes.

    An exception becomes the response's failure; its traceback goes to the log.
    """
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(lines,), daemon=True).start()
    descriptor = int(sys.argv[2])
    os.set_inheritable(descriptor, False)  # noqa: FBT003 (the function has no name for it)
    answers = os.fdopen(descriptor, "wb")
    while True:
        request = structs.from_json(lines.get(), Request)
        with open(request.log, "ab") as log:  # noqa: PTH123 (a path as text, from the request)
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        response = _respond(request)
        sys.stdout.flush()
        answers.write(msgspec.json.encode(response) + b"\n")
        answers.flush()


def _respond(request: Request) -> Response:
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    try:
        resource.setrlimit(resource.RLIMIT_DATA, (request.memory_limit, hard))
        work = importlib.import_module(request.module).work
        return Response(result=dict(work(request.body)))
    except EdgeqError as error:
        traceback.print_exc()
        return Response(failure=Failure(error.what, error.where, error.remedy))
    except Exception as error:  # noqa: BLE001 (whatever a library raises is its reason)
        traceback.print_exc()
        return Response(failure=Failure(one_line(error), kind=_kind(error)))


def _listen(lines: queue.SimpleQueue[bytes]) -> None:
    """Pass requests on; end this process when input closes, which includes the parent's death."""
    for line in sys.stdin.buffer:
        lines.put(line)
    os._exit(0)


def imported(library: str) -> Any:
    """Import a large library, unless this process has it, and return it.

    The collector neither looks for garbage during the import nor at the library's objects later,
    which takes a quarter of TensorFlow's import and some of what follows: they all stay.
    """
    if library in sys.modules:
        return sys.modules[library]
    gc.disable()
    try:
        return importlib.import_module(library)
    finally:
        gc.freeze()
        gc.enable()


def one_line(error: BaseException) -> str:
    """Return an exception as one line of limited length.

    Long texts keep their beginning and end: libraries tend to start with what they worked on and
    end with what went wrong.
    """
    text = " ".join(str(error).split())
    if len(text) > REASON_CHARACTERS:
        half = REASON_CHARACTERS // 2
        text = f"{text[:half].rstrip()} ... {text[-half:].lstrip()}"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _kind(error: Exception) -> str:
    """Return the kind of a failure that is not the model's fault, or an empty string."""
    if isinstance(error, MemoryError):
        return NO_MEMORY
    full = isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EROFS}
    return NO_ROOM if full or os.strerror(errno.ENOSPC) in str(error) else ""


if __name__ == "__main__":
    serve()
