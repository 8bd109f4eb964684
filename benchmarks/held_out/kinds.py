"""What a held-out fault is: a kind, and the place in the network where it is made."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from edgeq.faults.fault import Faulty, NotApplicableError, Place
from edgeq.faults.good import Good
from edgeq.faults.graph import Graph, Layer
from edgeq.registry import Registry

Array = npt.NDArray[np.generic]
Format = Literal["int8", "float16", "dynamic_range", "weight_only_int8"]
Group = Literal[
    "layer",
    "weights",
    "scales",
    "bias",
    "graph",
    "ranges",
    "borders",
    "calibration",
    "feeding",
    "photographs",
    "labels",
    "file",
]
LayerKind = Literal["conv", "depthwise", "dense"]

INTEGER: tuple[Format, ...] = ("int8", "dynamic_range", "weight_only_int8")
FORMATS: tuple[Format, ...] = ("int8", "float16", "dynamic_range", "weight_only_int8")
DEPTHS = {"first": 0.0, "early": 0.25, "middle": 0.5, "late": 0.75, "last": 1.0}
OPERATORS: dict[LayerKind, str] = {
    "conv": "CONV_2D",
    "depthwise": "DEPTHWISE_CONV_2D",
    "dense": "FULLY_CONNECTED",
}
STORED: tuple[Group, ...] = ("layer", "weights", "scales", "bias", "graph")
"""Groups of what is wrong in the stored numbers or in the graph: a proof needs no sample for it."""

PLACES: dict[Group, Place] = {
    "layer": "weights",
    "weights": "weights",
    "scales": "quantization",
    "bias": "bias",
    "graph": "graph",
    "ranges": "activations",
    "borders": "quantization",
    "calibration": "activations",
    "feeding": "preprocessing",
    "photographs": "preprocessing",
    "labels": "labels",
    "file": "file",
}


@dataclass(frozen=True)
class Spot:
    """Where a fault is made, and with which random numbers.

    Attributes:
        depth: Of ``DEPTHS``, along the layers of one kind; ``""`` for a fault of the whole file.
        layer: The kind of layer.
        seed: Of the fault's own random numbers.
    """

    depth: str = ""
    layer: LayerKind = "conv"
    seed: int = 0

    def generator(self) -> np.random.Generator:
        """Return the fault's random numbers, the same each time."""
        return np.random.default_rng(self.seed)

    def nearest(self, graph: Graph, accept: Callable[[Layer], bool] = lambda _: True) -> Layer:
        """Return the layer nearest to the spot that a fault can be made in.

        Layers of the spot's kind come first, those of other kinds after them.

        Raises:
            NotApplicableError: It can be made in none.
        """
        every = graph.layers()
        wanted = [one for one in every if one.name == OPERATORS[self.layer]]
        others = [one for one in every if one not in wanted]
        for some in (wanted, others):
            middle = DEPTHS[self.depth or "middle"] * (len(some) - 1)
            by_distance = sorted(range(len(some)), key=lambda at: (abs(at - middle), at))
            for at in by_distance:
                if accept(some[at]):
                    return some[at]
        raise NotApplicableError("no layer can have it")


Maker = Callable[[Good, Spot], "bytes | Faulty"]


@dataclass(frozen=True)
class Kind:
    """One way to go wrong, at some spot.

    Attributes:
        name: Unique.
        group: What it belongs to; quotas are by group.
        causes: Names of causes that a diagnosis may give rightly.
        make: Returns what it makes of a good variant at a spot.
        formats: Formats that can have it.
        needs: Traits that a network must have for it.
        by_depth: Whether it is made at one depth.
    """

    name: str
    group: Group
    causes: tuple[str, ...]
    make: Maker
    formats: tuple[Format, ...] = FORMATS
    needs: frozenset[str] = field(default_factory=frozenset)
    by_depth: bool = False

    @property
    def summary(self) -> str:
        """What is wrong, in a few words."""
        return (self.make.__doc__ or self.name).strip().splitlines()[0].rstrip(".")


KINDS: Registry[Kind] = Registry("kind")
"""All kinds; the modules beside this one fill it."""


def kind(
    group: Group,
    *causes: str,
    formats: tuple[Format, ...] = FORMATS,
    needs: Collection[str] = (),
    by_depth: bool = False,
) -> Callable[[Maker], Maker]:
    """Register a function as a kind of fault; its docstring's first line says what is wrong."""

    def register(make: Maker) -> Maker:
        name = getattr(make, "__name__", "")
        made = Kind(name, group, causes, make, formats, frozenset(needs), by_depth)
        KINDS.add(name, made)
        return make

    return register


def patched(graph: Graph, layer: Layer) -> Faulty:
    """Return the file with one layer's numbers changed, and which layer it is."""
    return Faulty(content=graph.patched(), where=graph.name(layer.weights))
