"""Runs tasks that depend on each other, as many at a time as there are cores.

The work happens in child processes and native code, and the threads here only wait for it. The
calling thread starts the tasks, shows progress, with an estimate of the time left, and receives
Ctrl-C. What several tasks need is computed once and kept, or its error is.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

import msgspec

from edgeq.errors import EdgeqError, StoreError, UnforeseenError
from edgeq.processes.lifeline import cut_all

if TYPE_CHECKING:
    from concurrent.futures import Future


SOON_S = 5.0
"""Seconds of work before the time left is estimated."""

_MINUTE_S, _HOUR_S = 60.0, 3600.0


class Countdown:
    """Estimates the time left of a job from its pace so far.

    ``clock`` returns seconds from a monotonic clock.
    """

    def __init__(self, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.total = total
        self._clock = clock
        self._start = clock()
        self._done, self._used = 0, 0.0

    def text(self, done: int) -> str:
        """Return ``"640 of 2000, about 4 min left"``, without a time at the very start or end.

        The pace is that of the finished parts. While a part runs, the estimate shrinks until that
        part has taken as long as those before it on average.
        """
        used = self._clock() - self._start
        if done != self._done:
            self._done, self._used = done, used
        count = f"{done} of {self.total}"
        if used < SOON_S or not 0 < done < self.total:
            return count
        pace, under_way = self._used / done, used - self._used
        left = pace * (self.total - done) - min(under_way, pace)
        return f"{count}, about {rounded(left)} left" if left > 0 else count


def rounded(seconds: float) -> str:
    """Return a time rounded for display, for example ``"30 s"``, ``"4 min"`` or ``"2.5 h"``."""
    if seconds < 2 * _MINUTE_S:
        return f"{max(1, round(seconds))} s"
    if seconds < 2 * _HOUR_S:
        return f"{round(seconds / _MINUTE_S)} min"
    return f"{seconds / _HOUR_S:.1f} h"


LOOK_S = 0.2

MAX_ELSEWHERE = 64
"""Concurrent tasks that other machines do; each is a thread that waits."""

Say = Callable[[str], None]


class StoppedError(Exception):
    """The run was stopped; raised in threads that are still working."""


class NotAloneError(EdgeqError):
    """A measurement that must run alone was accessed during other work; its case tries again."""


class Stage(msgspec.Struct, frozen=True):
    """When a task ran, in seconds from the start of the schedule."""

    name: str
    start_s: float
    seconds: float


@dataclass(frozen=True)
class Task:
    """One unit of work.

    Attributes:
        name: Unique name of the task.
        work: Does the work and keeps its own result. An ``EdgeqError``, or an error due to lack of
            memory or recursion depth, is met again by the case that needs the result; any other
            error ends the schedule.
        after: Names of the tasks that must have ended, successfully or not, before it starts.
        uses: Name of something that only one task at a time may use, empty if nothing.
        elsewhere: Whether other machines do the work, so that it takes no core here.
    """

    name: str
    work: Callable[[], object]
    after: tuple[str, ...] = ()
    uses: str = ""
    elsewhere: bool = False


class ProgressRelay:
    """Relays progress in the thread that created it; lines of other threads are queued."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._owner = threading.get_ident()
        self._latest: str | None = None
        self._stopped = threading.Event()

    def say(self, line: str) -> None:
        """Report a line, or keep it for later if called from another thread.

        Raises:
            StoppedError: The run was stopped, and this is another thread.
        """
        if threading.get_ident() == self._owner:
            self._say(line)
            return
        if self._stopped.is_set():
            raise StoppedError
        self._latest = line

    def flush(self) -> None:
        """Report the latest line of the other threads."""
        line, self._latest = self._latest, None
        if line is not None:
            self._say(line)

    def goes_on(self) -> bool:
        """Return whether the run continues, that is, was not stopped."""
        return not self._stopped.is_set()

    def stop(self) -> None:
        """End each of the other threads when it next reports a line."""
        self._stopped.set()


def carry_out(tasks: Sequence[Task], relay: ProgressRelay, *, workers: int) -> tuple[Stage, ...]:
    """Run tasks, earlier ones first if there is a choice, and return when each of them ran.

    Args:
        tasks: The tasks in an order in which they could run one by one.
        relay: A relay created in this thread.
        workers: Maximum number of concurrent tasks, of those that other machines do
            ``MAX_ELSEWHERE``.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed; raised once every child process has ended.
    """
    from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

    start = time.monotonic()
    stages: list[Stage] = []
    waiting = list(tasks)
    running: dict[Future[None], Task] = {}

    def do(task: Task) -> None:
        began = time.monotonic()
        with suppress(EdgeqError, MemoryError, RecursionError):
            task.work()
        stages.append(Stage(task.name, round(began - start, 3), round(time.monotonic() - began, 3)))

    with ThreadPoolExecutor(workers + MAX_ELSEWHERE, thread_name_prefix="edgeq") as pool:
        try:
            while waiting or running:
                for task in _startable(waiting, running.values(), workers):
                    waiting.remove(task)
                    running[pool.submit(do, task)] = task
                ended, _ = wait(running, timeout=LOOK_S, return_when=FIRST_COMPLETED)
                relay.flush()
                for future in ended:
                    del running[future]
                    future.result()
        except BaseException:
            relay.stop()
            while not all(future.done() for future in running):
                cut_all()
                wait(running, timeout=LOOK_S)
            raise
    return tuple(sorted(stages, key=lambda stage: stage.start_s))


def _startable(waiting: Sequence[Task], running: Collection[Task], workers: int) -> list[Task]:
    """Return the tasks that are ready and have a free place, here or on other machines."""
    busy = Counter(task.elsewhere for task in running)
    startable = []
    for task in _ready(waiting, running):
        if busy[task.elsewhere] < (MAX_ELSEWHERE if task.elsewhere else workers):
            busy[task.elsewhere] += 1
            startable.append(task)
    return startable


def _ready(waiting: Sequence[Task], running: Collection[Task]) -> list[Task]:
    """Return the tasks that depend on no unfinished task and use nothing that is in use."""
    still = {task.name for task in (*waiting, *running)}
    used = {task.uses for task in running if task.uses}
    ready = []
    for task in waiting:
        if still.isdisjoint(task.after) and task.uses not in used:
            ready.append(task)
            used |= {task.uses} if task.uses else set()
    return ready


K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Memo(Generic[K, V]):
    """Results by key. An error is kept and raised again, so that a crash is not repeated.

    Thread-safe: a thread that asks for a result that another thread is making waits for it.

    Args:
        keeps: Returns whether errors are currently kept. While a run is being stopped, workers are
            killed, which is not the fault of the models that they run.
    """

    def __init__(self, keeps: Callable[[], bool] = lambda: True) -> None:
        self._keeps = keeps
        self._results: dict[K, V] = {}
        self._errors: dict[K, EdgeqError] = {}
        self._guard = threading.Lock()
        self._locks: dict[K, threading.RLock] = {}

    def get(self, key: K, make: Callable[[], V]) -> V:
        """Return the result for a key, made at the first call.

        Raises:
            EdgeqError: The error that ``make`` raised at the first call. Anything else becomes a
                ``StoreError`` if a disk is full, and an ``UnforeseenError`` otherwise.
        """
        with self._guard:
            lock = self._locks.setdefault(key, threading.RLock())
        with lock:
            if key in self._results:
                return self._results[key]
            if key in self._errors:
                raise self._errors[key]
            try:
                result = self._results[key] = make()
            except EdgeqError as error:
                if self._keeps():
                    self._errors[key] = error
                raise
            except StoppedError:
                raise
            except Exception as error:  # a surprise in one file must not end the session of others
                surprise = StoreError.of_full_disk(error) or UnforeseenError.of(error)
                if self._keeps():
                    self._errors[key] = surprise
                raise surprise from error
            return result

    def fail(self, key: K, error: EdgeqError) -> None:
        """Keep an error for a key without a result, so that none is made for it."""
        with self._guard:
            if key not in self._results:
                self._errors.setdefault(key, error)

    def done(self, key: K) -> V | None:
        """Return the result for a key, None if there is none yet."""
        return self._results.get(key)

    def error(self, key: K) -> EdgeqError | None:
        """Return the error kept for a key, None if there is none."""
        return self._errors.get(key)
