"""A cluster in this process: its nodes are threads' work done on the spot, in a known order."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from edgeq.cluster.driver import NodeLostError
from edgeq.cluster.work import Answer, Job, Portion, Ran
from edgeq.config.structs import Preprocessing
from edgeq.samples.sets import Photo

JOB = Job(
    name="net/int8",
    sha256="0",
    edits=(),
    kernels="xnnpack",
    threads=1,
    timeout_s=60.0,
    memory_limit=4_000_000_000,
    preprocessing=Preprocessing(),
    size=(8, 8),
)
Answering = Callable[[str, Portion], Answer]


def photos(count: int, folder: Path = Path("photos")) -> tuple[Photo, ...]:
    """Return photographs that exist only as names."""
    names = [f"{at:03}.png" for at in range(count)]
    return tuple(Photo(str(folder / name), name, f"sha-{name}", None) for name in names)


def portions(count: int, size: int = 2) -> list[tuple[Photo, ...]]:
    """Return portions of ``size`` photographs."""
    every = photos(count * size)
    return [every[at : at + size] for at in range(0, len(every), size)]


def rows(_: str, portion: Portion) -> Answer:
    """Answer with each photograph's number."""
    numbers = [float(photo.name[:3]) for photo in portion.photos]
    return Ran((np.array(numbers, np.float32)[:, None],), (), "load")


class FakeNodes:
    """Nodes that answer at once, the first ticket first.

    Attributes:
        given: Portions that each node was given, by their photographs' names.
        losing: How many portions each node still takes before it is lost.
        most: The most portions that one node had at a time.
    """

    def __init__(self, *names: str, answering: Answering = rows) -> None:
        self.names = list(names)
        self.given: dict[str, list[tuple[str, ...]]] = {name: [] for name in names}
        self.losing: dict[str, int] = {}
        self.most = 0
        self._answering = answering
        self._tickets = itertools.count()
        self._flying: dict[int, tuple[str, Portion]] = {}

    def members(self) -> Sequence[str]:
        return tuple(self.names)

    def share(self, model: Path) -> object:
        return model

    def submit(self, member: str, job: Job, model: object, portion: Portion) -> int:  # noqa: ARG002
        if member not in self.names:
            raise NodeLostError(member)
        ticket = next(self._tickets)
        self._flying[ticket] = (member, portion)
        self.given.setdefault(member, []).append(tuple(photo.name for photo in portion.photos))
        counts = Counter(name for name, _ in self._flying.values())
        self.most = max(self.most, *counts.values())
        return ticket

    def ready(self, tickets: Sequence[int], timeout_s: float) -> Sequence[int]:  # noqa: ARG002
        return tickets[:1]

    def answer(self, ticket: int) -> Answer:
        member, portion = self._flying.pop(ticket)
        left = self.losing.get(member)
        if member not in self.names or left == 0:
            raise NodeLostError(member)
        if left is not None:
            self.losing[member] = left - 1
        return self._answering(member, portion)

    def lost(self, member: str) -> None:
        if member in self.names:
            self.names.remove(member)

    def why_none(self) -> str:
        return "no machine is left"
