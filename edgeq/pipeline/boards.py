"""Shares an evaluation among the boards of one target; one that fails costs a retry elsewhere."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Self

from edgeq.cluster.driver import Done, Homes, NodeLostError, Photos, run_on
from edgeq.cluster.work import Answer, Job, Portion, Ran
from edgeq.errors import EdgeqError, ModelRefusedError, WorkerError
from edgeq.pipeline.evaluating import Resident, run_each
from edgeq.pipeline.schedule import Say
from edgeq.run.session import Session
from edgeq.run.workers import Workers
from edgeq.samples.stream import Stream

SHARES = 4
"""Portions that each board gets at least, so that none waits long for a slower one."""


class _OverError(Exception):
    """The evaluation has ended; no portion is needed any more."""


class Boards:
    """The boards of a target: one that measures, and others that share its evaluations.

    Args:
        first: Name of the board that measures.
        workers: The workers of every board, by name; all boards are alike.

    Attributes:
        lost: Why a board failed, by name. It takes no further part, but for the first one, whose
            loss is the target's.
    """

    def __init__(self, first: str, workers: Mapping[str, Workers]) -> None:
        self.first = first
        self.lost: dict[str, str] = {}
        self._workers = dict(workers)

    @property
    def workers(self) -> dict[str, Workers]:
        """The workers of the boards that take part, by name."""
        return {
            name: workers
            for name, workers in self._workers.items()
            if name == self.first or name not in self.lost
        }

    def portions(self, portions: Sequence[Photos]) -> list[Photos]:
        """Return portions, split so that every board has several."""
        most = sum(map(len, portions)) // (SHARES * len(self.workers)) or 1
        return [
            portion[at : at + most] for portion in portions for at in range(0, len(portion), most)
        ]


@dataclass
class _Seat:
    """A board in an evaluation.

    Attributes:
        waiting: Its portions and where their answers go; None ends its thread.
        current: The portion that it runs.
        done: Photographs of that portion that are done.
        error: Why it failed, None as long as it has not.
    """

    workers: Workers
    waiting: queue.SimpleQueue[tuple[Portion, Future[Answer]] | None] = field(
        default_factory=queue.SimpleQueue
    )
    current: tuple[Portion, Future[Answer]] | None = None
    done: int = 0
    error: Exception | None = None


class Sharing:
    """One evaluation that boards share; the ``Nodes`` of its portions. A context manager.

    ``say`` is called with a line if a board fails.
    """

    def __init__(
        self,
        boards: Boards,
        photographs: Stream,
        load: Callable[[Session], Resident],
        say: Say,
    ) -> None:
        self._boards, self._photographs = boards, photographs
        self._load, self._say = load, say
        self._seats = {name: _Seat(workers) for name, workers in boards.workers.items()}
        self._guard = threading.Lock()
        self._over = False
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._over = True
        for seat in self._seats.values():
            seat.waiting.put(None)
        for thread in self._threads:
            thread.join()

    def run(
        self, job: Job, model: Path, portions: Sequence[Photos], progress: Callable[[int], None]
    ) -> Iterator[Done]:
        """Run the model on portions; see ``run_on``."""
        for name, seat in self._seats.items():
            serve = partial(self._serve, name, seat, job.name)
            self._threads.append(threading.Thread(target=serve, name=f"edgeq {name}"))
            self._threads[-1].start()

        def told(done: int) -> None:
            progress(done + sum(seat.done for seat in self._seats.values()))

        return run_on(self, job, model, portions, homes=Homes(), progress=told)

    def members(self) -> Sequence[str]:
        """Return the boards that have not failed; see ``Nodes``."""
        sound = [name for name, seat in self._seats.items() if seat.error is None]
        if not sound:  # none is at fault alone, so the model may be
            for name in self._seats:
                self._boards.lost.pop(name, None)
            raise next(seat.error for seat in self._seats.values() if seat.error is not None)
        return sound

    def share(self, model: Path) -> object:
        """Return the model's file, which each board's worker is sent when it loads it."""
        return model

    def submit(self, member: str, job: Job, model: object, portion: Portion) -> Future[Answer]:
        """Give a portion to a board; see ``Nodes``."""
        del job, model
        seat, answer = self._seats[member], Future[Answer]()
        with self._guard:
            if seat.error is None:
                seat.waiting.put((portion, answer))
                return answer
        _settle([answer], seat.error)
        return answer

    def ready(
        self, tickets: Sequence[Future[Answer]], timeout_s: float
    ) -> Sequence[Future[Answer]]:
        """Return the portions that are done; see ``Nodes``."""
        if not tickets:
            time.sleep(timeout_s)
        return tuple(wait(tickets, timeout_s, FIRST_COMPLETED).done)

    def answer(self, ticket: Future[Answer]) -> Answer:
        """Return the answer for a portion; see ``Nodes``."""
        return ticket.result()

    def lost(self, member: str) -> None:
        """Note why a board failed."""
        error = self._seats[member].error
        if member not in self._boards.lost and error is not None:
            self._boards.lost[member] = error.what if isinstance(error, EdgeqError) else str(error)
            self._say(f"{member} failed: its part is run on another board")

    def why_none(self) -> str:
        """Say why there is no board; see ``Nodes``."""
        return "every board of the target failed"

    def _serve(self, name: str, seat: _Seat, variant: str) -> None:
        """Run a board's portions in one of its workers, until the evaluation ends."""
        try:
            seat.workers.ask(variant, partial(self._run_all, name, seat))
        except Exception as error:  # noqa: BLE001 - raised by who waits for a portion
            with self._guard:
                seat.error, seat.done = error, 0
                given = [] if seat.current is None else [seat.current]
                while not seat.waiting.empty():
                    if (work := seat.waiting.get()) is not None:
                        given.append(work)
            _settle([answer for _, answer in given], error)

    def _run_all(self, name: str, seat: _Seat, session: Session) -> None:
        resident = self._load(session)

        def progress(done: int, _: float | None = None, /) -> None:
            if self._over:
                raise _OverError
            seat.done = done

        while True:
            # A portion that failed in a reused worker is still there for the fresh one.
            seat.current = seat.current or seat.waiting.get()
            if seat.current is None or self._over:
                return
            portion, answer = seat.current
            (ran,) = run_each(resident, self._photographs, (portion.photos,), progress)
            # Memory is measured on one board.
            memory = ran.memory.samples if name == self._boards.first else ()
            seat.current, seat.done = None, 0
            answer.set_result(Ran(ran.outputs, memory, ran.memory.load))


def _settle(answers: Iterable[Future[Answer]], error: Exception) -> None:
    """Answer portions that a board did not run, so that they are run elsewhere or not at all."""
    for answer in answers:
        if isinstance(error, WorkerError) and not isinstance(error, ModelRefusedError):
            lost = NodeLostError(str(error))
            lost.__cause__ = error
            answer.set_exception(lost)
        elif isinstance(error, EdgeqError):
            answer.set_result(error)
        else:
            answer.set_exception(error)
