"""What a comparison of two files is made of: the files, what was found, and what was counted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import msgspec
import numpy as np

from edgeq.tflite.constants import Constants
from edgeq.tflite.matching import Pair
from edgeq.tflite.model_file import ModelFile
from edgeq.tflite.skeleton import Node, Skeleton, skeleton
from edgeq.tflite.wiring import COMPUTE, Places

Part = Literal["weights", "biases", "constant", "parameter", "operator"]

BEYOND = 1e9
"""Stands for a distance that is not a number: JSON has no infinity."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that rounding does not explain.

    Attributes:
        layer: The operator, its place in the variant's file, and its name.
        part: What of it.
        change: What happened, in a few words, for example ``"negated"`` or ``"lost activation"``.
        detail: The same for people: follows the layer and the part in a sentence.
        distance: In rounding errors (weights, constants) or steps (biases), 0 for operators.
        relative: Norm of the difference by the norm of the baseline's, 0 for operators.
        channels: How many channels are concerned, 0 if that means nothing.
        of_channels: How many there are.
        operator: Place of the operator in the variant's graph, -1 if it has none.
        baseline_operator: Place of the operator in the baseline's graph, -1 if it has none.
        certain: Whether it is sure that these are the same layer and that they differ.
    """

    layer: str
    part: Part
    change: str
    detail: str
    distance: float = 0.0
    relative: float = 0.0
    channels: int = 0
    of_channels: int = 0
    operator: int = -1
    baseline_operator: int = -1
    certain: bool = True


@dataclass(frozen=True)
class StoredModel:
    """A file with its stored data and its graph.

    Attributes:
        model: What the file holds.
        constants: Its stored data.
        skeleton: What its graph computes.
    """

    model: ModelFile
    constants: Constants
    skeleton: Skeleton

    @classmethod
    def of(cls, model: ModelFile) -> StoredModel:
        """Return a file with its stored data and its graph.

        Raises:
            ModelError: It is damaged.
        """
        constants = Constants(model)
        return cls(model, constants, skeleton(model, constants))


@dataclass
class Tally:
    """What came of a comparison up to now.

    Attributes:
        findings: What rounding does not explain.
        unmatched: What could not be compared, and why.
        layers: Layers whose weights were compared.
        tensors: Stored tensors that were compared.
        farthest: The channel that lies farthest away: its distance, its limit, its layer.
        bias_distance: Of the bias that lies farthest away, in steps.
    """

    findings: list[Finding] = field(default_factory=list)
    unmatched: list[str] = field(default_factory=list)
    layers: int = 0
    tensors: int = 0
    farthest: tuple[float, float, str] = (0.0, 1.0, "")
    bias_distance: float = 0.0

    def add(
        self,
        pair: Pair,
        part: Part,
        what: tuple[str, str],
        *,
        distances: tuple[float, float] = (0.0, 0.0),
        channels: tuple[int, int] = (0, 0),
        certain: bool = True,
    ) -> None:
        """Add something that rounding does not explain.

        Args:
            pair: The operator in both files.
            part: What of it.
            what: The change in a few words, and the detail.
            distances: In rounding errors or steps, and relative to the baseline's norm.
            channels: Those concerned, and all of them.
            certain: Whether it is sure that they differ.
        """
        distance, relative = np.nan_to_num(distances, nan=BEYOND, posinf=BEYOND)
        self.findings.append(
            Finding(
                layer=pair.variant.label,
                part=part,
                change=what[0],
                detail=what[1],
                distance=round(float(distance), 2),
                relative=round(float(relative), 4),
                channels=channels[0],
                of_channels=channels[1],
                operator=pair.variant.operator.index,
                baseline_operator=pair.baseline.operator.index,
                certain=certain and pair.evidence != "order",
            )
        )


def has_weights(node: Node) -> bool:
    """Return whether an operator multiplies what it takes with stored weights."""
    places = COMPUTE.get(node.operator.name)
    return places is not None and any(at == places.weights for at, _ in node.constants)


def places_of(node: Node) -> Places:
    """Return where a compute operator takes its parts from."""
    return COMPUTE[node.operator.name]
