"""Carrying out tasks that wait for each other, as many at a time as there are cores.

The work happens in child processes and in native code; the threads here only wait for it. The
calling thread hands out the tasks, shows progress, and is the one that Ctrl-C reaches.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from edgeq.errors import EdgeqError
from edgeq.processes.lifeline import cut_all

if TYPE_CHECKING:
    from concurrent.futures import Future

LOOK_S = 0.2

Say = Callable[[str], None]


class StoppedError(Exception):
    """The run was stopped; raised in the threads that still work."""


class NotAloneError(EdgeqError):
    """What must be measured alone was asked for while other work goes on; its case asks again."""


class Stage(msgspec.Struct, frozen=True):
    """When a task was carried out.

    Attributes:
        name: Of the task.
        start_s: Seconds from the start of all.
        seconds: That it took.
    """

    name: str
    start_s: float
    seconds: float


@dataclass(frozen=True)
class Task:
    """One thing to be done.

    Attributes:
        name: What it is; no other task has the same.
        work: Does it and keeps its own result. An ``EdgeqError``, or an error for want of memory
            or depth, is met again by the case that asks; anything else ends the schedule.
        after: Names of the tasks that must have ended, well or not, before it starts.
    """

    name: str
    work: Callable[[], object]
    after: tuple[str, ...] = ()


class ProgressRelay:
    """Passes progress on in the thread that made it; lines of other threads wait their turn.

    Args:
        say: Told a line, in that thread alone.
    """

    def __init__(self, say: Say) -> None:
        self._say = say
        self._owner = threading.get_ident()
        self._latest: str | None = None
        self._stopped = threading.Event()

    def say(self, line: str) -> None:
        """Tell a line, or keep it where this is another thread.

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
        """Tell the latest line of the other threads."""
        line, self._latest = self._latest, None
        if line is not None:
            self._say(line)

    def goes_on(self) -> bool:
        """Return whether the run was not stopped."""
        return not self._stopped.is_set()

    def stop(self) -> None:
        """Let the other threads end at the next line that they have to tell."""
        self._stopped.set()


def carry_out(tasks: Sequence[Task], relay: ProgressRelay, *, workers: int) -> tuple[Stage, ...]:
    """Carry out tasks, the first ones first wherever there is a choice, and return when.

    Args:
        tasks: In an order in which they could be done one by one.
        relay: Made in this thread.
        workers: Tasks at a time.

    Raises:
        KeyboardInterrupt: After every child process has ended.
    """
    from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

    start = time.monotonic()
    stages: list[Stage] = []
    waiting = list(tasks)
    running: dict[Future[None], str] = {}

    def do(task: Task) -> None:
        began = time.monotonic()
        with suppress(EdgeqError, MemoryError, RecursionError):
            task.work()
        stages.append(Stage(task.name, round(began - start, 3), round(time.monotonic() - began, 3)))

    with ThreadPoolExecutor(workers, thread_name_prefix="edgeq") as pool:
        try:
            while waiting or running:
                for task in _ready(waiting, running.values())[: workers - len(running)]:
                    waiting.remove(task)
                    running[pool.submit(do, task)] = task.name
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


def _ready(waiting: Sequence[Task], running: Iterable[str]) -> list[Task]:
    """Return the tasks that wait for nothing that is still to be done."""
    still = {task.name for task in waiting} | set(running)
    return [task for task in waiting if still.isdisjoint(task.after)]
