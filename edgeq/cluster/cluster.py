"""A cluster as an executor uses it: connected on first use, and left when the work is done."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from edgeq.cluster.driver import LOOK_S, Done, Homes, Photos, run_on
from edgeq.cluster.making import MakingElsewhere
from edgeq.cluster.node import Node
from edgeq.cluster.ray_nodes import RayNodes
from edgeq.cluster.work import Job, NodeFacts
from edgeq.models.child import children_elsewhere

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
