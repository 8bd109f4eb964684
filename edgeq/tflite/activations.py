"""Activations that a file stores with a fixed scale, and the matching tensors of the baseline."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from edgeq.tflite.matching import Matching
from edgeq.tflite.model_file import ModelFile, Operator, Tensor, order_by_names
from edgeq.tflite.skeleton import CLAMPS
from edgeq.tflite.wiring import ACTIVATION_TYPES_INTEGER, Wiring

BOUND: dict[str, dict[str, tuple[float, int]]] = {
    "LOGISTIC": {"int8": (1 / 256, -128), "uint8": (1 / 256, 0), "int16": (1 / 32768, 0)},
    "SOFTMAX": {"int8": (1 / 256, -128), "uint8": (1 / 256, 0), "int16": (1 / 32768, 0)},
    "TANH": {"int8": (1 / 128, 0), "uint8": (1 / 128, 128), "int16": (1 / 32768, 0)},
    "L2_NORMALIZATION": {"int8": (1 / 128, 0), "uint8": (1 / 128, 128)},
    "LOG_SOFTMAX": {"int8": (16 / 256, 127), "uint8": (16 / 256, 255)},
}
"""Scale and zero point that an operator's output has by definition, for each type.

https://ai.google.dev/edge/litert/models/quantization_spec
"""

_SAME_SCALE = frozenset(
    {
        *("AVERAGE_POOL_2D", "BATCH_TO_SPACE_ND", "BROADCAST_TO", "CONCATENATION"),
        *("DEPTH_TO_SPACE", "EXPAND_DIMS", "GATHER", "GATHER_ND", "MAXIMUM", "MAX_POOL_2D"),
        *("MINIMUM", "MIRROR_PAD", "PACK", "PAD", "PADV2", "RESHAPE", "RESIZE_BILINEAR"),
        *("RESIZE_NEAREST_NEIGHBOR", "REVERSE_V2", "SLICE", "SPACE_TO_BATCH_ND"),
        *("SPACE_TO_DEPTH", "SPLIT", "SPLIT_V", "SQUEEZE", "STRIDED_SLICE", "TILE"),
        *("TOPK_V2", "TRANSPOSE", "UNPACK"),
    }
)
"""Operators whose inputs and outputs share a scale, by definition or in the runtime's kernels."""


@dataclass(frozen=True)
class Activation:
    """A tensor that a file stores with one fixed scale.

    Attributes:
        tensor: The tensor.
        baseline: Index of the baseline's tensor with the same values; None if unknown.
        group: Indices of all tensors that share its scale through the operators between them,
            including itself.
        bound: Scale and zero point that it has by definition; None if its range was chosen.
    """

    tensor: Tensor
    baseline: int | None
    group: tuple[int, ...]
    bound: tuple[float, int] | None

    @property
    def is_as_defined(self) -> bool:
        """Whether it is stored with the scale and zero point that it has by definition."""
        if self.bound is None:
            return False
        scale, zero_point = self.bound
        same = math.isclose(float(self.tensor.scales[0]), scale, rel_tol=1e-6)
        return same and self.tensor.zero_point == zero_point


def activations(
    model: ModelFile, matching: Matching | None, *, broken: bool = False
) -> tuple[Activation, ...]:
    """Return the activations of a variant that are stored with one fixed scale, in file order.

    Args:
        model: The variant's file.
        matching: How its graph corresponds to the baseline's; None if unknown. Pairs that were
            matched by order alone are not used, since they may be wrong.
        broken: Whether tensors also belong to a group if an operator needs one scale for them but
            the file gives them several, which the runtime refuses.
    """
    operators = Wiring(model).needed
    counterparts = {} if matching is None else _counterparts(matching)
    groups = _groups(model, operators, broken=broken)
    bounds = _bounds(model, operators)
    computed = {index for operator in operators for index in operator.outputs} | set(model.inputs)
    return tuple(
        Activation(
            tensor=tensor,
            baseline=counterparts.get(tensor.index),
            group=groups[tensor.index],
            bound=next((bounds[i] for i in groups[tensor.index] if i in bounds), None),
        )
        for tensor in model.tensors
        if tensor.index in computed and is_fixed(tensor)
    )


def is_fixed(tensor: Tensor) -> bool:
    """Return whether a tensor is quantized with one scale that is not 0, and not a constant."""
    return (
        tensor.dtype in ACTIVATION_TYPES_INTEGER
        and not tensor.data_bytes
        and tensor.scales.size == 1
        and bool(np.isfinite(tensor.scales[0]))
        and bool(tensor.scales[0] > 0)
    )


def _counterparts(matching: Matching) -> dict[int, int]:
    """Return for each tensor of the variant the baseline's tensor with the same values."""
    ours, theirs = matching.baseline.model, matching.variant.model
    order = order_by_names(ours.named_inputs, theirs.named_inputs)
    entries = [
        (index, ours.inputs[at])
        for index, at in zip(theirs.inputs, order, strict=True)
        if at < len(ours.inputs)
    ]
    counterparts = _of_entries(entries, ours, theirs)
    for pair in matching.pairs:
        if pair.evidence == "order":
            continue
        counterparts.update(zip(pair.variant.outputs, pair.baseline.outputs, strict=False))
        # What a separate activation takes corresponds to what the baseline's takes; if that is
        # fused, to what it gives, as nothing else of the range matters.
        if pair.variant.activation in CLAMPS or pair.baseline.inner:
            before = (*pair.baseline.inner, *pair.baseline.outputs)[0]
            counterparts.update(dict.fromkeys(pair.variant.inner, before))
    for pair in matching.replaced:
        if {pair.baseline.kind, pair.variant.kind} == _MEANS:
            counterparts.update(zip(pair.variant.outputs, pair.baseline.outputs, strict=False))
    wiring = Wiring(theirs)
    for operator in wiring.needed:
        keeps_values = operator.name in _LOOKED_THROUGH or wiring.only_reshapes(operator)
        if keeps_values and operator.inputs and operator.inputs[0] in counterparts:
            counterparts.update(dict.fromkeys(operator.outputs, counterparts[operator.inputs[0]]))
    # If the images have another size, so has everything that is computed from them.
    alike = all(_may_be_alike(theirs.tensors[a], ours.tensors[b]) for a, b in entries)
    return {
        theirs_at: ours_at
        for theirs_at, ours_at in counterparts.items()
        if (not alike or _may_be_alike(theirs.tensors[theirs_at], ours.tensors[ours_at]))
        and ours.tensors[ours_at].dtype == "float32"
    }


def _of_entries(
    entries: Sequence[tuple[int, int]], ours: ModelFile, theirs: ModelFile
) -> dict[int, int]:
    """Return the counterparts of the variant's inputs and of what they are dequantized to."""
    counterparts: dict[int, int] = {}
    for theirs_at, ours_at in entries:
        same = (theirs_at, *Wiring(theirs).reals(theirs_at))
        real = (ours_at, *Wiring(ours).reals(ours_at))[-1]
        counterparts.update(dict.fromkeys(same, real))
    return counterparts


_MEANS = {"MEAN", "AVERAGE_POOL_2D"}
"""Kinds of operators that give the same if both average everything, and so give equally many."""
_LOOKED_THROUGH = frozenset({"QUANTIZE", "DEQUANTIZE", "TRANSPOSE"})


def _may_be_alike(first: Tensor, second: Tensor) -> bool:
    """Return whether two tensors may have equally many values; open shapes may always."""
    if -1 in (*first.shape_signature, *second.shape_signature):
        return True
    return math.prod(first.shape) == math.prod(second.shape)


def _groups(
    model: ModelFile, operators: tuple[Operator, ...], *, broken: bool
) -> dict[int, tuple[int, ...]]:
    """Return for each tensor the tensors that share its scale through operators."""
    root = {item.index: item.index for item in model.tensors}

    def top(index: int) -> int:
        while root[index] != index:
            index = root[index]
        return index

    for operator in operators:
        if operator.name not in _SAME_SCALE:
            continue
        quantized = [
            index
            for index in dict.fromkeys((*operator.inputs, *operator.outputs))
            if index >= 0
            and model.tensors[index].dtype in ACTIVATION_TYPES_INTEGER
            and model.tensors[index].scales.size == 1
        ]
        for first, index in pairwise(quantized):
            if broken or model.tensors[first].scales[0] == model.tensors[index].scales[0]:
                root[top(index)] = top(first)
    members: dict[int, list[int]] = defaultdict(list)
    for tensor in model.tensors:
        members[top(tensor.index)].append(tensor.index)
    return {index: tuple(some) for some in members.values() for index in some}


def _bounds(model: ModelFile, operators: tuple[Operator, ...]) -> dict[int, tuple[float, int]]:
    return {
        index: BOUND[operator.name][model.tensors[index].dtype]
        for operator in operators
        if operator.name in BOUND
        for index in operator.outputs[:1]
        if index >= 0 and model.tensors[index].dtype in BOUND[operator.name]
    }
