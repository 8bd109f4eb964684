"""Operators that compute the same in another form, as two converters write them."""

from __future__ import annotations

import numpy as np

from edgeq.errors import ModelError
from edgeq.measure.stored.finding import StoredModel
from edgeq.measure.stored.steps import FLOAT32_STEP
from edgeq.tflite.entry import Entry, entry
from edgeq.tflite.matching import Pair
from edgeq.tflite.skeleton import Node
from edgeq.tflite.wiring import COMPUTE

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


def same_entries(files: tuple[StoredModel, StoredModel]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the operators by which both files scale and shift pixels alike, but not in one order.

    For example, one subtracts 127.5 and divides by it, the other multiplies by its reciprocal and
    subtracts 1. Constants that are quantized are left to be compared one by one.

    Returns:
        Indices of the baseline's and the variant's operators; none if they do anything else, or
        have the same operators in the same order, which are compared one by one.
    """
    entries = [entry(file.model) for file in files if file.model.inputs]
    if len(entries) < len(files) or any(map(_is_rounded, files, entries)):
        return (), ()
    ours, theirs = entries
    kinds = [
        [file.model.operators[index].name for index in step.operators]
        for file, step in zip(files, entries, strict=True)
    ]
    if kinds[0] == kinds[1]:
        return (), ()
    most = np.abs(ours.factor) * 255
    same = np.abs(theirs.factor - ours.factor) * 255 <= FLOAT32_STEP * most
    same &= np.abs(theirs.offset - ours.offset) <= FLOAT32_STEP * most
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
