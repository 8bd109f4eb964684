"""The workers of a target: starts fresh ones and reuses idle ones."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from copy import copy
from functools import partial
from typing import TypeVar

from edgeq.errors import WorkerError
from edgeq.processes.pool import Idle
from edgeq.run.failures import Doing
from edgeq.run.session import Session
from edgeq.run.targets import Target

T = TypeVar("T")


class Workers:
    """Starts workers on a target, all with the same limits.

    Limits are as for ``Session``. ``waiting`` is called during long silences with the name of the
    model, what its worker is doing, and the seconds of silence.
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

    def on(self, target: Target) -> Workers:
        """Return workers on another target, with the same limits; they wait in the same pool."""
        other = copy(self)
        other.target = target
        return other

    def fresh(self, where: str) -> Session:
        """Start a worker that the caller closes; ``where`` is the model or variant, for errors."""
        return Session(
            self.target,
            timeout_s=self._timeout_s,
            memory_limit=self._memory_limit,
            where=where,
            waiting=partial(self._waiting, where),
        )

    def kept(self) -> AbstractContextManager[None]:
        """Keep workers that succeeded idle for reuse until the block ends."""
        return self._idle.kept()

    def end_idle(self) -> None:
        """End the idle workers, to free their memory."""
        self._idle.end_all()

    def ask(self, where: str, work: Callable[[Session], T]) -> T:
        """Do work in a worker that may be reused, and return the result.

        Work that fails in a reused worker is retried once in a fresh one, so that no model can fail
        because of another. ``work`` loads what it needs.

        Raises:
            WorkerError: The work failed in a fresh worker.
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
