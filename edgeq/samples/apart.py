"""Decodes each photograph in a child process, with limits on time and memory.

A file of a few kB can expand to gigabytes of pixels or minutes of work, and decoders are native
code that reads untrusted data. The child bears that cost and returns pixels at the model's input
size.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import IO

import msgspec

from edgeq.config.structs import Preprocessing
from edgeq.errors import ImageError
from edgeq.processes.environment import allowed, importable
from edgeq.processes.lifeline import Lifeline
from edgeq.processes.pool import Idle
from edgeq.samples.sets import Photo
from edgeq.words import size as in_words

TIMEOUT_S = 30.0
"""Time limit for one photograph, in seconds. The largest accepted one, of 89 million pixels, takes
1 to 3 s on one core of a laptop."""
MEMORY_LIMIT = 4_000_000_000
"""Memory limit of a child in bytes: enough for the largest photograph with transparency."""
READ_BYTES = 1 << 20
RUNNING = threading.BoundedSemaphore(os.cpu_count() or 1)
"""As many photographs are decoded at a time as there are cores, however many threads ask."""
_SIDES = ("width", "height")
_REMEDY = "Scale it down, save it again, or take it out of the set"


class _EndedError(Exception):
    """The child ended."""


class _SlowError(Exception):
    """The child took too long."""


class Decoder:
    """A child process that decodes one photograph at a time."""

    def __init__(self) -> None:
        self._lifeline = Lifeline()
        try:
            self._process = subprocess.Popen(  # noqa: S603 (our own module)
                [sys.executable, "-P", "-m", "edgeq.samples.decoding_child", str(MEMORY_LIMIT)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                env=importable(allowed(os.environ)),
                pass_fds=(self._lifeline.end,),
            )
        except BaseException:
            self._lifeline.cut()
            raise
        self._lifeline.tie(self._process.pid)

    def ask(self, request: bytes) -> tuple[dict[str, object], bytes]:
        """Send a request; return the child's answer and the pixels.

        Raises:
            _EndedError: The child ended.
            _SlowError: The child exceeded the time limit.
        """
        end = time.monotonic() + TIMEOUT_S
        try:
            _pipe(self._process.stdin).write(request + b"\n")
            _pipe(self._process.stdin).flush()
        except BrokenPipeError as error:
            raise _EndedError from error
        data = self._until(bytearray(), end, lambda received: b"\n" in received)
        line, _, rest = data.partition(b"\n")
        head: dict[str, object] = json.loads(bytes(line))
        size = head.get("bytes", 0)
        count = size if isinstance(size, int) else 0
        return head, bytes(self._until(rest, end, lambda received: len(received) >= count))

    def _until(self, data: bytearray, end: float, done: Callable[[bytearray], bool]) -> bytearray:
        stream = _pipe(self._process.stdout)
        with selectors.DefaultSelector() as selector:
            selector.register(stream, selectors.EVENT_READ)
            while not done(data):
                if not selector.select(max(0.0, end - time.monotonic())):
                    raise _SlowError
                piece = os.read(stream.fileno(), READ_BYTES)
                if not piece:
                    raise _EndedError
                data += piece
        return data

    def end(self) -> None:
        """Kill the child."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._lifeline.cut()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(BrokenPipeError):
                _pipe(pipe).close()


idle: Idle[Decoder] = Idle(Decoder.end)
"""Children waiting for the next photograph."""


def decoded(photo: Photo, preprocessing: Preprocessing, size: tuple[int, int]) -> bytes:
    """Return a photograph's pixels at a model's input size, ``h * w * 3`` bytes.

    Of the preprocessing, resize, filter, crop and JPEG scaling are used. The size is height and
    width.

    Raises:
        ImageError: The photograph can't be used, changed after the set was loaded, or takes too
            long or too much memory.
    """
    return _asked(photo, {"preprocessing": preprocessing, "size": list(size)})[1]


def decoded_indices(
    photo: Photo, preprocessing: Preprocessing, size: tuple[int, int], padding: int
) -> bytes:
    """Return a mask's values where a model sees its photograph, ``h * w`` bytes.

    Of the preprocessing, resize and crop are used. The size is height and width, ``padding`` the
    value outside the photograph. The file has one channel or a palette.

    Raises:
        ImageError: As for ``decoded``, or the file has colours.
    """
    request = {"preprocessing": preprocessing, "size": list(size), "padding": padding}
    return _asked(photo, request)[1]


def measured(photo: Photo) -> tuple[int, int]:
    """Return a photograph's width and height in pixels, upright.

    Raises:
        ImageError: As for ``decoded``.
    """
    head, _ = _asked(photo, {"size": None})
    width, height = (value if isinstance(value, int) else 0 for value in map(head.get, _SIDES))
    return width, height


def _asked(photo: Photo, request: Mapping[str, object]) -> tuple[dict[str, object], bytes]:
    """Return what a child answers about a photograph, and the bytes that follow."""
    line = msgspec.json.encode({"file": photo.file, "sha256": photo.sha256, **request})
    with RUNNING:
        child = idle.take("") or Decoder()
        try:
            head, pixels = child.ask(line)
        except _SlowError:
            child.end()
            raise _refused(photo, f"takes longer than {TIMEOUT_S:g} s to decode") from None
        except _EndedError:
            child.end()
            what = f"crashes its decoder, or takes more than {in_words(MEMORY_LIMIT)} of memory"
            raise _refused(photo, what) from None
        except BaseException:
            child.end()
            raise
        idle.add("", child)
    if "what" in head:
        where, remedy = head["where"], head["remedy"]
        raise ImageError(
            str(head["what"]),
            where=None if where is None else str(where),
            remedy=None if remedy is None else str(remedy),
        )
    return head, pixels


def _refused(photo: Photo, what: str) -> ImageError:
    return ImageError(what, where=photo.path, remedy=_REMEDY)


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:  # pragma: no cover - Popen was given PIPE for both
        raise OSError("no pipe")
    return stream
