"""What a model computes with: operators, types of weights and activations, float islands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from edgeq.tflite.model_file import ModelFile, Operator

ACTIVATION_TYPES_INTEGER = frozenset({"int8", "uint8", "int16"})

_PASSED_THROUGH = frozenset({"DEQUANTIZE", "QUANTIZE", "RESHAPE", "TRANSPOSE", "CAST"})


@dataclass(frozen=True)
class Places:
    """Where a compute operator takes its weights and bias from: positions among its inputs."""

    weights: int
    bias: int | None


COMPUTE: dict[str, Places] = {
    "CONV_2D": Places(1, 2),
    "DEPTHWISE_CONV_2D": Places(1, 2),
    "FULLY_CONNECTED": Places(1, 2),
    "TRANSPOSE_CONV": Places(1, 3),
    "CONV_3D": Places(1, 2),
    "CONV_3D_TRANSPOSE": Places(1, 3),
    "BATCH_MATMUL": Places(1, None),
}
"""The compute operators: those that multiply activations with weights, or with each other."""


class Compute(msgspec.Struct, frozen=True, kw_only=True):
    """One compute operator.

    Attributes:
        index: Its place in the graph.
        name: For example ``"CONV_2D"``.
        output: Name of its output tensor.
        activation_type: Type of its output.
        weight_type: Type in which its weights are stored, None where it has none.
        weight_bytes: Their stored bytes, 0 where it has none.
        dequantized: Whether a DEQUANTIZE operator lies between stored weights and operator.
    """

    index: int
    name: str
    output: str
    activation_type: str
    weight_type: str | None
    weight_bytes: int
    dequantized: bool

    @property
    def label(self) -> str:
        """A short name for messages, for example ``"CONV_2D 17"``."""
        return f"{self.name} {self.index}"


class Operators(msgspec.Struct, frozen=True, kw_only=True):
    """What a model computes with.

    Attributes:
        counts: Operators by name.
        compute: The compute operators in the order of execution.
        weight_bytes_by_type: Stored bytes of their weights by type.
        compute_activation_types: Compute operators by the type of their output.
        float_islands: Compute operators with float32 output in a model where others have
            integer ones, as ``"CONV_2D 17"``.
        input_types: Types of the model's inputs.
        output_types: Types of the model's outputs.
        custom: Names of custom and Flex operators.
        ends_in_softmax: Whether output 0 is made by SOFTMAX, with at most a change of type or
            shape after it.
    """

    counts: dict[str, int]
    compute: tuple[Compute, ...]
    weight_bytes_by_type: dict[str, int]
    compute_activation_types: dict[str, int]
    float_islands: tuple[str, ...]
    input_types: tuple[str, ...]
    output_types: tuple[str, ...]
    custom: tuple[str, ...]
    ends_in_softmax: bool

    @property
    def quantizes_activations(self) -> bool:
        """Whether a compute operator's arithmetic is that of integers, or may be.

        One with integer weights as stored quantizes its float activations while it runs.
        """
        return any(
            one.activation_type in ACTIVATION_TYPES_INTEGER
            or (not one.dequantized and (one.weight_type or "").startswith(("int", "uint")))
            for one in self.compute
        )


@dataclass(frozen=True)
class Stored:
    """Where an operator's input comes from: the stored tensor, and whether it is dequantized."""

    tensor: int
    dequantized: bool


class Graph:
    """A model's tensors with the operators that make them."""

    def __init__(self, model: ModelFile):
        self.model = model
        self._maker = {made: one for one in model.operators for made in one.outputs}

    def stored(self, operator: Operator, position: int | None) -> Stored | None:
        """Return the constant behind an input, through changes of type or shape, if any."""
        if position is None or position >= len(operator.inputs):
            return None
        dequantized = False
        for tensor, maker in self._upwards(operator.inputs[position]):
            if self.model.tensors[tensor].data_bytes:
                return Stored(tensor, dequantized)
            dequantized = dequantized or (maker is not None and maker.name == "DEQUANTIZE")
        return None

    def ends_in(self, name: str) -> bool:
        """Return whether output 0 is made by this operator, through changes of type or shape."""
        if not self.model.outputs:
            return False
        walk = self._upwards(self.model.outputs[0])
        return any(maker is not None and maker.name == name for _, maker in walk)

    def _upwards(self, index: int) -> Iterator[tuple[int, Operator | None]]:
        """Yield tensors with their makers, up to one that does more than change type or shape."""
        for _ in range(len(self.model.operators) + 1):  # a damaged graph may run in a circle
            if index < 0:
                return
            maker = self._maker.get(index)
            yield index, maker
            if maker is None or maker.name not in _PASSED_THROUGH or not maker.inputs:
                return
            index = maker.inputs[0]


def operators(model: ModelFile) -> Operators:
    """Return what a model computes with, read from its file."""
    graph = Graph(model)
    compute: list[Compute] = []
    weights: dict[int, tuple[str, int]] = {}
    for one in model.operators:
        if one.name not in COMPUTE or not one.outputs:
            continue
        stored = graph.stored(one, COMPUTE[one.name].weights)
        output = model.tensors[one.outputs[0]]
        tensor = None if stored is None else model.tensors[stored.tensor]
        if tensor is not None:
            weights[tensor.buffer] = (tensor.dtype, tensor.data_bytes)
        compute.append(
            Compute(
                index=one.index,
                name=one.name,
                output=output.name,
                activation_type=output.dtype,
                weight_type=None if tensor is None else tensor.dtype,
                weight_bytes=0 if tensor is None else tensor.data_bytes,
                dequantized=stored is not None and stored.dequantized,
            )
        )
    by_type: Counter[str] = Counter()
    for dtype, size in weights.values():
        by_type[dtype] += size
    activations = Counter(one.activation_type for one in compute)
    mixed = any(dtype in ACTIVATION_TYPES_INTEGER for dtype in activations)
    counts = Counter(one.name for one in model.operators)
    return Operators(
        counts=dict(sorted(counts.items())),
        compute=tuple(compute),
        weight_bytes_by_type=dict(sorted(by_type.items())),
        compute_activation_types=dict(sorted(activations.items())),
        float_islands=tuple(
            one.label for one in compute if mixed and one.activation_type == "float32"
        ),
        input_types=tuple(model.tensors[index].dtype for index in model.inputs),
        output_types=tuple(model.tensors[index].dtype for index in model.outputs),
        custom=tuple(sorted(n for n in model.operator_names if n.startswith(("CUSTOM:", "FLEX:")))),
        ends_in_softmax=graph.ends_in("SOFTMAX"),
    )
