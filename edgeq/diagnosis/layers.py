"""Corresponding layers of two models, and their names in messages."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from edgeq.tflite.model_file import ModelFile
from edgeq.tflite.skeleton import short
from edgeq.tflite.wiring import Layer, Wiring


@dataclass(frozen=True)
class Pair:
    """A layer of the baseline and the corresponding layer of a variant."""

    baseline: Layer
    variant: Layer


def label(layer: Layer) -> str:
    """Return a layer's short name for messages."""
    return f"{layer.name} {layer.operator} ({short(layer.weights.name)})"


def pairs(baseline: ModelFile, variant: ModelFile) -> tuple[Pair, ...]:
    """Return the layers that two models have in common, in the order of the baseline.

    Layers correspond if their weights have the same name and shape. The rest is matched by kind and
    shape, in order, because not every converter keeps names.
    """
    ours, theirs = Wiring(baseline).layers, Wiring(variant).layers
    named = {(layer.weights.name, layer.weights.shape): layer for layer in theirs}
    partners: dict[int, Layer] = {}
    for layer in ours:
        match = named.pop((layer.weights.name, layer.weights.shape), None)
        if match is not None:
            partners[layer.operator] = match
    used = {layer.operator for layer in partners.values()}
    left: dict[tuple[str, tuple[int, ...]], list[Layer]] = defaultdict(list)
    for layer in theirs:
        if layer.operator not in used:
            left[layer.name, layer.weights.shape].append(layer)
    for layer in ours:
        waiting = left[layer.name, layer.weights.shape]
        if layer.operator not in partners and waiting:
            partners[layer.operator] = waiting.pop(0)
    return tuple(
        Pair(layer, partners[layer.operator]) for layer in ours if layer.operator in partners
    )
