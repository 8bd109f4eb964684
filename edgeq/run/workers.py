"""The workers of a target: fresh ones, and those that did their work well and wait for more."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from functools import partial
from typing import TypeVar

from edgeq.errors import WorkerError
from edgeq.processes.pool import Idle
from edgeq.run.doing import Doing
from edgeq.run.session import Session
from edgeq.run.targets import Target

T = TypeVar("T")


class Workers:
    """Starts workers on a target, all with the same limits.

    Args:
        target: Where they run.
        timeout_s: As in ``Session``.
        memory_limit: As in ``Session``.
        waiting: Told which model's worker is silent for long, during what, and for how many
            seconds.
    """

    def __init__(
        self,
        target: Target,
        *,
        timeout_s: float,
        memory_limit: int | None,
        waiting: Callable[[str, Doing, float], None] = lambda *_: None,
    ) -> None:
        self.target = target
        self._waiting = waiting
        self._timeout_s = timeout_s
        self._memory_limit = memory_limit
        self._idle: Idle[Session] = Idle(Session.close)

    def fresh(self, where: str) -> Session:
        """Return a worker that did nothing before; the caller closes it.

        Args:
            where: The model or variant, for errors.
        """
        return Session(
            self.target,
            timeout_s=self._timeout_s,
            memory_limit=self._memory_limit,
            where=where,
            waiting=partial(self._waiting, where),
        )

    def kept(self) -> AbstractContextManager[None]:
        """Let workers that did their work well wait for more, until the block ends."""
        return self._idle.kept()

    def end_idle(self) -> None:
        """End those that wait: their memory is wanted elsewhere."""
        self._idle.end_all()

    def ask(self, where: str, work: Callable[[Session], T]) -> T:
        """Return the result of work in a worker that may have done other work before.

        What fails in such a one is tried once more in a fresh one, so that no model can fail for
        another's sake.

        Args:
            where: The model or variant, for errors.
            work: Loads what it needs; it may be called twice.

        Raises:
            WorkerError: It failed in a fresh worker.
        """
        used = self._idle.take(self.target.name)
        if used is not None:
            used.tell(partial(self._waiting, where))
            with suppress(WorkerError):
                return self._ask(used, work)
        return self._ask(self.fresh(where), work)

    def _ask(self, session: Session, work: Callable[[Session], T]) -> T:
        try:
            result = work(session)
            session.unload()
        except BaseException:
            session.close()
            raise
        self._idle.add(self.target.name, session)
        return result
