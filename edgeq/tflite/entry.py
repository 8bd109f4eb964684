"""How a file scales, shifts and reorders its input by constants before its first layer.

A model that takes pixels often begins with operators that scale and shift them by channel:
``x * a + b``. The convolution that follows can do it instead: its weights are multiplied by ``a``
along the channels that it takes, and its bias takes what ``b`` adds up to. If it pads its input
with zeros, the shift can't go there, because the padding would be shifted too. Then one operator
stays, ``x - p`` with ``p = -b / a``, and only the rest is folded. Either way the outputs are the
same but for rounding. Some models also exchange red and blue, as ``x[..., ::-1]`` does.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeq.errors import ModelError
from edgeq.tflite.constants import Constants
from edgeq.tflite.image_input import RANK, RGB
from edgeq.tflite.model_file import ModelFile, Operator, Tensor, read_model, read_whole
from edgeq.tflite.options import ACTIVATION
from edgeq.tflite.packing import packed, unpacked
from edgeq.tflite.wiring import Stored, Wiring

CHANNELS = RGB
_SAME_VALUES = frozenset({"QUANTIZE", "DEQUANTIZE", "CAST"})
_ARITHMETIC = frozenset({"ADD", "SUB", "MUL", "DIV"})
_COMMUTATIVE = frozenset({"ADD", "MUL"})

_CONVOLUTIONS = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D"})

Reals = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Entry:
    """The step from an input x to what the first layer gets: ``factor * x + offset`` per channel.

    Attributes:
        factor: Factors, shape ``(channels,)``, in the channel order of the input.
        offset: Offsets, shape ``(channels,)``.
        rounded: Whether a constant is quantized, so that both are rounded.
        operators: Indices of the operators that do this, in order.
        reversing: Indices of those that give the channels the opposite order.
    """

    factor: Reals
    offset: Reals
    rounded: bool = False
    operators: tuple[int, ...] = ()
    reversing: tuple[int, ...] = ()

    @property
    def is_reversed(self) -> bool:
        """Whether the first layer gets the channels in the opposite order."""
        return len(self.reversing) % 2 == 1

    def __call__(self, values: Reals) -> Reals:
        """Return what the first layer gets for input values of shape ``(..., channels)``.

        The channels of both are in the order of the input.
        """
        return self.factor * values + self.offset


def entry(model: ModelFile) -> Entry:
    """Return what a file does to a photograph before its first layer.

    Arithmetic with one constant, or one for each channel, and what reverses the channels are
    followed as long as nothing else takes the tensor. The first operator of any other kind counts
    as the first layer.

    Raises:
        ModelError: The file is missing, truncated or damaged.
    """
    wiring, constants = Wiring(model), Constants(model)
    entry_so_far = Entry(np.ones(CHANNELS), np.zeros(CHANNELS))
    tensor = model.inputs[0] if model.inputs else -1
    for _ in model.operators:  # a damaged graph may contain a cycle
        takers = wiring.consumers(tensor)
        if len(takers) != 1 or len(takers[0].outputs) != 1 or takers[0].outputs[0] < 0:
            break
        operator = takers[0]
        if operator.name not in _SAME_VALUES:
            then = _applied(entry_so_far, operator, tensor, wiring, constants)
            if then is None and _reverses(operator, tensor, wiring, constants):
                then = replace(
                    entry_so_far,
                    operators=(*entry_so_far.operators, operator.index),
                    reversing=(*entry_so_far.reversing, operator.index),
                )
            if then is None:
                break
            entry_so_far = then
        tensor = operator.outputs[0]
    return entry_so_far


def _applied(
    before: Entry, operator: Operator, tensor: int, wiring: Wiring, constants: Constants
) -> Entry | None:
    """Return the step extended by an operator; None if it is not arithmetic with a constant."""
    stored, channels = _stored(operator, tensor, wiring), len(before.factor)
    constant = None if stored is None else _constant(operator, stored, constants, channels)
    if stored is None or constant is None:
        return None
    if before.is_reversed and constant.size > 1:
        constant = constant[::-1]
    factor, offset = before.factor, before.offset
    rounded = before.rounded or bool(stored.tensor.scales.size)
    operators = (*before.operators, operator.index)
    if operator.name in {"ADD", "SUB"}:
        sign = 1 if operator.name == "ADD" else -1
        return Entry(factor, offset + sign * constant, rounded, operators, before.reversing)
    if operator.name == "DIV":
        constant = 1 / constant
    return Entry(factor * constant, offset * constant, rounded, operators, before.reversing)


def _reverses(operator: Operator, tensor: int, wiring: Wiring, constants: Constants) -> bool:
    """Return whether an operator gives the channels of an image the opposite order."""
    shape = wiring.model.tensors[tensor].shape
    if len(shape) != RANK or shape[-1] != CHANNELS or operator.inputs[0] != tensor:
        return False
    stored = [wiring.stored(operator, place) for place in range(1, len(operator.inputs))]
    try:
        numbers = [constants.stored(given.tensor).ravel().tolist() for given in stored if given]
    except ModelError:  # which running the file reports
        return False
    options = dict(operator.options)
    match operator.name, numbers:
        case "REVERSE_V2", [[axis]]:
            return int(axis) % RANK == RANK - 1
        case "GATHER", [[2, 1, 0]]:
            return int(options["axis"]) % RANK == RANK - 1 and not options["batch_dims"]
        case "STRIDED_SLICE", [begins, ends, strides]:
            places = np.arange(math.prod(shape)).reshape(shape)
            part = _part(options, zip(begins, ends, strides, strict=False))
            return part is not None and np.array_equal(places[part], places[..., ::-1])
    return False


def _part(options: Mapping[str, object], sides: Iterable[tuple[int, int, int]]) -> Any:
    """Return the index that a STRIDED_SLICE takes; None if it adds or drops a dimension."""
    bits = {name: int(str(value)) for name, value in options.items() if name.endswith("_mask")}
    if bits["new_axis_mask"] or bits["shrink_axis_mask"]:
        return None
    return tuple(
        ...
        if bits["ellipsis_mask"] >> at & 1
        else slice(
            None if bits["begin_mask"] >> at & 1 else begin,
            None if bits["end_mask"] >> at & 1 else end,
            stride,
        )
        for at, (begin, end, stride) in enumerate(sides)
    )


def _stored(operator: Operator, tensor: int, wiring: Wiring) -> Stored | None:
    """Return the constant that an operator combines a tensor with; None if it is not stored."""
    if operator.name not in _ARITHMETIC or operator.inputs.count(tensor) != 1:
        return None
    place = operator.inputs.index(tensor)
    if place and operator.name not in _COMMUTATIVE:
        return None
    return wiring.stored(operator, 1 - place)


def _constant(
    operator: Operator, stored: Stored, constants: Constants, channels: int
) -> Reals | None:
    """Return a constant for all channels or for each; None if it can't be applied."""
    try:
        values = constants.real(stored.tensor).astype(np.float64).ravel()
    except ModelError:  # not numeric or damaged, which running the file reports
        return None
    per_channel = values.size == channels and not stored.rearranged
    usable = values.size == 1 or per_channel
    return values if usable and (operator.name != "DIV" or values.all()) else None


@dataclass(frozen=True)
class Preprocessing:
    """What a model does to its input before its first convolution."""

    step: Entry
    convolution: Operator

    @property
    def is_shift_folded(self) -> bool:
        """Whether the convolution can take the shift, as it pads nothing or there is none."""
        pads_nothing = dict(self.convolution.options).get("padding") == "VALID"
        return pads_nothing or not self.step.offset.any()


def preprocessing_of(model: ModelFile) -> Preprocessing:
    """Return what a float model does to its input before its first convolution.

    Raises:
        ModelError: There is nothing that a convolution could do, for the reason given.
    """
    wiring, constants = Wiring(model), Constants(model)
    shapes = [model.tensors[index].shape for index in model.inputs]
    if len(shapes) != 1 or len(shapes[0]) != 4:  # NHWC
        raise _refused(model, "it does not take one image")
    channels = shapes[0][3]
    tensor, step = model.inputs[0], Entry(np.ones(channels), np.zeros(channels))
    while True:
        takers = wiring.consumers(tensor)
        if len(takers) != 1:
            raise _refused(model, "several operators take its input")
        operator = takers[0]
        if operator.name in _CONVOLUTIONS:
            break
        then = _applied(step, operator, tensor, wiring, constants)
        if then is None or not _has_float_constant(model, operator, channels):
            raise _refused(model, f"{operator.name} comes before the first convolution")
        if dict(operator.options).get(ACTIVATION, "NONE") != "NONE":
            raise _refused(model, f"{operator.name} has an activation function")
        step = then
        (tensor,) = operator.outputs
    if not step.operators:
        raise _refused(model, "nothing comes before its first convolution")
    if not (np.isfinite(step.factor) & (step.factor != 0) & np.isfinite(step.offset)).all():
        raise _refused(model, "a factor is 0 or not a finite number")
    return Preprocessing(step, operator)


def _has_float_constant(model: ModelFile, operator: Operator, channels: int) -> bool:
    """Return whether an operator takes a float32 constant, one number or one for each channel."""
    tensors = [model.tensors[index] for index in operator.inputs]
    return any(
        tensor.data_bytes
        and tensor.dtype == "float32"
        and (math.prod(tensor.shape) == 1 or tensor.shape[-1] == channels)
        for tensor in tensors
    )


def folded(path: Path) -> bytes:
    """Return the content of a float model whose first convolution does what came before it.

    Raises:
        ModelError: There is nothing to fold, or the file is missing or damaged.
    """
    model = read_model(path)
    before = preprocessing_of(model)
    kept_shifts = [] if before.is_shift_folded else [_shifting(model, before)]
    if len(before.step.operators) == len(kept_shifts):
        raise _refused(model, "only a shift comes before it, and it pads its input with zeros")
    constants, (weights, bias) = Constants(model), _own_tensors(model, before.convolution)
    scaled, moved = _by_output(model, before, constants.real(weights).astype(np.float64))
    changed = unpacked(bytearray(read_whole(path)), path)
    graph = changed.subgraphs[0]
    _replace(changed, weights.index, scaled)
    source = model.inputs[0]
    for operator in kept_shifts:
        subtraction = graph.operators[operator.index]
        own = next(index for index in operator.inputs if model.tensors[index].data_bytes)
        sign = -1 if operator.name == "SUB" else 1
        value = sign * before.step.offset / before.step.factor
        shifting = copy.copy(graph.tensors[own])
        graph.tensors.append(shifting)
        _replace(changed, len(graph.tensors) - 1, value.reshape(1, 1, 1, -1))
        subtraction.inputs = [source, len(graph.tensors) - 1]
        source = operator.outputs[0]
    if not kept_shifts:
        _replace(changed, bias.index, constants.real(bias).astype(np.float64) + moved)
    graph.operators[before.convolution.index].inputs = [source, *before.convolution.inputs[1:]]
    dropped = set(before.step.operators) - {operator.index for operator in kept_shifts}
    graph.operators = [
        operator for index, operator in enumerate(graph.operators) if index not in dropped
    ]
    return packed(changed)


def _shifting(model: ModelFile, before: Preprocessing) -> Operator:
    """Return the operator that stays, whose constant becomes the whole shift."""
    operators = [model.operators[index] for index in before.step.operators]
    return [operator for operator in operators if operator.name in {"ADD", "SUB"}][-1]


def _own_tensors(model: ModelFile, convolution: Operator) -> tuple[Tensor, Tensor]:
    """Return the weights and the bias of a convolution."""
    wiring = Wiring(model)
    places = convolution.inputs[1:3]
    tensors = [model.tensors[index] for index in places if index >= 0]
    if len(tensors) != 2 or any(  # weights and bias
        tensor.dtype != "float32"
        or not tensor.data_bytes
        or wiring.consumers(tensor.index) != (convolution,)
        for tensor in tensors
    ):
        raise _refused(model, "its first convolution has no weights and bias in float32 of its own")
    return tensors[0], tensors[1]


def _by_output(model: ModelFile, before: Preprocessing, weights: Reals) -> tuple[Reals, Reals]:
    """Return a convolution's weights, scaled, and what the shift adds to each of its outputs."""
    if before.convolution.name == "CONV_2D":
        if weights.shape[3] != before.step.factor.size:
            raise _refused(model, "its first convolution works in groups of channels")
        return weights * before.step.factor, (weights * before.step.offset).sum((1, 2, 3))
    # A depthwise convolution has one filter or more for each channel, in the channels' order.
    repeats = weights.shape[3] // before.step.factor.size
    scale, shift = np.repeat(before.step.factor, repeats), np.repeat(before.step.offset, repeats)
    return weights * scale, (weights * shift).sum((0, 1, 2))


def _replace(changed: Any, index: int, values: Reals) -> None:
    """Give a tensor other values, in a buffer of its own."""
    tensor = changed.subgraphs[0].tensors[index]
    changed.buffers.append(_buffer(values.astype(np.float32)))
    tensor.buffer, tensor.shape = len(changed.buffers) - 1, list(values.shape)


def _buffer(values: npt.NDArray[np.float32]) -> Any:
    from ai_edge_litert import schema_py_generated as schema

    buffer = schema.BufferT()
    buffer.data = np.frombuffer(values.tobytes(), np.uint8)
    return buffer


def _refused(model: ModelFile, reason: str) -> ModelError:
    return ModelError(
        f"its preprocessing can't be folded into its first convolution: {reason}",
        where=model.path,
        remedy="Remove `fold_preprocessing`",
    )
