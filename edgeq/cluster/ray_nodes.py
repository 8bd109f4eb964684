"""Nodes as Ray actors. The only module that imports Ray, and only once a cluster is used."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgeq.cluster.driver import NodeLostError
from edgeq.cluster.node import Node
from edgeq.cluster.work import Answer, Job, Made, Making, NodeFacts, Portion, Unseen
from edgeq.errors import ClusterError, MissingExtraError, ModelError, reason_of
from edgeq.processes.environment import numeric
from edgeq.run.targets import differences
from edgeq.words import plural

AUTOMATIC = "ray"
"""The address that stands for the cluster that this machine belongs to."""

KNOCK_S = 10.0
"""Seconds in which an address must take a connection."""

ATTEMPTS = 3
"""Attempts to connect if the cluster does not start a server for this client."""

_NO_SERVER = "Starting Ray client server failed"

_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # else each start warns of a change to come
}


@dataclass(frozen=True)
class _Member:
    """An actor, and what its tools for making models have otherwise than this machine's."""

    actor: Any
    facts: NodeFacts
    lacking: tuple[str, ...]


class RayNodes:
    """Actors on every free processor of a Ray cluster whose machines are like this one.

    Args:
        address: ``"ray"`` for the cluster that this machine belongs to, or ``HOST:PORT`` or
            ``ray://HOST:PORT``.
        threads: Threads of one interpreter, so many processors an actor takes.
        here: Facts of this machine.
        say: Called with a line when a node is left out or lost.
        node: Class of the actors.

    Raises:
        MissingExtraError: Ray is not installed.
        ClusterError: There is no cluster at the address.
    """

    def __init__(
        self,
        address: str,
        *,
        threads: int,
        here: NodeFacts,
        say: Callable[[str], object],
        node: type[Node] = Node,
    ) -> None:
        self._ray = _connected(address)
        self._node = node
        self._here, self._say, self._threads = here, say, threads
        self._guard = threading.Lock()
        self._members: dict[str, _Member] = {}
        self._making: dict[Any, str] = {}
        self._joining: dict[Any, Any] = {}
        self._unlike: dict[str, tuple[str, ...]] = {}
        self._started = 0
        processors = self._ray.cluster_resources().get("CPU", 0)
        for _ in range(max(1, int(processors) // threads)):
            self._start()

    def members(self) -> Sequence[str]:
        """Return the names of the nodes that take portions now.

        Those that make models have no time for them, unless all do.
        """
        with self._guard:
            self._join_all()
            making = set(self._making.values())
            return tuple(name for name in self._members if name not in making) or tuple(
                self._members
            )

    def makers(self) -> Sequence[str]:
        """Return the names of the nodes whose tools are those of this machine."""
        with self._guard:
            self._join_all()
            return tuple(name for name, member in self._members.items() if not member.lacking)

    def _join_all(self) -> None:
        """Let the actors join that have answered; the caller has the guard."""
        if self._joining:
            answered, _ = self._ray.wait(
                list(self._joining), num_returns=len(self._joining), timeout=0
            )
            for ref in answered:
                self._join(ref, self._joining.pop(ref))

    def share(self, path: Path) -> object:
        """Put a file's bytes into the object store; see ``Nodes``."""
        try:
            content = np.fromfile(path, np.uint8)
        except OSError as error:
            raise ModelError(f"can't be read: {reason_of(error)}", where=path) from error
        return self._asked(lambda: self._ray.put(content))

    def submit(self, member: str, job: Job, model: object, portion: Portion) -> Any:
        """Give a portion to a node; see ``Nodes``."""
        actor = self._actor(member)
        return self._asked(lambda: actor.run.remote(job, model, portion))

    def make(self, member: str, making: Making, contents: Sequence[object]) -> Any:
        """Give a model's making to a node; see ``Makers``."""
        actor = self._actor(member)
        ticket = self._asked(lambda: actor.make.remote(making, *contents))
        with self._guard:
            self._making[ticket] = member
        return ticket

    def made(self, ticket: Any) -> Made | Unseen:
        """Return what a node has made; see ``Makers``."""
        with self._guard:
            self._making.pop(ticket, None)
        made: Made | Unseen = self._asked(lambda: self._ray.get(ticket))
        return made

    def rest(self) -> None:
        """Let the nodes end the converters that wait for more work."""
        with self._guard:
            for member in self._members.values():
                member.actor.rest.remote()

    def _actor(self, member: str) -> Any:
        with self._guard:
            known = self._members.get(member)
        if known is None:
            raise NodeLostError(member)
        return known.actor

    def ready(self, tickets: Sequence[Any], timeout_s: float) -> Sequence[Any]:
        """Return the tickets whose portions are done."""
        if not tickets:
            threading.Event().wait(timeout_s)
            return ()
        done, _ = self._ray.wait(list(tickets), num_returns=1, timeout=timeout_s)
        if done:
            done, _ = self._ray.wait(list(tickets), num_returns=len(tickets), timeout=0)
        return tuple(done)

    def answer(self, ticket: Any) -> Answer:
        """Return the answer for a portion that is done; see ``Nodes``."""
        answer: Answer = self._asked(lambda: self._ray.get(ticket))
        return answer

    def lost(self, member: str) -> None:
        """Give up a node and start another; see ``Nodes``."""
        with self._guard:
            known = self._members.pop(member, None)
            if known is None:
                return
            self._end(known.actor)
            self._start()
        self._say(f"cluster: {member} was lost; its work is done elsewhere")

    def facts(self) -> dict[str, NodeFacts]:
        """Return the facts of every node that takes portions."""
        with self._guard:
            return {name: member.facts for name, member in self._members.items()}

    def lacking(self) -> dict[str, tuple[str, ...]]:
        """Return what the tools of each machine that makes no models have otherwise, by machine."""
        with self._guard:
            members = self._members.values()
            return {member.facts.host: member.lacking for member in members if member.lacking}

    def unlike(self) -> dict[str, tuple[str, ...]]:
        """Return what each machine that was left out has otherwise than this one."""
        with self._guard:
            return dict(self._unlike)

    @property
    def joining(self) -> int:
        """How many actors have been started that have not answered yet."""
        with self._guard:
            return len(self._joining)

    def why_none(self) -> str:
        """Say why there is no node."""
        with self._guard:
            if self._unlike:
                host, reasons = next(iter(self._unlike.items()))
                others = len(self._unlike) - 1
                more = f", and {plural(others, 'other')}" if others else ""
                return (
                    f"no machine of the cluster is like this one: {host} ({'; '.join(reasons)})"
                    f"{more}. Predictions belong to a processor and a runtime"
                )
            return f"no machine of the cluster has {plural(self._threads, 'free processor')}"

    def close(self) -> None:
        """End every actor and leave the cluster."""
        with self._guard:
            actors = [member.actor for member in self._members.values()]
            actors += self._joining.values()
            self._members.clear()
            self._joining.clear()
            for actor in actors:
                self._end(actor)
        self._ray.shutdown()

    def _start(self) -> None:
        remote = self._ray.remote(self._node)
        actor = remote.options(
            num_cpus=self._threads, max_restarts=0, scheduling_strategy="SPREAD"
        ).remote(numeric(os.environ))
        self._joining[actor.facts.remote()] = actor

    def _join(self, ref: Any, actor: Any) -> None:
        try:
            facts = self._ray.get(ref)
        except self._ray.exceptions.RayError as error:
            self._say(f"cluster: a node can't run models: {_in_a_line(error)}")
            self._end(actor)
            return
        reasons = differences(self._here.deciding, facts.deciding)
        if reasons:
            if facts.host not in self._unlike:
                self._say(f"cluster: {facts.host} is left out: {'; '.join(reasons)}")
            self._unlike[facts.host] = reasons
            self._end(actor)
            return
        lacking = differences(self._here.tools, facts.tools)
        hosts = {member.facts.host for member in self._members.values()}
        if lacking and facts.host not in hosts:
            self._say(f"cluster: {facts.host} makes no models: {'; '.join(lacking)}")
        self._started += 1
        self._members[f"{facts.host} #{self._started}"] = _Member(actor, facts, lacking)

    def _end(self, actor: Any) -> None:
        with suppress(self._ray.exceptions.RayError, ValueError):
            self._ray.kill(actor)

    def _asked(self, ask: Callable[[], Any]) -> Any:
        """Return what Ray answers, with its errors as ours.

        Raises:
            NodeLostError: The actor, its machine or what it returned is gone.
            ClusterError: Anything else.
        """
        exceptions = self._ray.exceptions
        try:
            return ask()
        except (
            exceptions.RayActorError,
            exceptions.ObjectLostError,
            exceptions.WorkerCrashedError,
            exceptions.NodeDiedError,
            exceptions.OutOfMemoryError,
        ) as error:
            raise NodeLostError(_in_a_line(error)) from error
        except exceptions.RayError as error:
            raise ClusterError(_in_a_line(error), where="run.cluster") from error


def _connected(address: str) -> Any:
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError as error:
        raise MissingExtraError("ray", extra="ray", needed_for="run.cluster") from error
    try:
        _knock(address)
        if not ray.is_initialized():
            _join_as_driver(ray, "auto" if address == AUTOMATIC else address)
    except (OSError, ValueError, RuntimeError, ray.exceptions.RayError) as error:
        raise ClusterError(
            f"no cluster answers at {address!r}: {_in_a_line(error)}",
            where="run.cluster",
            remedy="Start one with `ray start --head`, and join it from other machines with "
            "`ray start --address=HOST:PORT`",
        ) from error
    return ray


def _join_as_driver(ray: Any, address: str) -> None:
    """Connect to a cluster.

    For each client the cluster starts a server, which on a busy machine does not always come up.
    Ray then gives up, and the next attempt gets a server of its own.
    """
    for left in reversed(range(ATTEMPTS)):
        try:
            ray.init(address=address, log_to_driver=False, logging_level="ERROR")
        except (OSError, RuntimeError) as error:
            if not left or _NO_SERVER not in str(error):
                raise
        else:
            return


def _knock(address: str) -> None:
    """Connect to an address that names a port, because Ray tries for minutes.

    Raises:
        OSError: Nothing listens there.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host:
        socket.create_connection((host.strip("[]"), int(port)), timeout=KNOCK_S).close()


def _in_a_line(error: BaseException) -> str:
    """Return an error's first line; if that announces a traceback, with the traceback's last."""
    first, *others = str(error).strip().splitlines() or [type(error).__name__]
    if first.endswith(":") and others:
        first = f"{first} {others[-1].strip()}"
    return first.rstrip(".")
