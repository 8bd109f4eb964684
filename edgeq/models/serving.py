"""The child's side of ``edgeq.models.child``: requests on standard input, one after the other.

Started as ``python -m edgeq.models.serving KIND DESCRIPTOR``. A request is a line of JSON, and so
is its answer, on that file descriptor. Whatever the work and its libraries print goes to the
request's log.
"""

from __future__ import annotations

import errno
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
    """What is asked for.

    Attributes:
        module: Its function ``work`` does the work.
        body: Plain JSON values, for that function.
        log: The file that is appended to.
        memory_limit: Bytes of data that the process may have.
    """

    module: str
    body: dict[str, Any]
    log: str
    memory_limit: int


class Failure(msgspec.Struct, frozen=True):
    """Why there is no result; ``kind`` tells what is not the model's fault."""

    what: str
    where: str | None = None
    remedy: str | None = None
    kind: str = ""


class Response(msgspec.Struct, frozen=True):
    """A result, or a failure."""

    result: dict[str, Any] | None = None
    failure: Failure | None = None


def serve() -> None:
    """Be the child: do the work of each request and answer it, until nobody asks any more.

    An error becomes the response's failure, its traceback goes to the log.
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
    """Pass requests on, and end this process when there are no more or its parent is gone."""
    for line in sys.stdin.buffer:
        lines.put(line)
    os._exit(0)


def one_line(error: BaseException) -> str:
    """Return an exception as one line of bounded length.

    Of a long one its start and its end are kept: libraries put what they worked on first, and what
    went wrong last.
    """
    text = " ".join(str(error).split())
    if len(text) > REASON_CHARACTERS:
        half = REASON_CHARACTERS // 2
        text = f"{text[:half].rstrip()} ... {text[-half:].lstrip()}"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _kind(error: Exception) -> str:
    """Return whose fault a library's error is, where it is not the model's."""
    if isinstance(error, MemoryError):
        return NO_MEMORY
    full = isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EROFS}
    return NO_ROOM if full or os.strerror(errno.ENOSPC) in str(error) else ""


if __name__ == "__main__":
    serve()
