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
Reals = npt.NDArray[np.float64]
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


def channel_axis(layer: Layer) -> int:
    """Return the dimension of a layer's weights that output channels lie along."""
    return 3 if layer.name == "DEPTHWISE_CONV_2D" else 0


def by_channel(graph: Graph, layer: Layer) -> Array:
    """Return a layer's stored weights as a view with the output channels first."""
    return np.moveaxis(graph.values(layer.weights), channel_axis(layer), 0)


def is_integer(graph: Graph, tensor: int) -> bool:
    """Return whether a tensor is stored in steps."""
    return graph.dtype(tensor) in {"int8", "uint8", "int16", "int32"}


def is_scaled(graph: Graph, layer: Layer) -> bool:
    """Return whether a layer's weights have a scale per channel, and several channels."""
    quantization = graph.main.tensors[layer.weights].quantization
    scale = None if quantization is None else quantization.scale
    return scale is not None and len(scale) == len(by_channel(graph, layer)) > 1


def steps(graph: Graph, layer: Layer) -> Reals:
    """Return the scales of a layer's weights in a shape that broadcasts over ``by_channel``.

    It is 1 for weights that are stored as floats.
    """
    shape = by_channel(graph, layer).shape
    if not is_integer(graph, layer.weights):
        return np.ones([1] * len(shape))
    scale = graph.scales(layer.weights)[0].astype(np.float64)
    return scale.reshape(-1, *(1 for _ in shape[1:]))


def real(graph: Graph, layer: Layer) -> Reals:
    """Return a layer's weights as real numbers, output channels first."""
    weights = by_channel(graph, layer).astype(np.float64)
    return np.asarray(weights * steps(graph, layer), np.float64)


def store(graph: Graph, layer: Layer, weights: Reals) -> None:
    """Store real weights, output channels first, in a layer's own steps or as its floats."""
    stored = by_channel(graph, layer)
    if is_integer(graph, layer.weights):
        weights = np.clip(np.rint(weights / steps(graph, layer)), -127, 127)
    stored[...] = weights.astype(stored.dtype)


def layer_of(graph: Graph, layer: Layer) -> str:
    """Return the name of a layer: that of its weights."""
    name = graph.main.tensors[layer.weights].name
    return name.decode() if isinstance(name, bytes) else str(name)


def patched(graph: Graph, layer: Layer) -> Faulty:
    """Return the file with one layer's numbers changed, and which layer it is."""
    return Faulty(content=graph.patched(), where=layer_of(graph, layer))


def baseline_of(good: Good) -> Graph:
    """Return the graph of the baseline."""
    return Graph(good.baseline, good.run.inputs(good.subject.model).baseline.path)


def baseline_layers(good: Good, graph: Graph) -> tuple[Graph, dict[int, Layer]]:
    """Return the baseline's graph, and its layers by the operators of a variant's layers.

    Raises:
        NotApplicableError: The variant's layers are not those of the baseline, one by one.
    """
    baseline = baseline_of(good)
    ours, theirs = graph.layers(), baseline.layers()
    alike = len(ours) == len(theirs) and all(
        graph.values(one.weights).shape == baseline.values(other.weights).shape
        for one, other in zip(ours, theirs, strict=True)
    )
    if not alike:
        raise NotApplicableError("the variant's layers are not those of the baseline")
    pairs = zip(ours, theirs, strict=True)
    return baseline, {one.operator: other for one, other in pairs}
