"""The operators of a model, the types of its weights and activations, and its float islands."""

from __future__ import annotations

from collections import Counter

import msgspec

from edgeq.tflite.model_file import ModelFile
from edgeq.tflite.wiring import ACTIVATION_TYPES_INTEGER, Wiring

_NAMES = frozenset(
    {"WHILE", "IF", "CALL", "CALL_ONCE", "VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE"}
    | {"RANDOM_UNIFORM", "RANDOM_STANDARD_NORMAL", "MULTINOMIAL", "HASHTABLE"}
    | {"HASHTABLE_IMPORT", "HASHTABLE_LOOKUP", "STABLEHLO_WHILE"}
    | {"STABLEHLO_CASE", "STABLEHLO_RNG_BIT_GENERATOR", "STABLEHLO_COMPOSITE"}
)


class Compute(msgspec.Struct, frozen=True, kw_only=True):
    """One compute operator.

    Attributes:
        name: Name of the operator, for example ``"CONV_2D"``.
        output: Name of its output tensor.
        activation_type: Type of its output.
        weight_type: Type in which its weights are stored; None if it has no weights.
        weight_bytes: Stored bytes of its weights; 0 if it has none.
        dequantized: Whether a DEQUANTIZE operator lies between the stored weights and the operator.
        weight_scales: Number of scales of its weights; 0 if there are none.
        head: Whether it is a dense layer that produces an output of the model.
    """

    index: int
    name: str
    output: str
    activation_type: str
    weight_type: str | None
    weight_bytes: int
    dequantized: bool
    weight_scales: int = 0
    head: bool = False

    @property
    def label(self) -> str:
        """A short name for messages, for example ``"CONV_2D 17"``."""
        return f"{self.name} {self.index}"


class Operators(msgspec.Struct, frozen=True, kw_only=True):
    """The operators of a model and their types.

    Attributes:
        counts: Number of operators by name.
        compute: The compute operators in the order of execution.
        weight_bytes_by_type: Stored bytes of their weights by type.
        compute_activation_types: Number of compute operators by the type of their output.
        float_islands: Compute operators with float32 output in a model in which others have
            integer outputs, as ``"CONV_2D 17"``.
        input_types: Types of the model's inputs.
        output_types: Types of the model's outputs.
        custom: Names of custom and Flex operators.
        ends_in_softmax: Whether SOFTMAX produces output 0, followed by nothing but changes of type,
            shape or order.
        unsettled: Names of conditional, stateful and random operators, in any subgraph.
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
    unsettled: tuple[str, ...] = ()

    @property
    def quantizes_activations(self) -> bool:
        """Whether any compute operator uses, or may use, integer arithmetic.

        An operator that takes stored integer weights directly quantizes its float activations at
        run time.
        """
        return any(
            layer.activation_type in ACTIVATION_TYPES_INTEGER
            or (not layer.dequantized and (layer.weight_type or "").startswith(("int", "uint")))
            for layer in self.compute
        )


def operators(model: ModelFile) -> Operators:
    """Return the operators of a model and their types, read from its file."""
    wiring = Wiring(model)
    compute: list[Compute] = []
    heads = {head.operator.index for head in wiring.heads}
    weights: dict[int, tuple[str, int]] = {}
    for layer in wiring.compute:
        tensor = None if layer.weights is None else layer.weights.tensor
        if tensor is not None:
            weights[tensor.buffer] = (tensor.dtype, tensor.data_bytes)
        compute.append(
            Compute(
                index=layer.operator.index,
                name=layer.operator.name,
                output=layer.output.name,
                activation_type=layer.output.dtype,
                weight_type=None if tensor is None else tensor.dtype,
                weight_bytes=0 if tensor is None else tensor.data_bytes,
                dequantized=layer.weights is not None and layer.weights.dequantized,
                weight_scales=0 if tensor is None else int(tensor.scales.size),
                head=layer.operator.index in heads,
            )
        )
    by_type: Counter[str] = Counter()
    for dtype, size in weights.values():
        by_type[dtype] += size
    activations = Counter(layer.activation_type for layer in compute)
    mixed = any(dtype in ACTIVATION_TYPES_INTEGER for dtype in activations)
    counts = Counter(operator.name for operator in model.operators)
    return Operators(
        counts=dict(sorted(counts.items())),
        compute=tuple(compute),
        weight_bytes_by_type=dict(sorted(by_type.items())),
        compute_activation_types=dict(sorted(activations.items())),
        float_islands=tuple(
            layer.label for layer in compute if mixed and layer.activation_type == "float32"
        ),
        input_types=tuple(model.tensors[index].dtype for index in model.inputs),
        output_types=tuple(model.tensors[index].dtype for index in model.outputs),
        custom=tuple(sorted(n for n in model.operator_names if n.startswith(("CUSTOM:", "FLEX:")))),
        ends_in_softmax=wiring.ends_in_softmax,
        unsettled=unsettled(model),
    )


def unsettled(model: ModelFile) -> tuple[str, ...]:
    """Return the sorted names of a file's conditional, stateful and random operators."""
    return tuple(sorted(model.operator_names & _NAMES))
