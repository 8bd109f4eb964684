"""Factors and summands after a layer that a converter may fold into its weights and biases."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from edgeq.errors import ModelError
from edgeq.measure.stored.equivalents import clips_nothing
from edgeq.measure.stored.finding import StoredModel, has_weights
from edgeq.measure.stored.steps import BITS, COARSEST, HALF_A_STEP
from edgeq.tflite.model_file import Tensor
from edgeq.tflite.skeleton import CLAMPS, Node

Doubles = npt.NDArray[np.float64]
_NONE = "NONE"


@dataclass(frozen=True)
class Affine:
    """A step after a layer that could be folded into it: ``factor * x + summand``, per channel.

    Attributes:
        activation: The activation that follows the step.
        ends: The range that the activation leaves, as in ``Node``.
        factor: Factors, shape ``(c,)`` or ``(1,)``.
        summand: Summands, shape ``(c,)`` or ``(1,)``.
        rounding: Greatest error of the summands because their constants are stored in few steps,
            shape ``(c,)`` or ``(1,)``.
        nodes: Places of the operators that make up the step.
    """

    activation: str
    ends: tuple[float, float]
    factor: Doubles = field(default_factory=lambda: np.ones(1))
    summand: Doubles = field(default_factory=lambda: np.zeros(1))
    rounding: Doubles = field(default_factory=lambda: np.zeros(1))
    nodes: tuple[int, ...] = ()

    @property
    def scales(self) -> bool:
        """Whether it changes weights."""
        return not bool((self.factor == 1).all())


def fold(file: StoredModel, node: Node, only: Collection[int]) -> Affine:
    """Return the step after a layer in one file that could be folded into it.

    Returns:
        The step; factor 1 and summand 0 if nothing can be folded.
    """
    affine, start = Affine(node.activation, node.ends), node.place
    while only and has_weights(file.skeleton.nodes[start]):
        takers = file.skeleton.consumers[node.place]
        if affine.activation != _NONE or len(takers) != 1 or takers[0][0] not in only:
            break
        node = file.skeleton.nodes[takers[0][0]]
        behind = _behind(file, node, affine)
        if behind is None:
            break
        affine = behind
    return affine


def changes_nothing(file: StoredModel, node: Node) -> bool:
    """Return whether an operator only multiplies by 1, adds 0, or clips nothing."""
    if len(node.constants) == 1 and node.kind in {"MAXIMUM", "MINIMUM"}:
        try:
            return clips_nothing(file.model, node, file.constants.real(node.constants[0][1]))
        except ModelError:
            return False
    alone = _behind(file, node, Affine(_NONE, CLAMPS[_NONE]))
    if alone is None or alone.activation != _NONE:
        return False
    return not alone.scales and not alone.summand.any()


def _behind(file: StoredModel, node: Node, before: Affine) -> Affine | None:
    """Return an affine step extended by one more operator; None if that is not affine."""
    if len(node.constants) != 1 or node.operator.name not in {"MUL", "ADD", "SUB", "DIV"}:
        return None
    at, tensor = node.constants[0]
    try:
        values = file.constants.real(tensor).astype(np.float64)
    except ModelError:
        return None
    if values.size != max(values.shape, default=1):
        return None  # not one number for each channel
    values, factor, summand = values.ravel(), before.factor, before.summand
    rounding = before.rounding
    match node.operator.name:
        case "MUL":
            factor, summand, rounding = factor * values, summand * values, rounding * abs(values)
        case "DIV" if at == 1:
            factor, summand, rounding = factor / values, summand / values, rounding / abs(values)
        case "ADD":
            summand, rounding = summand + values, rounding + _half_a_step(tensor, values)
        case "SUB" if at == 1:
            summand, rounding = summand - values, rounding + _half_a_step(tensor, values)
        case _:
            return None
    nodes = (*before.nodes, node.place)
    return Affine(node.activation, node.ends, factor, summand, rounding, nodes)


def _half_a_step(tensor: Tensor, values: Doubles) -> float:
    """Return the greatest error of rounding a constant to its steps, unless they are too coarse."""
    if tensor.dtype not in BITS or tensor.scales.size != 1:
        return 0.0
    sensible = float(np.abs(values).max(initial=0.0)) / (2 ** (BITS[tensor.dtype] - 1) - 1)
    return float(HALF_A_STEP * min(float(tensor.scales[0]), COARSEST * sensible))
