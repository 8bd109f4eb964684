"""The driver's side: deals the portions of an evaluation to nodes and collects their answers.

At most ``AHEAD`` portions are with a node at a time, so that neither end fills its memory. If a
node is lost, its portions are given to others. A node runs those portions of a variant that it ran
of the baseline, because it still has their pixels; one that has nothing left takes over others'.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from edgeq.cluster.work import Answer, Job, Portion, Ran, Unseen
from edgeq.errors import ClusterError, EdgeqError, ImageError, WorkerCrashedError, reason_of
from edgeq.io.files import read_whole
from edgeq.samples.photo import MAX_BYTES
from edgeq.samples.sets import Photo

AHEAD = 2
"""Portions that are with a node at a time: one that runs and one that waits."""

MAX_LOSSES = 3
"""Nodes that a portion may cost before it is taken for the reason."""

PATIENCE_S = 60.0
"""Seconds without any node after which an evaluation gives up."""

LOOK_S = 0.2

Photos = Sequence[Photo]
Ticket = TypeVar("Ticket", bound=Hashable)


class NodeLostError(Exception):
    """The node that was to run a portion is gone; an ``EdgeqError`` as its cause says why."""


class Nodes(Protocol[Ticket]):
    """The nodes of a cluster; safe for several threads."""

    def members(self) -> Sequence[str]:
        """Return the names of the nodes that take portions now.

        Raises:
            EdgeqError: There is none, and there will be none.
        """

    def share(self, model: Path) -> object:
        """Make a model's file available to all nodes, and return a reference to it.

        Raises:
            ModelError: The file can't be read.
        """

    def submit(self, member: str, job: Job, model: object, portion: Portion) -> Ticket:
        """Give a portion to a node.

        Raises:
            NodeLostError: The node is gone.
        """

    def ready(self, tickets: Sequence[Ticket], timeout_s: float) -> Sequence[Ticket]:
        """Return the tickets whose portions are done, after some seconds at the latest."""

    def answer(self, ticket: Ticket) -> Answer:
        """Return the answer for a portion that is done.

        Raises:
            NodeLostError: The node is gone.
        """

    def lost(self, member: str) -> None:
        """Give up a node, and start another in its place if there is room."""

    def why_none(self) -> str:
        """Say why there is no node."""


@dataclass(frozen=True)
class Done:
    """A portion that was run, and what the node returned."""

    photos: Photos
    ran: Ran


class Homes:
    """Remembers which node has run which portion, by the portion's first photograph."""

    def __init__(self) -> None:
        self._homes: dict[str, str] = {}

    def of(self, photos: Photos) -> str | None:
        """Return the node that ran a portion, None if none did."""
        return self._homes.get(photos[0].sha256)

    def note(self, photos: Photos, member: str) -> None:
        """Note that a node ran a portion."""
        self._homes[photos[0].sha256] = member


class Deck:
    """The portions that are still to be dealt.

    ``homes`` says which node ran which portion before.
    """

    def __init__(self, portions: Sequence[Photos], homes: Homes) -> None:
        self._portions = list(portions)
        self._homes = homes

    def __len__(self) -> int:
        return len(self._portions)

    def take(self, member: str) -> Photos | None:
        """Remove the portion that suits a node best; None if there is none left.

        That is one that it ran before, else one that nobody ran, else one of the node that has most
        left.
        """
        if not self._portions:
            return None
        homes = [self._homes.of(photos) for photos in self._portions]
        for home in (member, None):
            if home in homes:
                return self._portions.pop(homes.index(home))
        ((busiest, _),) = Counter(homes).most_common(1)
        return self._portions.pop(len(homes) - 1 - homes[::-1].index(busiest))

    def put_back(self, photos: Photos) -> None:
        """Return a portion that was not run; it is dealt next."""
        self._portions.insert(0, photos)


def run_on(
    nodes: Nodes[Ticket],
    job: Job,
    model: Path,
    portions: Sequence[Photos],
    *,
    homes: Homes,
    progress: Callable[[int], None],
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Done]:
    """Run a model on portions and yield them as they are done, in any order.

    Args:
        nodes: The nodes.
        job: How the model is run.
        model: The model's file.
        portions: Photographs to run and store together.
        homes: Which node ran which portion before.
        progress: Called often in this thread with the number of photographs done; it may raise.
        clock: Returns monotonic seconds.

    Raises:
        ClusterError: There is no node.
        ModelError: The model's file can't be read.
        WorkerError: The model does not run.
        ImageError: A photograph can't be decoded.
    """
    evaluation = _Evaluation(nodes, job, nodes.share(model), Deck(portions, homes), homes)
    done, seen_at = 0, clock()
    while evaluation.goes_on:
        members = nodes.members()
        evaluation.deal(members)
        progress(done)
        if members or evaluation.flying:
            seen_at = clock()
        elif clock() - seen_at > PATIENCE_S:
            raise ClusterError(nodes.why_none(), where="run.cluster")
        for ticket in nodes.ready(tuple(evaluation.flying), LOOK_S):
            portion = evaluation.collect(ticket)
            if portion is not None:
                done += len(portion.photos)
                yield portion


class _Evaluation(Generic[Ticket]):
    """The portions of one evaluation: those to be dealt and those that are with a node.

    ``flying`` has node and photographs of each of the latter.
    """

    def __init__(
        self, nodes: Nodes[Ticket], job: Job, model: object, deck: Deck, homes: Homes
    ) -> None:
        self.flying: dict[Ticket, tuple[str, Photos]] = {}
        self._nodes, self._job, self._model = nodes, job, model
        self._deck, self._homes = deck, homes
        self._losses: Counter[str] = Counter()
        self._blind: set[str] = set()

    @property
    def goes_on(self) -> bool:
        """Whether there are portions that have not been collected."""
        return bool(self._deck or self.flying)

    def deal(self, members: Sequence[str]) -> None:
        """Give each node portions until it has ``AHEAD``, in turns, so that all have some.

        Raises:
            WorkerCrashedError: A portion has cost too many nodes.
            ImageError: A photograph can't be read.
        """
        for count in range(1, AHEAD + 1):
            busy = Counter(member for member, _ in self.flying.values())
            for member in members:
                photos = self._deck.take(member) if busy[member] < count else None
                if photos is not None:
                    self._give(member, photos)

    def collect(self, ticket: Ticket) -> Done | None:
        """Return a portion that is done; None if it must be dealt again.

        Raises:
            WorkerError: The model does not run, or the portion has cost too many nodes.
            ImageError: A photograph can't be decoded.
        """
        member, photos = self.flying.pop(ticket)
        try:
            answer = self._nodes.answer(ticket)
        except NodeLostError as error:
            self._lose(member, photos, error)
            return None
        if isinstance(answer, EdgeqError):
            raise answer
        if isinstance(answer, Unseen):
            self._blind.add(member)
            self._deck.put_back(photos)
            return None
        self._homes.note(photos, member)
        return Done(photos, answer)

    def _give(self, member: str, photos: Photos) -> None:
        portion = _portion(photos, with_contents=member in self._blind)
        try:
            ticket = self._nodes.submit(member, self._job, self._model, portion)
        except NodeLostError as error:
            self._lose(member, photos, error)
        else:
            self.flying[ticket] = (member, photos)

    def _lose(self, member: str, photos: Photos, error: NodeLostError) -> None:
        self._nodes.lost(member)
        self._deck.put_back(photos)
        first = photos[0].sha256
        self._losses[first] += 1
        if self._losses[first] >= MAX_LOSSES:
            if isinstance(error.__cause__, EdgeqError):
                raise error.__cause__
            raise WorkerCrashedError(
                f"{MAX_LOSSES} nodes of the cluster were lost while they ran it",
                where=self._job.name,
                remedy="Run it without the cluster to see why",
            )


def _portion(photos: Photos, *, with_contents: bool) -> Portion:
    """Return a portion for a node, with the contents of its files if it can't see our files.

    Raises:
        ImageError: A file can't be read.
    """
    if not with_contents:
        return Portion(tuple(photos))
    return Portion(tuple(photos), tuple(_content(photo) for photo in photos))


def _content(photo: Photo) -> bytes:
    try:
        return read_whole(photo.path, MAX_BYTES)
    except OSError as error:
        raise ImageError(f"can't be read: {reason_of(error)}", where=photo.path) from error
