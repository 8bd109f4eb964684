"""A cluster as an executor uses it: connected on first use, and left when the work is done.

In making models, a node makes one thing at a time, so no more is given away than there are nodes.
If a node is lost, another does its work again. What can't be moved, and everything if no node is
like this machine, is made here, by as many children at a time as there are cores.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from edgeq.cluster.driver import (
    LOOK_S,
    MAX_LOSSES,
    PATIENCE_S,
    Done,
    Homes,
    NodeLostError,
    Photos,
    run_on,
)
from edgeq.cluster.node import Node
from edgeq.cluster.ray_nodes import RayNodes
from edgeq.cluster.work import Job, Made, Making, NodeFacts, Source, Unseen
from edgeq.errors import ConversionError
from edgeq.io.files import sha256_file
from edgeq.models.child import (
    Assignment,
    Files,
    TooMuchError,
    carry_out,
    children_elsewhere,
    path_named,
)
from edgeq.models.serving import NO_ROOM, Response

Ticket = TypeVar("Ticket", bound=Hashable)


class Makers(Protocol[Ticket]):
    """The nodes that make models; safe for several threads."""

    @property
    def joining(self) -> int:
        """How many nodes have been started that have not answered yet."""

    def makers(self) -> Sequence[str]:
        """Return the names of the nodes whose tools are those of this machine."""

    def share(self, path: Path) -> object:
        """Make a file available to all nodes, and return a reference to it.

        Raises:
            ModelError: The file can't be read.
        """

    def make(self, member: str, making: Making, contents: Sequence[object]) -> Ticket:
        """Give work to a node, with references to the files that it reads.

        Raises:
            NodeLostError: The node is gone.
        """

    def ready(self, tickets: Sequence[Ticket], timeout_s: float) -> Sequence[Ticket]:
        """Return the tickets whose work is done, after some seconds at the latest."""

    def made(self, ticket: Ticket) -> Made | Unseen:
        """Return what a node has made.

        Raises:
            NodeLostError: The node is gone.
        """

    def lost(self, member: str) -> None:
        """Give up a node, and start another in its place if there is room."""


class MakingElsewhere(Generic[Ticket]):
    """Children that run on nodes; see ``edgeq.models.child.Elsewhere``.

    Args:
        nodes: Returns the nodes, which are connected on first use.
        cores: Number of children that run here at a time.
        say: Called often with a line of progress; it may raise.
        clock: Returns monotonic seconds.
    """

    def __init__(
        self,
        nodes: Callable[[], Makers[Ticket]],
        *,
        cores: int,
        say: Callable[[str], object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._nodes, self._say, self._clock = nodes, say, clock
        self._here = threading.BoundedSemaphore(cores)
        self._guard = threading.Lock()
        self._waiting: list[object] = []
        self._busy: set[str] = set()
        self._blind: set[str] = set()
        self._kinds: dict[str, str] = {}

    def carry_out(self, assignment: Assignment, log: Path) -> Response | int:
        """Return a child's answer, with its files and its log in their places.

        Raises:
            TooMuchError: The child exceeded a limit.
            ClusterError: The cluster can't be used.
            ConversionError: The work has cost too many nodes.
            ModelError: A file that it reads can't be read.
            OSError: A file can't be read or written.
        """
        if assignment.files is None or assignment.limits.environment:
            return self._carry_out_here(assignment, log)
        making = Making(assignment, _sources(assignment, assignment.files))
        for _ in range(MAX_LOSSES):
            member = self._free_member(assignment)
            if member is None:
                self._say(f"{assignment.what}: made here, as no node has the same tools")
                return self._carry_out_here(assignment, log)
            try:
                product = self._made(member, making)
            except NodeLostError:
                self._nodes().lost(member)
            else:
                failure = product.answer.failure if isinstance(product.answer, Response) else None
                if failure is not None and failure.kind == NO_ROOM:
                    self._say(f"{assignment.what}: made here, as {member} has no room")
                    return self._carry_out_here(assignment, log)
                return _delivered(product, assignment, log)
            finally:
                with self._guard:
                    self._busy.discard(member)
        raise ConversionError(
            f"{MAX_LOSSES} nodes of the cluster were lost while they made it",
            where=assignment.what,
            remedy="Run it without the cluster to see why",
        )

    def _carry_out_here(self, assignment: Assignment, log: Path) -> Response | int:
        with self._here:
            return carry_out(assignment, log)

    def _free_member(self, assignment: Assignment) -> str | None:
        """Wait for a node, after those that have waited longer; None if none is like this machine.

        The node is reserved. One whose last work was of the same kind has a child that waits for
        more of it.
        """
        end, turn = self._clock() + PATIENCE_S, object()
        self._waiting.append(turn)
        try:
            while True:
                nodes = self._nodes()
                members = nodes.makers()
                with self._guard:
                    free = [member for member in members if member not in self._busy]
                    free.sort(key=lambda member: self._kinds.get(member) != assignment.kind)
                    if free and self._waiting[0] is turn:
                        self._busy.add(free[0])
                        self._kinds[free[0]] = assignment.kind
                        return free[0]
                if not members and (not nodes.joining or self._clock() > end):
                    return None
                self._say(f"{assignment.what}: waiting for a node of the cluster")
                threading.Event().wait(LOOK_S)
        finally:
            self._waiting.remove(turn)

    def _made(self, member: str, making: Making) -> Made:
        nodes, what = self._nodes(), making.assignment.what
        while True:
            contents = self._contents(making) if member in self._blind else []
            ticket = nodes.make(member, making, contents)
            while not nodes.ready((ticket,), LOOK_S):
                self._say(f"{what}: on {member}")
            product = nodes.made(ticket)
            if isinstance(product, Made):
                return product
            self._blind.add(member)

    def _contents(self, making: Making) -> list[object]:
        return [self._nodes().share(source.path) for source in making.sources]


def _sources(assignment: Assignment, files: Files) -> tuple[Source, ...]:
    """Return the files that a child reads, with their hashes.

    Raises:
        OSError: A file can't be read.
    """
    sources = []
    for key, paths in files.reads.items():
        folder = path_named(assignment.request, key).parent
        for path in paths:
            name = path.relative_to(folder).as_posix()
            sources.append(Source(key, path, name, sha256_file(path)))
    return tuple(sources)


def _delivered(product: Made, assignment: Assignment, log: Path) -> Response | int:
    """Put what a node has made in its place, and return the child's answer.

    Raises:
        TooMuchError: The child exceeded a limit.
        OSError: A file can't be written.
    """
    log.write_bytes(product.log)
    if isinstance(product.answer, TooMuchError):
        raise product.answer
    if assignment.files is not None and assignment.files.writes is not None:
        folder = path_named(assignment.request, assignment.files.writes).parent
        for name, content in product.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
    return product.answer


START_S = 60.0
"""Seconds that actors may take to start, before what is there is described."""


class Cluster:
    """The machines of a Ray cluster that are like this one; safe for several threads.

    The address is as for ``RayNodes``; ``threads`` are those of one interpreter. ``say`` is called
    with lines about nodes that are left out or lost.
    """

    def __init__(self, address: str, *, threads: int, say: Callable[[str], object]) -> None:
        self._address, self._threads, self._say = address, threads, say
        self._guard = threading.Lock()
        self._homes = Homes()
        self._connected: RayNodes | None = None

    @property
    def nodes(self) -> RayNodes:
        """The nodes.

        Raises:
            MissingExtraError: Ray is not installed.
            ClusterError: There is no cluster at the address.
        """
        with self._guard:
            if self._connected is None:
                self._connected = RayNodes(
                    self._address, threads=self._threads, here=_here(), say=self._say
                )
            return self._connected

    def run(
        self,
        job: Job,
        model: Path,
        portions: Sequence[Photos],
        progress: Callable[[int], None],
    ) -> Iterator[Done]:
        """Run a model on portions; see ``run_on``.

        Raises:
            ModelError: The model's file can't be read.
        """
        return run_on(self.nodes, job, model, portions, homes=self._homes, progress=progress)

    def making(self) -> AbstractContextManager[None]:
        """Export, calibrate and quantize on the nodes, as far as possible, until the block ends."""
        cores = os.cpu_count() or 1
        return children_elsewhere(MakingElsewhere(lambda: self.nodes, cores=cores, say=self._say))

    def rest(self) -> None:
        """Let the nodes end the converters that wait for more work."""
        with self._guard:
            if self._connected is not None:
                self._connected.rest()

    def settled(self) -> RayNodes:
        """Return the nodes once every actor has answered, or after ``START_S`` seconds."""
        nodes, end = self.nodes, time.monotonic() + START_S
        while nodes.members() is not None and nodes.joining and time.monotonic() < end:
            time.sleep(LOOK_S)
        return nodes

    def leave(self) -> None:
        """End the actors and leave the cluster; the next use joins it again."""
        with self._guard:
            connected, self._connected = self._connected, None
        if connected is not None:
            connected.close()


def _here() -> NodeFacts:
    node = Node()
    try:
        return node.facts()
    finally:
        node.close()
