"""Nodes in this process that run real children, and that may be blind, unlike or lost."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edgeq.cluster.driver import NodeLostError
from edgeq.cluster.node import Workshop
from edgeq.cluster.work import Made, Making, Unseen
from edgeq.models.serving import NO_ROOM, Response

CHILD = """
from pathlib import Path

def work(request):
    print("printed by the child")
    model = Path(request["source"]["model"])
    if request.get("fails"):
        raise RuntimeError(f"can't read {model}")
    output = Path(request["output"])
    beside = sorted(path.name for path in model.parent.iterdir())
    output.write_bytes(model.read_bytes() * 2)
    (output.parent / "notes").mkdir()
    (output.parent / "notes" / "graph.pb").write_text(" ".join(beside))
    return {"read": str(model), "output": str(output)}
"""


class FakeMakers:
    """Nodes that make things when they are asked whether they are done.

    Attributes:
        given: What each node was given.
        contents: How many files each of them was sent.
        made_for: What was made, in this order.
        most: The most that one node had at a time.
    """

    def __init__(self, *names: str, blind: bool = False, losing: Sequence[str] = ()) -> None:
        self.names = list(names)
        self.joining = 0
        self.given: list[str] = []
        self.contents: list[int] = []
        self.made_for: list[str] = []
        self.most = 0
        self._blind, self._losing = blind, losing
        self._tickets = itertools.count()
        self._flying: dict[int, tuple[str, Making, tuple[bytes, ...]]] = {}

    def makers(self) -> Sequence[str]:
        return tuple(self.names)

    def share(self, path: Path) -> object:
        return path.read_bytes()

    def make(self, member: str, making: Making, contents: Sequence[object]) -> int:
        if member in self._losing:
            raise NodeLostError(member)
        ticket = next(self._tickets)
        self.given.append(member)
        self.made_for.append(making.assignment.what)
        self.contents.append(len(contents))
        sent = tuple(content for content in contents if isinstance(content, bytes))
        self._flying[ticket] = (member, making, sent)
        counts = Counter(name for name, _, _ in self._flying.values())
        self.most = max(self.most, *counts.values())
        return ticket

    def ready(self, tickets: Sequence[int], timeout_s: float) -> Sequence[int]:  # noqa: ARG002
        return tickets

    def made(self, ticket: int) -> Made | Unseen:
        _, making, sent = self._flying.pop(ticket)
        if self._blind and not sent:
            return Unseen()
        workshop = Workshop()
        try:
            made = workshop.make(making, [np.frombuffer(content, np.uint8) for content in sent])
        finally:
            workshop.close()
        answer = made.answer if isinstance(made, Made) else None
        failure = answer.failure if isinstance(answer, Response) else None
        assert failure is None or failure.kind != NO_ROOM
        return made

    def lost(self, member: str) -> None:
        self.names.remove(member)
