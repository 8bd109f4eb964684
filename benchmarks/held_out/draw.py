"""The held-out faults, drawn with a seed: how many of each group, and at which depths.

``python -m benchmarks.held_out.draw --seed N`` lists those of a seed. They were drawn before the
gates that are to catch them were tuned; other seeds draw others.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

import numpy as np

from benchmarks.held_out import feeding, graphs, layers, ranges, scales
from benchmarks.held_out.kinds import (
    DEPTHS,
    FORMATS,
    KINDS,
    PLACES,
    Format,
    Group,
    Kind,
    LayerKind,
    Spot,
)
from benchmarks.held_out.networks import NETWORKS, Network
from edgeq.faults.fault import ANYTHING, Fault, Faulty, new_fault
from edgeq.faults.good import Good

MODULES = (feeding, graphs, layers, ranges, scales)
"""Importing them fills ``KINDS``."""

SEED = 20261129
QUOTAS: dict[Format, dict[Group, int]] = {
    "int8": {
        "layer": 5,
        "weights": 2,
        "scales": 3,
        "bias": 2,
        "graph": 4,
        "ranges": 3,
        "borders": 2,
        "calibration": 2,
        "feeding": 2,
        "photographs": 1,
        "labels": 1,
        "file": 1,
    },
    "float16": {
        "layer": 2,
        "weights": 2,
        "bias": 1,
        "graph": 2,
        "feeding": 1,
        "photographs": 1,
        "labels": 1,
    },
    "dynamic_range": {
        "layer": 2,
        "weights": 1,
        "scales": 1,
        "bias": 1,
        "graph": 2,
        "feeding": 1,
        "file": 1,
    },
    "weight_only_int8": {
        "layer": 2,
        "weights": 1,
        "scales": 1,
        "bias": 1,
        "graph": 2,
        "labels": 1,
        "photographs": 1,
    },
}
"""Faults of each network by format and group."""

T = TypeVar("T", bound=Hashable)


class Deck(Generic[T]):
    """Things that are dealt in a random order, each as often as the others.

    Args:
        things: What is dealt.
        generator: Of the random order.
    """

    def __init__(self, things: Sequence[T], generator: np.random.Generator) -> None:
        self._things, self._generator = tuple(things), generator
        self._waiting: list[T] = []

    def deal(self, accept: Callable[[T], bool]) -> T:
        """Return the next thing that is accepted; what is passed over waits for the next deal.

        Raises:
            LookupError: None is accepted.
        """
        for _ in range(2):
            for at, thing in enumerate(self._waiting):
                if accept(thing):
                    return self._waiting.pop(at)
            order = self._generator.permutation(len(self._things))
            self._waiting += [self._things[int(at)] for at in order]
        raise LookupError("nothing fits")


@dataclass(frozen=True)
class Drawn:
    """One fault of the set.

    Attributes:
        network: The network that it is made in.
        format: The variant that it is made in.
        kind: What is wrong.
        spot: Where.
    """

    network: str
    format: Format
    kind: Kind
    spot: Spot

    @property
    def name(self) -> str:
        """Unique among the faults of one variant."""
        if not self.spot.depth:
            return self.kind.name
        where = "" if self.kind.group == "graph" else f"-{self.spot.layer}"
        return f"{self.kind.name}@{self.spot.depth}{where}"

    @property
    def fault(self) -> Fault:
        """As the challenge takes it; proofs may show it without predictions."""
        place = PLACES[self.kind.group]

        def make(good: Good) -> bytes | Faulty:
            return self.kind.make(good, self.spot)

        make.__doc__ = self.kind.summary
        return new_fault(make, self.name, place, "medium", self.kind.causes[0], shown_by=ANYTHING)


def draw(seed: int = SEED, networks: Sequence[Network] = NETWORKS) -> tuple[Drawn, ...]:
    """Return the faults of a seed, by network and format."""
    generator = np.random.default_rng(seed)
    found: list[Drawn] = []
    depths = {group: Deck(_cells(group), generator) for group in PLACES}
    for form in FORMATS:
        for group, count in QUOTAS[form].items():
            some = [one for _, one in KINDS if one.group == group and form in one.formats]
            kinds = Deck([one.name for one in some], generator)
            for at in generator.permutation(len(networks)):
                network = networks[int(at)]
                chosen = _kinds(network, kinds, count)
                found += [
                    Drawn(network.name, form, one, _spot(one, network, depths[group], generator))
                    for one in chosen
                ]
    order = {one.name: at for at, one in enumerate(networks)}
    return tuple(sorted(found, key=lambda one: (order[one.network], FORMATS.index(one.format))))


def _kinds(network: Network, kinds: Deck[str], count: int) -> list[Kind]:
    """Return so many different kinds that a network can have."""
    chosen: list[Kind] = []
    for _ in range(count):
        taken = {one.name for one in chosen}
        name = kinds.deal(partial(_fits, network, taken))
        chosen.append(KINDS.get(name))
    return chosen


def _fits(network: Network, taken: Collection[str], name: str) -> bool:
    return name not in taken and KINDS.get(name).needs <= network.traits


def _spot(
    kind: Kind,
    network: Network,
    depths: Deck[tuple[str, LayerKind]],
    generator: np.random.Generator,
) -> Spot:
    seed = int(generator.integers(2**31))
    if not kind.by_depth:
        return Spot(seed=seed)
    depth, layer = depths.deal(lambda cell: cell[1] in network.layers)
    return Spot(depth, layer, seed)


def _cells(group: Group) -> list[tuple[str, LayerKind]]:
    """Return the pairs of depth and kind of layer; a network has one dense layer, its last.

    Operators of the graph have a depth and no kind.
    """
    if group == "graph":
        return [(depth, "conv") for depth in DEPTHS]
    convolutions: tuple[LayerKind, ...] = ("conv", "depthwise")
    return [
        *((depth, layer) for depth in DEPTHS for layer in convolutions),
        ("last", "dense"),
    ]


def main() -> None:
    """Print the faults of a seed, and how many there are of each sort."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=SEED)
    drawn = draw(parser.parse_args().seed)
    for one in drawn:
        print(f"{one.network:18} {one.format:16} {one.kind.group:12} {one.name}")
    for counts in (
        Counter(one.network for one in drawn),
        Counter(one.format for one in drawn),
        Counter(one.kind.group for one in drawn),
        Counter(one.spot.depth or "whole file" for one in drawn),
        Counter(one.spot.layer for one in drawn if one.spot.depth),
        Counter(one.kind.name for one in drawn),
    ):
        print(", ".join(f"{name} {count}" for name, count in sorted(counts.items())))
    print(f"{len(drawn)} faults of {len(KINDS.names())} kinds")


if __name__ == "__main__":
    main()
