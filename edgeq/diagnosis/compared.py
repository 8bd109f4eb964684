"""What experiments compare of two models: common layers, and values of outputs without classes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from edgeq.measure.tensors import Output, image_errors
from edgeq.tflite.model_file import ModelFile
from edgeq.tflite.skeleton import short
from edgeq.tflite.wiring import Layer, Wiring

RESEMBLING_ERROR = 0.5
"""Relative error below which an output still resembles the baseline's."""


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


@dataclass(frozen=True)
class Values:
    """What a model gives in one output on several samples."""

    output: Output

    @property
    def rows(self) -> npt.NDArray[np.float64]:
        """All values, shape ``(n, d)``; for a few samples."""
        return self.output.rows[:, :].astype(np.float64)

    def part(self, places: npt.NDArray[np.intp]) -> Values:
        """Return the values of some of the samples."""
        return Values(self.output.part(places))

    def with_rows(self, rows: npt.NDArray[np.float64]) -> Values:
        """Return the output with other values."""
        return Values(replace(self.output, rows=rows.astype(np.float32)))


def errors_of_values(first: Values, second: Values) -> npt.NDArray[np.float64]:
    """Return the error of each sample, shape ``(n,)``; see ``image_errors``."""
    return image_errors(first.output, second.output)


def near_share(errors: npt.NDArray[np.float64]) -> float:
    """Return the share of samples whose errors are below ``RESEMBLING_ERROR``."""
    return float((errors < RESEMBLING_ERROR).mean()) if errors.size else 1.0


def mean_of_finite(errors: npt.NDArray[np.float64]) -> float:
    """Return the mean error of the samples that have one, infinite if none has."""
    finite = errors[np.isfinite(errors)]
    return float(finite.mean()) if finite.size else float("inf")


def offsets(
    places: npt.NDArray[np.integer], others: npt.NDArray[np.integer], count: int
) -> npt.NDArray[np.int64]:
    """Return by how much places exceed others, the short way around the ends of ``count``."""
    return np.asarray((places - others + count // 2) % count - count // 2, np.int64)
