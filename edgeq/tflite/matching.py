"""Matching of the operators of two models, by the graph first and by names last.

If two graphs compute the same, each operator is identified by everything that leads to it and
everything that follows from it. If they differ, matches spread along the wires from both ends
towards the difference. Names, and the order of the remaining operators, come last.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from edgeq.tflite.model_file import order_by_names
from edgeq.tflite.skeleton import Node, Skeleton, Source, squeezed
from edgeq.tflite.wiring import COMPUTE

Evidence = Literal["graph", "name", "order"]


@dataclass(frozen=True)
class Pair:
    """An operator of the baseline and the same operator of the variant.

    Attributes:
        evidence: What they were matched by: their place in the graph, their name, or their order
            alone, which may be wrong.
    """

    baseline: Node
    variant: Node
    evidence: Evidence


@dataclass(frozen=True)
class Matching:
    """How the graphs of two models correspond.

    ``replaced`` are in the same place of the graph but differ in kind or shape, ``missing`` are the
    baseline's alone, ``added`` the variant's alone.
    """

    baseline: Skeleton
    variant: Skeleton
    pairs: tuple[Pair, ...]
    replaced: tuple[Pair, ...]
    missing: tuple[Node, ...]
    added: tuple[Node, ...]


def match(baseline: Skeleton, variant: Skeleton) -> Matching:
    """Return how the graphs of two models correspond."""
    matcher = _Matcher(baseline, variant)
    matcher.run()
    nodes = baseline.nodes, variant.nodes
    ordered = sorted(matcher.paired.items())
    pairs = [Pair(nodes[0][a], nodes[1][b], evidence) for a, (b, evidence) in ordered]
    replaced = matcher.replaced()
    gone = ({a for a, _ in replaced}, {b for _, b in replaced})
    return Matching(
        baseline=baseline,
        variant=variant,
        pairs=tuple(pairs),
        replaced=tuple(Pair(nodes[0][a], nodes[1][b], "graph") for a, b in replaced),
        missing=tuple(nodes[0][a] for a in matcher.left(0) if a not in gone[0]),
        added=tuple(nodes[1][b] for b in matcher.left(1) if b not in gone[1]),
    )


Label = tuple[Hashable, ...]


class _Matcher:
    def __init__(self, baseline: Skeleton, variant: Skeleton) -> None:
        self.graphs = (baseline, variant)
        self.inputs = order_by_names(*(graph.model.named_inputs for graph in self.graphs))
        own_inputs = tuple(range(len(baseline.model.inputs)))
        numbers: dict[Hashable, int] = {}

        def number(label: Hashable) -> int:
            return numbers.setdefault(label, len(numbers))

        self.own = tuple([number(_own(node)) for node in graph.nodes] for graph in self.graphs)
        both = tuple(zip(self.graphs, self.own, strict=True))
        self.before = tuple(
            _before(graph, own, number, inputs)
            for (graph, own), inputs in zip(both, (own_inputs, self.inputs), strict=True)
        )
        self.behind = tuple(_behind(graph, own, number) for graph, own in both)
        self.paired: dict[int, tuple[int, Evidence]] = {}
        self.partners: dict[int, int] = {}

    def run(self) -> None:
        """Pair all operators that can be paired, most certain first."""
        self.pair_equal(lambda side, at: (self.before[side][at], self.behind[side][at]), many=True)
        self.spread()
        self.pair_equal(lambda side, at: self.before[side][at])
        self.pair_equal(lambda side, at: self.behind[side][at])
        self.spread()
        self.pair_equal(self._name, evidence="name")
        self.spread()
        self.pair_in_order()
        self.spread()

    def is_paired(self, side: int, at: int) -> bool:
        """Return whether an operator of one side is paired."""
        return at in (self.partners if side else self.paired)

    def left(self, side: int) -> list[int]:
        """Return the operators of one side that are not paired."""
        every = range(len(self.graphs[side].nodes))
        return [at for at in every if not self.is_paired(side, at)]

    def pair(self, ours: int, theirs: int, evidence: Evidence) -> None:
        """Pair two operators."""
        self.paired[ours] = (theirs, evidence)
        self.partners[theirs] = ours

    def pair_equal(
        self,
        key: Callable[[int, int], Hashable],
        *,
        many: bool = False,
        evidence: Evidence = "graph",
    ) -> None:
        """Pair operators with equal keys if both sides have one, or equally many if ``many``.

        Several operators with one key are paired by name and then by order.
        """
        groups: dict[Hashable, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
        for side in (0, 1):
            for at in self.left(side):
                groups[key(side, at)][side].append(at)
        for ours, theirs in groups.values():
            if len(ours) != len(theirs) or (len(ours) > 1 and not many):
                continue
            for a, b in self._by_name(ours, theirs):
                self.pair(a, b, evidence)

    def _by_name(self, ours: list[int], theirs: list[int]) -> Iterable[tuple[int, int]]:
        if len(ours) == 1:
            return [(ours[0], theirs[0])]
        named = {self.graphs[1].nodes[at].name: at for at in theirs}
        sources = {
            a: named.pop(name) for a in ours if (name := self.graphs[0].nodes[a].name) in named
        }
        rest = [at for at in theirs if at not in sources.values()]
        return [*sources.items(), *zip([a for a in ours if a not in sources], rest, strict=True)]

    def _name(self, side: int, at: int) -> Hashable:
        return self.own[side][at], self.graphs[side].nodes[at].name

    def spread(self) -> None:
        """Pair the neighbours of paired operators as long as the match is unambiguous."""
        waiting = list(self.paired)
        while waiting:
            ours = waiting.pop()
            theirs = self.paired[ours][0]
            for a, b in (*self._makers(ours, theirs), *self._takers(ours, theirs)):
                if a not in self.paired and b not in self.partners:
                    self.pair(a, b, self.paired[ours][1])
                    waiting.append(a)

    def _makers(self, ours: int, theirs: int) -> Iterable[tuple[int, int]]:
        return self._grouped(
            (
                (node.position(at), source.output, source.node)
                for at, source in enumerate(node.sources)
                if source is not None and source.node is not None
            )
            for node in (self.graphs[0].nodes[ours], self.graphs[1].nodes[theirs])
        )

    def _takers(self, ours: int, theirs: int) -> Iterable[tuple[int, int]]:
        return self._grouped(
            (
                (graph.nodes[taker].position(at), output, taker)
                for taker, at, output in graph.consumers[place]
            )
            for graph, place in zip(self.graphs, (ours, theirs), strict=True)
        )

    def _grouped(self, sides: Iterable[Iterable[tuple[int, int, int]]]) -> list[tuple[int, int]]:
        """Return the pairs of neighbours that match and are unique on both sides."""
        groups: dict[Hashable, tuple[set[int], set[int]]] = defaultdict(lambda: (set(), set()))
        for side, neighbours in enumerate(sides):
            for at, output, place in neighbours:
                if not self.is_paired(side, place):
                    groups[at, output, self.own[side][place]][side].add(place)
        return _unique(groups.values())

    def pair_in_order(self) -> None:
        """Pair the remaining operators by the order of execution."""
        ours, theirs = self.left(0), self.left(1)
        alike = SequenceMatcher(
            None,
            [self.own[0][at] for at in ours],
            [self.own[1][at] for at in theirs],
            autojunk=False,
        )
        for a, b, size in alike.get_matching_blocks():
            for step in range(size):
                self.pair(ours[a + step], theirs[b + step], "order")

    def replaced(self) -> list[tuple[int, int]]:
        """Return unpaired operators in the same place, with the same producers and consumers."""
        groups: dict[Hashable, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
        for side in (0, 1):
            for at in self.left(side):
                place = self._place(side, at)
                if place is not None:
                    groups[place][side].append(at)
        return _unique(groups.values())

    def _place(self, side: int, at: int) -> Hashable:
        """Return an operator's neighbours, numbered as in the baseline; None if one is unknown."""
        graph = self.graphs[side]

        def known(place: int) -> int | None:
            if side:
                return self.partners.get(place)
            return place if place in self.paired else None

        makers: list[Hashable] = []
        for source in graph.nodes[at].sources:
            if source is None or source.constant is not None:
                continue
            output, maker = source.output, None if source.node is None else known(source.node)
            if source.node is None:
                output = _place_of(source, self.inputs) if side else output
                maker = -1 - output
            if maker is None:
                return None
            makers.append((maker, output))
        takers = [known(taker) for taker, _, _ in graph.consumers[at]]
        if any(taker is None for taker in takers):
            return None
        ends = tuple(place for place, output in enumerate(graph.outputs) if output.node == at)
        return (
            tuple(sorted(makers, key=repr)),
            tuple(sorted(taker for taker in takers if taker is not None)),
            ends,
        )


def _unique(
    groups: Iterable[tuple[Collection[int], Collection[int]]],
) -> list[tuple[int, int]]:
    """Return the pairs of the groups that have one operator on each side."""
    return [
        (next(iter(ours)), next(iter(theirs)))
        for ours, theirs in groups
        if len(ours) == len(theirs) == 1
    ]


def _own(node: Node) -> Label:
    """Return an operator's own label: its kind and the shapes of its constants."""
    places = COMPUTE.get(node.operator.name)
    # A bias may come from a step that was folded in, or be zeros that a converter added.
    bias = None if places is None else places.bias
    shapes = tuple(
        (node.position(at), squeezed(tensor.shape)[:: -1 if node.turned else 1])
        for at, tensor in node.constants
        if at != bias and (tensor.dtype not in {"int32", "int64"} or at > 1)
    )
    return node.kind, shapes


def _before(
    graph: Skeleton,
    own: list[int],
    number: Callable[[Hashable], int],
    inputs: tuple[int, ...],
) -> list[int]:
    """Return for each operator a number that identifies everything that leads to it."""
    labels: list[int] = []
    for node in graph.nodes:
        sources = [
            (node.position(at), _source(source, labels, inputs))
            for at, source in enumerate(node.sources)
            # Constants are in the operator's own label, and absent inputs don't matter.
            if source is not None and source.constant is None
        ]
        sources.sort(key=repr)
        labels.append(number(("before", own[node.place], tuple(sources))))
    return labels


def _source(source: Source, labels: list[int], inputs: tuple[int, ...]) -> Hashable:
    if source.node is None:
        return "input", _place_of(source, inputs)
    return labels[source.node], source.output


def _place_of(source: Source, inputs: tuple[int, ...]) -> int:
    """Return the place of an input among the baseline's; -1 for what the runtime fills in."""
    return inputs[source.output] if source.output in range(len(inputs)) else source.output


def _behind(graph: Skeleton, own: list[int], number: Callable[[Hashable], int]) -> list[int]:
    """Return for each operator a number that identifies everything that follows from it."""
    labels = [0] * len(graph.nodes)
    ends: dict[int, list[Hashable]] = defaultdict(list)
    for place, source in enumerate(graph.outputs):
        if source.node is not None:
            ends[source.node].append(("output", place, source.output))
    for node in reversed(graph.nodes):
        takers: list[Hashable] = list(ends[node.place])
        for taker, at, output in graph.consumers[node.place]:
            takers.append((labels[taker], graph.nodes[taker].position(at), output))
        labels[node.place] = number(("behind", own[node.place], tuple(sorted(takers, key=repr))))
    return labels
