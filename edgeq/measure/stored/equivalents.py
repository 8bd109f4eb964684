"""What two files' operators may differ in without any output that tells.

Converters write the same operator in several forms. A constant beyond what its operator can use is
stored as the end of its type, and one below its operator's steps as 0: the 1e12 of a clamp, the
1e-12 that guards a division. Such numbers are far from the baseline's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from edgeq.errors import ModelError
from edgeq.measure.stored.finding import StoredModel
from edgeq.measure.stored.steps import FLOAT32_STEP, HALF_A_STEP, Doubles, Reals
from edgeq.tflite.entry import Entry
from edgeq.tflite.matching import Pair
from edgeq.tflite.model_file import ModelFile, Tensor
from edgeq.tflite.skeleton import CLAMPS, Node
from edgeq.tflite.wiring import COMPUTE

Booleans = npt.NDArray[np.bool_]

ENDS: Mapping[str, tuple[int, int]] = {
    "int8": (-128, 127),
    "uint8": (0, 255),
    "int16": (-32768, 32767),
}
"""Least and greatest integer of each type of activation."""

CLIPPING = frozenset({"MINIMUM", "MAXIMUM", "PADV2", "SELECT", "SELECT_V2"})
"""Operators that give their constant to the output, cut off at the ends of the output's range."""

COMPARISONS: Mapping[str, tuple[Literal["left", "right"], ...]] = {
    "LESS": ("left",),
    "GREATER_EQUAL": ("left",),
    "LESS_EQUAL": ("right",),
    "GREATER": ("right",),
    "EQUAL": ("left", "right"),
    "NOT_EQUAL": ("left", "right"),
}
"""Operators that compare, and on which sides of a constant it matters how many numbers lie there:
``"left"`` for those below it, ``"right"`` for those that are not above it."""

_SUMS = frozenset({"ADD", "SUB"})


def range_of(tensor: Tensor) -> tuple[float, float] | None:
    """Return the least and the greatest real value that a quantized activation holds.

    Returns:
        None if it is not quantized with one scale.
    """
    if tensor.scales.size != 1 or tensor.dtype not in ENDS:
        return None
    first, last = ENDS[tensor.dtype]
    step, point = float(tensor.scales[0]), tensor.zero_point
    return (first - point) * step, (last - point) * step


def same_clamp(model: ModelFile, output: int, ours: str, theirs: str) -> bool:
    """Return whether two activations leave the same range of a quantized output."""
    if ours == theirs:
        return True
    ends = range_of(model.tensors[output])
    if ours not in CLAMPS or theirs not in CLAMPS or ends is None:
        return False
    left = [
        (max(CLAMPS[clamp][0], ends[0]), min(CLAMPS[clamp][1], ends[1])) for clamp in (ours, theirs)
    ]
    step = float(model.tensors[output].scales[0])
    return all(abs(end - other) <= step for end, other in zip(*left, strict=True))


def same_output(model: ModelFile, node: Node, values: tuple[Reals, Reals]) -> Booleans:
    """Return for which of a node's constants the quantized output is the same, up to rounding.

    Returns:
        A value for each number of the constant; all false if the operator computes in floats, or
        if its effect is not known.
    """
    ours, theirs = (value.astype(np.float64) for value in values)
    unknown = np.zeros(ours.shape, np.bool_)
    if node.kind in COMPARISONS:
        return _same_decisions(model, node, ours, theirs)
    output = model.tensors[node.operator.outputs[0]]
    ends = range_of(output)
    if ends is None:
        return unknown
    most = np.full(ours.shape, HALF_A_STEP * float(output.scales[0]))
    if node.kind in CLIPPING:
        most[ours <= ends[0]] += float(output.scales[0])  # symmetric types leave out the lowest
        ours, theirs = (np.clip(value, *ends) for value in (ours, theirs))
        return np.asarray(np.abs(theirs - ours) <= most)
    if node.kind in _SUMS:
        return np.asarray(np.abs(theirs - ours) <= most)
    if node.kind == "MUL":
        other = _other_input(model, node)
        factors = None if other is None else range_of(other)
        if factors is not None:
            return np.asarray(np.abs(theirs - ours) * max(map(abs, factors)) <= most)
    return unknown


def clips_nothing(model: ModelFile, node: Node, end: Reals) -> bool:
    """Return whether a maximum or minimum cuts off only what a quantized output can't hold."""
    output = model.tensors[node.operator.outputs[0]]
    ends = range_of(output)
    if ends is None:
        return False
    step = float(output.scales[0])
    if node.kind == "MAXIMUM":  # symmetric types leave out the lowest
        return bool((end <= ends[0] + (1 + FLOAT32_STEP) * step).all())
    return node.kind == "MINIMUM" and bool((end >= ends[1] - FLOAT32_STEP * step).all())


def _same_decisions(model: ModelFile, node: Node, ours: Doubles, theirs: Doubles) -> Booleans:
    """Return for which constants all numbers that the other input holds compare in the same way."""
    other = _other_input(model, node)
    if other is None or range_of(other) is None:
        return np.zeros(ours.shape, np.bool_)
    step, point = float(other.scales[0]), float(other.zero_points[0])
    first, last = ENDS[other.dtype]
    numbers = np.arange(first, last + 1)
    places = [_whole(value / step) + point for value in (ours, theirs)]
    sides = (
        np.equal(*(np.searchsorted(numbers, place, side) for place in places))
        for side in COMPARISONS[node.kind]
    )
    return np.asarray(np.logical_and.reduce(list(sides)))


def _whole(steps: Doubles) -> Doubles:
    """Return numbers of steps, whole if they are but for the rounding of float32."""
    whole = np.rint(steps)
    return np.where(np.abs(steps - whole) <= FLOAT32_STEP * np.abs(steps), whole, steps)


def _other_input(model: ModelFile, node: Node) -> Tensor | None:
    """Return the tensor that an operator computes with its constant; None if there is not one."""
    stored = {tensor.index for _, tensor in node.constants}
    others = [index for index in node.operator.inputs if index >= 0 and index not in stored]
    return model.tensors[others[0]] if len(others) == 1 else None


_PADDED = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D"})
_PLANE = [1, 2]


def averages_all(file: StoredModel, node: Node) -> bool:
    """Return whether an operator gives the mean of each channel over height and width."""
    tensors, operator = file.model.tensors, node.operator
    given, result = tensors[operator.inputs[0]], tensors[operator.outputs[0]]
    if len(given.shape) != 4 or -1 in given.shape_signature[1:]:
        return False
    if node.kind == "MEAN":
        return sorted(axis % 4 for axis in _whole_numbers(file, node, 1)) == _PLANE
    options = dict(node.options)
    filters = options.get("filter_h"), options.get("filter_w")
    return filters == given.shape[1:3] and result.shape[1:3] == (1, 1)


def pads_like_same(file: StoredModel, node: Node) -> int | None:
    """Return the place of the PAD that makes a layer with the padding VALID one with SAME.

    Returns:
        None if no PAD precedes it, or one of other amounts.
    """
    options = dict(node.options)
    if node.operator.name not in _PADDED or options.get("padding") != "VALID":
        return None
    places = COMPUTE[node.operator.name]
    source, kernel = node.sources[places.activation], dict(node.constants).get(places.weights)
    if source is None or source.node is None or source.exchanges or kernel is None:
        return None
    pad = file.skeleton.nodes[source.node]
    given = file.model.tensors[pad.operator.inputs[0]]
    if pad.kind != "PAD" or len(given.shape) != 4 or -1 in given.shape_signature[1:]:
        return None
    needed = [0, 0]
    for side, axis in (("h", 1), ("w", 2)):
        stride, dilation = int(options[f"stride_{side}"]), int(options.get(f"dilation_{side}", 1))
        reach = (kernel.shape[axis] - 1) * dilation + 1
        steps = -(-given.shape[axis] // stride)
        total = max((steps - 1) * stride + reach - given.shape[axis], 0)
        needed += [total // 2, total - total // 2]
    return pad.place if _whole_numbers(file, pad, 1) == [*needed, 0, 0] else None


def same_entries(
    files: tuple[StoredModel, StoredModel],
    entries: Sequence[Entry],
    bgr: tuple[bool, bool] | None = None,
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the operators by which both files scale and shift pixels alike, but not in one order.

    For example, one subtracts 127.5 and divides by it, the other multiplies by its reciprocal and
    subtracts 1. Constants that are quantized are left to be compared one by one.

    Args:
        files: The baseline and the variant.
        entries: What both do before their first layer.
        bgr: Whether blue comes first in the input of each; None if operators that reverse the order
            count as any other.

    Returns:
        Indices of the baseline's and the variant's operators; none if they do anything else, or
        have the same operators in the same order, which are compared one by one.
    """
    reverses = any(step.reversing for step in entries)
    if any(map(_is_rounded, files, entries)) or (reverses and bgr is None):
        return (), ()
    ours, theirs = entries
    kinds = [
        [file.model.operators[index].name for index in step.operators]
        for file, step in zip(files, entries, strict=True)
    ]
    orders = bgr or (False, False)
    if kinds[0] == kinds[1] and orders[0] == orders[1]:
        return (), ()
    back = -1 if orders[0] != orders[1] else 1
    most = np.abs(ours.factor) * 255
    same = np.abs(theirs.factor[::back] - ours.factor) * 255 <= FLOAT32_STEP * most
    same &= np.abs(theirs.offset[::back] - ours.offset) <= FLOAT32_STEP * most
    return (ours.operators, theirs.operators) if same.all() else ((), ())


def _is_rounded(file: StoredModel, step: Entry) -> bool:
    """Return whether a step is rounded, to a constant's steps or by an activation."""
    nodes = [node for node in file.skeleton.nodes if node.operator.index in step.operators]
    return step.rounded or any(node.activation != "NONE" for node in nodes)


def pads_alike(files: tuple[StoredModel, StoredModel], pair: Pair) -> bool:
    """Return whether one file pads a layer by an operator as the other does by its option SAME."""
    return any(places_of_pads(files, pair))


def places_of_pads(
    files: tuple[StoredModel, StoredModel], pair: Pair
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the baseline's and the variant's PADs that the other file has as the option SAME."""
    nodes = pair.baseline, pair.variant
    same = [dict(node.options).get("padding") == "SAME" for node in nodes]
    ours, theirs = (
        pads_like_same(file, node) if same[1 - side] else None
        for side, (file, node) in enumerate(zip(files, nodes, strict=True))
    )
    return (() if ours is None else (ours,)), (() if theirs is None else (theirs,))


def _whole_numbers(file: StoredModel, node: Node, at: int) -> list[int]:
    """Return the whole numbers that are stored for an input; none if it is computed."""
    stored = dict(node.constants).get(at)
    if stored is None:
        return []
    try:
        return [int(number) for number in np.ravel(file.constants.stored(stored))]
    except ModelError:
        return []
