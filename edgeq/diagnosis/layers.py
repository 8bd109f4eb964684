"""The layers of two models side by side, and their names for people."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from edgeq.tflite.model_file import ModelFile
from edgeq.tflite.skeleton import short
from edgeq.tflite.wiring import Layer, Wiring


@dataclass(frozen=True)
class Pair:
    """A layer of the baseline and the same layer of a variant."""

    baseline: Layer
    variant: Layer


def label(layer: Layer) -> str:
    """Return a layer's short name for messages."""
    return f"{layer.name} {layer.operator} ({short(layer.weights.name)})"


def pairs(baseline: ModelFile, variant: ModelFile) -> tuple[Pair, ...]:
    """Return the layers that two models have in common, in the order of the baseline.

    Layers belong together where their weights have the same name and shape; what is left is
    matched by kind and shape, in order, because not every converter keeps names.
    """
    ours, theirs = Wiring(baseline).layers, Wiring(variant).layers
    named = {(one.weights.name, one.weights.shape): one for one in theirs}
    found: dict[int, Layer] = {}
    for one in ours:
        match = named.pop((one.weights.name, one.weights.shape), None)
        if match is not None:
            found[one.operator] = match
    taken = {one.operator for one in found.values()}
    left: dict[tuple[str, tuple[int, ...]], list[Layer]] = defaultdict(list)
    for one in theirs:
        if one.operator not in taken:
            left[one.name, one.weights.shape].append(one)
    for one in ours:
        waiting = left[one.name, one.weights.shape]
        if one.operator not in found and waiting:
            found[one.operator] = waiting.pop(0)
    return tuple(Pair(one, found[one.operator]) for one in ours if one.operator in found)
