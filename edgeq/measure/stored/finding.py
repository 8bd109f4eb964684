"""The parts of a file comparison: the files, the findings and the counts."""

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

LOST_ENDING, ADDED_ENDING = "lost ending", "added ending"
ENDINGS = frozenset({LOST_ENDING, ADDED_ENDING})
"""Changes of what an output means: scores in place of probabilities, and the reverse."""

BEYOND = 1e9
"""Stands for an infinite or undefined distance, which JSON can't express."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One difference that rounding does not explain.

    Attributes:
        layer: The operator, its index in the variant's file, and its name.
        part: The part of the operator that differs.
        change: What happened, as a keyword, for example ``"negated"`` or ``"lost activation"``.
        detail: What happened, as a phrase that follows the layer and the part in a sentence.
        distance: Distance in rounding errors (weights, constants) or steps (biases); 0 for
            operators.
        relative: Norm of the difference divided by the norm of the baseline's; 0 for operators.
        channels: Number of channels affected; 0 if that is meaningless.
        of_channels: Total number of channels.
        operator: Index of the operator in the variant's graph; -1 if it has none.
        baseline_operator: Index of the operator in the baseline's graph; -1 if it has none.
        certain: Whether it is certain that these are the same layer and that they differ.
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
    """A file with its stored data and its graph."""

    model: ModelFile
    constants: Constants
    skeleton: Skeleton

    @classmethod
    def of(cls, model: ModelFile) -> StoredModel:
        """Return a file with its stored data and its graph.

        Raises:
            ModelError: The file is damaged.
        """
        constants = Constants(model)
        return cls(model, constants, skeleton(model, constants))


@dataclass
class Tally:
    """Results of a comparison so far.

    Attributes:
        findings: Differences that rounding does not explain.
        unmatched: What could not be compared, and why.
        layers: Number of layers whose weights were compared.
        tensors: Number of stored tensors that were compared.
        farthest: The farthest channel: its distance, its limit and its layer.
        bias_distance: Distance of the farthest bias, in steps.
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
        """Add a difference that rounding does not explain.

        ``what`` is the change as a keyword and its detail. Distances are in rounding errors or
        steps, and relative to the baseline's norm; channels are those affected, and all.
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
    """Return whether an operator multiplies its input by stored weights."""
    places = COMPUTE.get(node.operator.name)
    return places is not None and any(at == places.weights for at, _ in node.constants)


def places_of(node: Node) -> Places:
    """Return the positions of a compute operator's inputs: activation, weights and bias."""
    return COMPUTE[node.operator.name]
