"""The layers of a model: operators with stored weights, and those of two models side by side."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from edgeq.measure.operators import COMPUTE
from edgeq.tflite.model_file import ModelFile, Tensor

SAME_VALUES = frozenset({"DEQUANTIZE", "QUANTIZE"})


@dataclass(frozen=True)
class Layer:
    """An operator with stored weights.

    Attributes:
        operator: Its place in the graph.
        name: The operator's name.
        weights: The stored weights, before a DEQUANTIZE.
        bias: The stored bias, None where there is none.
        output: What it computes.
    """

    operator: int
    name: str
    weights: Tensor
    bias: Tensor | None
    output: Tensor

    @property
    def channel_axis(self) -> int:
        """The dimension of the weights that output channels lie along."""
        return len(self.weights.shape) - 1 if self.name == "DEPTHWISE_CONV_2D" else 0

    @property
    def label(self) -> str:
        """A short name for messages."""
        return f"{self.name} {self.operator} ({short(self.weights.name)})"


@dataclass(frozen=True)
class Pair:
    """A layer of the baseline and the same layer of a variant."""

    baseline: Layer
    variant: Layer


def short(name: str) -> str:
    """Return a tensor's name for messages: the first of joined names, without its root."""
    parts = name.split(";", maxsplit=1)[0].split("/")
    return "/".join(parts[1:] if len(parts) > 2 else parts)  # noqa: PLR2004 - root, layer, tensor


def layers(model: ModelFile) -> tuple[Layer, ...]:
    """Return the layers of a model in the order of execution."""
    makers = {index: one for one in model.operators for index in one.outputs}

    def stored(inputs: tuple[int, ...], place: int | None) -> Tensor | None:
        index = -1 if place is None or place >= len(inputs) else inputs[place]
        for _ in model.operators:
            maker = makers.get(index)
            if maker is None or maker.name not in SAME_VALUES:
                break
            index = maker.inputs[0]
        if index < 0 or not model.tensors[index].data_bytes:
            return None
        return model.tensors[index]

    found = []
    for one in model.operators:
        if one.name in COMPUTE and one.outputs:
            places = COMPUTE[one.name]
            weights = stored(one.inputs, places.weights)
            if weights is not None:
                output = model.tensors[one.outputs[0]]
                bias = stored(one.inputs, places.bias)
                found.append(Layer(one.index, one.name, weights, bias, output))
    return tuple(found)


def pairs(baseline: ModelFile, variant: ModelFile) -> tuple[Pair, ...]:
    """Return the layers that two models have in common, in the order of the baseline.

    Layers belong together where their weights have the same name and shape; what is left is
    matched by kind and shape, in order, because not every converter keeps names.
    """
    ours, theirs = layers(baseline), layers(variant)
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
