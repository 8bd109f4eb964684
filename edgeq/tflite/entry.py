"""How a file scales and shifts its input by constants before its first layer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeq.errors import ModelError
from edgeq.tflite.constants import Constants
from edgeq.tflite.model_file import ModelFile, Operator
from edgeq.tflite.wiring import Stored, Wiring

CHANNELS = 3
_SAME_VALUES = frozenset({"QUANTIZE", "DEQUANTIZE", "CAST"})
_ARITHMETIC = frozenset({"ADD", "SUB", "MUL", "DIV"})
_COMMUTATIVE = frozenset({"ADD", "MUL"})

Reals = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Entry:
    """The step from an input x to what the first layer gets: ``factor * x + offset`` per channel.

    Attributes:
        factor: Factors, shape ``(3,)``, in the channel order of the file.
        offset: Offsets, shape ``(3,)``.
        rounded: Whether a constant is quantized, so that both are rounded.
        operators: Indices of the operators that do this, in order.
    """

    factor: Reals
    offset: Reals
    rounded: bool = False
    operators: tuple[int, ...] = ()

    def __call__(self, values: Reals) -> Reals:
        """Return what the first layer gets for input values of shape ``(..., 3)``."""
        return self.factor * values + self.offset


def entry(model: ModelFile) -> Entry:
    """Return what a file does to a photograph before its first layer.

    Arithmetic with one constant, or one for each channel, is followed as long as nothing else takes
    the tensor. The first operator of any other kind counts as the first layer.

    Raises:
        ModelError: The file is missing, truncated or damaged.
    """
    wiring, constants = Wiring(model), Constants(model)
    entry_so_far = Entry(np.ones(CHANNELS), np.zeros(CHANNELS))
    tensor = model.inputs[0]
    for _ in model.operators:  # a damaged graph may contain a cycle
        takers = wiring.consumers(tensor)
        if len(takers) != 1 or len(takers[0].outputs) != 1 or takers[0].outputs[0] < 0:
            break
        operator = takers[0]
        if operator.name not in _SAME_VALUES:
            then = _applied(entry_so_far, operator, tensor, wiring, constants)
            if then is None:
                break
            entry_so_far = then
        tensor = operator.outputs[0]
    return entry_so_far


def _applied(
    before: Entry, operator: Operator, tensor: int, wiring: Wiring, constants: Constants
) -> Entry | None:
    """Return the step extended by an operator; None if it is not arithmetic with a constant."""
    stored = _stored(operator, tensor, wiring)
    constant = None if stored is None else _constant(operator, stored, constants)
    if stored is None or constant is None:
        return None
    factor, offset = before.factor, before.offset
    rounded = before.rounded or bool(stored.tensor.scales.size)
    operators = (*before.operators, operator.index)
    if operator.name in {"ADD", "SUB"}:
        sign = 1 if operator.name == "ADD" else -1
        return Entry(factor, offset + sign * constant, rounded, operators)
    if operator.name == "DIV":
        constant = 1 / constant
    return Entry(factor * constant, offset * constant, rounded, operators)


def _stored(operator: Operator, tensor: int, wiring: Wiring) -> Stored | None:
    """Return the constant that an operator combines a tensor with; None if it is not stored."""
    if operator.name not in _ARITHMETIC or operator.inputs.count(tensor) != 1:
        return None
    place = operator.inputs.index(tensor)
    if place and operator.name not in _COMMUTATIVE:
        return None
    return wiring.stored(operator, 1 - place)


def _constant(operator: Operator, stored: Stored, constants: Constants) -> Reals | None:
    """Return a constant for all channels or for each; None if it can't be applied."""
    try:
        values = constants.real(stored.tensor).astype(np.float64).ravel()
    except ModelError:  # not numeric or damaged, which running the file reports
        return None
    per_channel = values.size == CHANNELS and not stored.rearranged
    usable = values.size == 1 or per_channel
    return values if usable and (operator.name != "DIV" or values.all()) else None
