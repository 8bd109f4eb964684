"""Exchanges requests and answers with one worker, and handles every way in which that can fail."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from edgeq.errors import WorkerError
from edgeq.io import structs
from edgeq.processes.pool import resident_bytes
from edgeq.run.channel import Channel, Ended, Silence
from edgeq.run.failures import Circumstances, Doing, Waiting, ignore
from edgeq.run.protocol import PROTOCOL, USUAL_BYTES, AnyArray, Frame, FrameError
from edgeq.run.results import WorkerFacts
from edgeq.run.targets import Target

START_S = 20.0
"""Minimum time limit for starting a worker, in seconds. However short the limit for its model,
Python and numpy must be loaded first, perhaps on a busy machine with a slow disk."""

AHEAD = 1
"""Requests that are sent before the one before is answered, so that they are on their way while the
worker is busy."""

Progress = Callable[[int, int], None]
T = TypeVar("T")

PATIENCE_S = 10.0
"""Seconds of silence before the user is told."""

AGAIN_S = 5.0
"""Seconds between further messages about the same silence."""


@dataclass(frozen=True)
class Request:
    """A request to a worker.

    Attributes:
        fields: Fields of its header, besides ``op`` and ``id``.
        blobs: Arrays to send.
        images: For a part of a longer job: images already done, and images in total.
        steps: Maximum number of progress steps. If None, it is the number of images, or none
            without images.
        most: Size limit for the answer's arrays, in bytes.
    """

    fields: Mapping[str, Any]
    blobs: tuple[AnyArray, ...] = ()
    images: tuple[int, int] | None = None
    steps: int | None = None
    most: int = USUAL_BYTES


class _TooBigError(Exception):
    """The worker was seen using more memory than allowed."""


class Conversation:
    """A running worker that handles one request at a time; see ``Session`` for the arguments.

    ``capped`` sets whether the worker's mallocs fail beyond the limit; its memory is watched either
    way. ``clock`` returns monotonic seconds.

    Attributes:
        facts: What the worker reported about itself.
        waiting: Called in the requesting thread during a long silence; if it raises, the worker is
            ended.

    Raises:
        WorkerError: The worker can't be started or speaks another protocol.
    """

    def __init__(
        self,
        target: Target,
        *,
        timeout_s: float,
        memory_limit: int | None,
        where: str,
        capped: bool = True,
        waiting: Waiting = ignore,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.waiting = waiting
        self._clock = clock
        self._asked: tuple[Doing, Waiting] = (Doing("hello"), waiting)
        self._since = self._tell_at = 0.0
        self._timeout_s = max(timeout_s, START_S)
        self._memory_limit = memory_limit
        self._where = where or None
        self._explain = target.explain
        self._requests = 0
        self._over = False
        try:
            self._channel = Channel(target, self._look)
        except OSError as error:
            raise WorkerError(
                f"the worker of target {target.name!r} can't be started: {error}",
                where=self._where,
                remedy=f"Check the command: {' '.join(target.command)}",
            ) from error
        answer = self.ask("hello", {"memory_limit": memory_limit if capped else None})
        self._timeout_s = timeout_s
        self.facts = self.convert("hello", answer, WorkerFacts)
        target.greeted()
        if self.facts.protocol != PROTOCOL:
            self.close()
            raise WorkerError(
                f"the worker speaks protocol {self.facts.protocol}, not {PROTOCOL}",
                where=self._where,
                remedy="Copy this version's edgeq/run/worker.py to the target",
            )

    @property
    def over(self) -> bool:
        """Whether the worker has ended."""
        return self._over

    def ask(
        self,
        op: str,
        fields: Mapping[str, Any],
        blobs: tuple[AnyArray, ...] = (),
        *,
        steps: int | None = None,
        most: int = USUAL_BYTES,
    ) -> Frame:
        """Send one ``Request`` and return its result; see ``ask_each``."""
        (answer,) = self.ask_each(op, (Request(fields, blobs, steps=steps, most=most),))
        return answer

    def ask_each(
        self,
        op: str,
        requests: Iterable[Request],
        *,
        progress: Progress | None = None,
        waiting: Waiting | None = None,
    ) -> Generator[Frame]:
        """Send requests and yield their results in order.

        ``AHEAD`` requests are on their way while the worker answers another one. If one fails, or
        not all results are taken, while others are on their way, the worker is ended.

        Args:
            op: Name of the requests.
            requests: The requests, each drawn when it can be sent.
            progress: Called with the number of images done and in total.
            waiting: Called during a long silence instead of the conversation's own.

        Raises:
            WorkerError: The worker crashed, was silent, ran out of memory or refused. It is ended
                except after a refusal.
        """
        sent: deque[tuple[int, Request]] = deque()
        try:
            for request in requests:
                if self._over:
                    raise WorkerError("this worker has ended", where=self._where)
                self._requests += 1
                header = {"op": op, "id": self._requests, **request.fields}
                self._channel.send(Frame(header, request.blobs))
                sent.append((self._requests, request))
                if len(sent) > AHEAD:
                    yield self._answer(op, *sent.popleft(), progress, waiting)
            while sent:
                yield self._answer(op, *sent.popleft(), progress, waiting)
        finally:
            if sent and not self._over:
                self._kill()

    def _answer(
        self,
        op: str,
        number: int,
        request: Request,
        progress: Progress | None,
        waiting: Waiting | None,
    ) -> Frame:
        images = request.images
        doing = Doing(op, *(images or ()))
        self._asked = doing, waiting or self.waiting
        frame = self._receive(doing, request.most)
        last = -1
        while frame.header.get("kind") == "progress":
            steps = (images or (0, -1))[1] if request.steps is None else request.steps
            last = self._risen(frame, last, steps)
            if images:
                doing = Doing(op, images[0] + last, images[1])
                self._asked = doing, waiting or self.waiting
                self._tell(progress, doing.done, doing.total)
            frame = self._receive(doing, request.most)
        return self._result(frame, doing, number)

    def _risen(self, frame: Frame, last: int, most: int) -> int:
        """Return the progress in a frame, which must rise and is limited.

        Each frame restarts the time limit, so otherwise a worker could continue forever.
        """
        done = frame.header.get("done")
        if not isinstance(done, int) or not last < done <= most:
            what = f"progress {done!r} after {last}, of {most}"
            raise self._ended(self.circumstances(self._asked[0]).babble(what))
        return done

    def convert(self, op: str, frame: Frame, kind: type[T]) -> T:
        """Convert a result's header to a struct.

        Raises:
            WorkerError: The header does not fit the struct; the worker is ended.
        """
        try:
            return structs.converted(frame.header, kind)
        except msgspec.ValidationError as error:
            raise self._ended(self.circumstances(Doing(op)).babble(error)) from error

    def circumstances(self, doing: Doing) -> Circumstances:
        """Return the circumstances of a request, for errors."""
        return Circumstances(
            where=self._where,
            doing=doing,
            output=self._channel.output,
            timeout_s=self._timeout_s,
            memory_limit=self._memory_limit,
            explain=self._explain,
        )

    def close(self) -> None:
        """End the worker; has no effect the second time."""
        if not self._over:
            self._over = True
            self._channel.close(Frame({"op": "bye", "id": 0}))

    def _receive(self, doing: Doing, most: int) -> Frame:
        """Return the next frame, or end the worker and raise the reason."""
        self._since = self._clock()
        self._tell_at = self._since + PATIENCE_S
        try:
            return self._channel.receive(self._timeout_s, most=most)
        except Silence as error:
            raise self._ended(self.circumstances(doing).silent()) from error
        except _TooBigError as error:
            raise self._ended(self.circumstances(doing).out_of_memory()) from error
        except Ended as error:
            code = self._channel.end()
            raise self._ended(self.circumstances(doing).ended(code)) from error
        except FrameError as error:
            raise self._ended(self.circumstances(doing).babble(error)) from error
        except BaseException:  # an unread answer would be mistaken for the next one
            self._kill()
            raise

    def _tell(self, progress: Progress | None, done: int, total: int) -> None:
        """Report progress; if that raises, end the worker, whose answer will not be read."""
        try:
            if progress is not None:
                progress(done, total)
        except BaseException:
            self._kill()
            raise

    def _result(self, frame: Frame, doing: Doing, number: int) -> Frame:
        kind, answered = frame.header.get("kind"), frame.header.get("id")
        if kind not in {"result", "error"} or answered != number:
            what = f"{kind!r} number {answered!r}"
            raise self._ended(self.circumstances(doing).babble(what))
        if kind == "error":
            error = self.circumstances(doing).reported(frame.header)
            if number == 1:  # it failed before it said hello
                self._ended(error)
            raise error
        return frame

    def _look(self, pid: int) -> None:
        if self._memory_limit is not None and resident_bytes(pid) > self._memory_limit:
            raise _TooBigError
        now = self._clock()
        if now >= self._tell_at:
            self._tell_at = now + AGAIN_S
            doing, waiting = self._asked
            waiting(doing, now - self._since)

    def _ended(self, error: WorkerError) -> WorkerError:
        self._kill()
        return error

    def _kill(self) -> None:
        self._over = True
        self._channel.close()
