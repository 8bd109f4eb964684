"""Faults of the graph: another padding, stride or activation, operators dropped or replaced."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks.held_out.kinds import DEPTHS, Spot, kind
from edgeq.faults.fault import Faulty, NotApplicableError
from edgeq.faults.good import Good
from edgeq.faults.graph import Graph
from edgeq.faults.rewiring import (
    NONE,
    RELU,
    RELU6,
    SAME,
    VALID,
    activation,
    bypass,
    insert_before,
    is_stored,
    makers,
    name_of,
    operators,
    reshaped,
    shape_of,
)
from edgeq.faults.stored import is_integer

GRAPH = ("graph", "other_operator", "damaged_tensor")
CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")
MAPS = 4


def _tried(
    good: Good, at: Spot, choose: Callable[[Graph], Sequence[Any]], change: Callable[..., None]
) -> Faulty:
    """Return the variant with one operator changed: the nearest to the spot that allows it.

    Args:
        good: The good variant.
        at: The spot; its depth counts along the operators that are chosen.
        choose: Returns the operators that may be changed.
        change: Changes one of them in its graph.

    Raises:
        NotApplicableError: None can be changed.
    """
    count = len(choose(good.graph()))
    middle = DEPTHS[at.depth or "middle"] * (count - 1)
    reason = "the network has no such operator"
    for number in sorted(range(count), key=lambda one: (abs(one - middle), one)):
        graph = good.graph()
        operator = choose(graph)[number]
        where = _name(graph, int(operator.outputs[0]))
        try:
            change(graph, operator)
            content = reshaped(graph)
        except NotApplicableError as error:
            reason = str(error)
            continue
        return Faulty(content=content, where=where)
    raise NotApplicableError(reason)


def _name(graph: Graph, tensor: int) -> str:
    name = graph.main.tensors[tensor].name
    return name.decode() if isinstance(name, bytes) else str(name)


def _spatial(graph: Graph) -> list[Any]:
    """Return the convolutions whose kernel is larger than a pixel."""
    return [
        one for one in operators(graph, *CONVOLUTIONS) if shape_of(graph, int(one.inputs[1]))[1] > 1
    ]


def _strided(graph: Graph) -> list[Any]:
    return [one for one in _spatial(graph) if one.builtinOptions.strideH > 1]


def _even(graph: Graph) -> list[Any]:
    """Return the convolutions of stride 2 that pad one side of their input alone."""
    return [
        one
        for one in _strided(graph)
        if one.builtinOptions.padding == SAME
        and shape_of(graph, int(one.inputs[0]))[1] % 2 == 0
        and shape_of(graph, int(one.inputs[1]))[1] % 2 == 1
    ]


@kind("graph", *GRAPH, needs={"strided"}, by_depth=True)
def padded_at_both_sides(good: Good, at: Spot) -> Faulty:
    """A convolution of stride 2 pads as PyTorch does: as much at the top as at the bottom."""

    def change(graph: Graph, operator: Any) -> None:
        source = int(operator.inputs[0])
        batch, height, width, channels = shape_of(graph, source)
        kernel = shape_of(graph, int(operator.inputs[1]))[1]
        side = kernel // 2
        other = max(kernel - 2 - side, 0)
        inner = (batch, height + side + other, width + side + other, channels)
        made = activation(graph, source, "padded", inner)
        sides = np.array([[0, 0], [side, other], [side, other], [0, 0]], np.int32)
        amounts = graph.add_tensor(source, "padded/sides", "int32", sides)
        pad = graph.operator("PAD", [source, amounts], [made])
        pad.builtinOptions = graph.schema.PadOptionsT()
        pad.builtinOptionsType = graph.schema.BuiltinOptions.PadOptions
        insert_before(graph, operator, pad)
        operator.inputs = [made, *map(int, operator.inputs[1:])]
        operator.builtinOptions.padding = VALID

    return _tried(good, at, _even, change)


@kind("graph", *GRAPH, needs={"valid"}, by_depth=True)
def valid_for_same(good: Good, at: Spot) -> Faulty:
    """A convolution does not pad its input."""

    def choose(graph: Graph) -> list[Any]:
        return [one for one in _spatial(graph) if one.builtinOptions.padding == SAME]

    def change(graph: Graph, operator: Any) -> None:
        del graph
        operator.builtinOptions.padding = VALID

    return _tried(good, at, choose, change)


@kind("graph", *GRAPH, needs={"square"}, by_depth=True)
def dilated(good: Good, at: Spot) -> Faulty:
    """A convolution's kernel is spread over every other pixel."""

    def choose(graph: Graph) -> list[Any]:
        return [one for one in _spatial(graph) if one.builtinOptions.strideH == 1]

    def change(graph: Graph, operator: Any) -> None:
        del graph
        operator.builtinOptions.dilationHFactor = operator.builtinOptions.dilationWFactor = 2

    return _tried(good, at, choose, change)


@kind("graph", *GRAPH, "activation", needs={"fused"}, by_depth=True)
def activation_lost(good: Good, at: Spot) -> Faulty:
    """A layer lost its fused activation."""

    def choose(graph: Graph) -> list[Any]:
        every = operators(graph, *CONVOLUTIONS, "ADD", "FULLY_CONNECTED")
        return [one for one in every if one.builtinOptions.fusedActivationFunction != NONE]

    def change(graph: Graph, operator: Any) -> None:
        del graph
        operator.builtinOptions.fusedActivationFunction = NONE

    return _tried(good, at, choose, change)


@kind("graph", *GRAPH, "activation", needs={"fused"}, by_depth=True)
def activation_other(good: Good, at: Spot) -> Faulty:
    """A layer has RELU for RELU6, or RELU6 for RELU."""

    def choose(graph: Graph) -> list[Any]:
        every = operators(graph, *CONVOLUTIONS, "ADD")
        return [one for one in every if one.builtinOptions.fusedActivationFunction in {RELU, RELU6}]

    def change(graph: Graph, operator: Any) -> None:
        del graph
        options = operator.builtinOptions
        options.fusedActivationFunction = RELU6 if options.fusedActivationFunction == RELU else RELU

    return _tried(good, at, choose, change)


@kind("graph", *GRAPH, "activation")
def activations_lost(good: Good, at: Spot) -> Faulty:
    """Half of the layers with an activation have lost it, be it fused or a SiLU."""
    del at
    graph = good.graph()
    fused = [
        one
        for one in operators(graph, *CONVOLUTIONS)
        if one.builtinOptions.fusedActivationFunction != NONE
    ]
    for one in fused[::2]:
        one.builtinOptions.fusedActivationFunction = NONE
    for gate, source in _gates(graph, own=True)[::2]:
        bypass(graph, gate, source)
    return Faulty(content=reshaped(graph))


def _gates(graph: Graph, *, own: bool) -> list[tuple[Any, int]]:
    """Return multiplications with a sigmoid, and what is multiplied.

    Args:
        graph: The graph.
        own: Whether the sigmoid is of what is multiplied itself (SiLU), not of what was squeezed
            out of it.
    """
    made, found = makers(graph), []
    for one in operators(graph, "MUL"):
        for source, gate in (map(int, one.inputs), map(int, reversed(list(one.inputs)))):
            maker = made.get(gate)
            if maker is None or name_of(graph, maker) != "LOGISTIC":
                continue
            if (int(maker.inputs[0]) == source) == own:
                found.append((one, source))
                break
    return found


@kind("graph", *GRAPH, "activation", needs={"silu"}, by_depth=True)
def silu_lost(good: Good, at: Spot) -> Faulty:
    """A layer lost its SiLU."""

    def choose(graph: Graph) -> list[Any]:
        return [one for one, _ in _gates(graph, own=True)]

    def change(graph: Graph, operator: Any) -> None:
        source = next(it for one, it in _gates(graph, own=True) if one is operator)
        bypass(graph, operator, source)

    return _tried(good, at, choose, change)


@kind("graph", *GRAPH, needs={"gates"}, by_depth=True)
def gate_bypassed(good: Good, at: Spot) -> Faulty:
    """The gate of a squeeze-and-excite block is left out."""

    def choose(graph: Graph) -> list[Any]:
        return [one for one, _ in _gates(graph, own=False)]

    def change(graph: Graph, operator: Any) -> None:
        source = next(it for one, it in _gates(graph, own=False) if one is operator)
        bypass(graph, operator, source)

    return _tried(good, at, choose, change)


def _sums(graph: Graph) -> list[Any]:
    """Return the additions of two computed tensors."""
    return [
        one
        for one in operators(graph, "ADD")
        if not any(is_stored(graph, int(tensor)) for tensor in one.inputs)
    ]


def _order(graph: Graph, tensor: int) -> int:
    """Return the place of the operator that makes a tensor, -1 for the input."""
    every = [{int(made) for made in one.outputs} for one in graph.main.operators]
    return next((at for at, made in enumerate(every) if tensor in made), -1)


@kind("graph", *GRAPH, needs={"residual"}, by_depth=True)
def shortcut_dropped(good: Good, at: Spot) -> Faulty:
    """A block's shortcut is not added."""

    def change(graph: Graph, operator: Any) -> None:
        bypass(graph, operator, max(map(int, operator.inputs), key=lambda it: _order(graph, it)))

    return _tried(good, at, _sums, change)


@kind("graph", *GRAPH, needs={"residual"}, by_depth=True)
def block_dropped(good: Good, at: Spot) -> Faulty:
    """A block is left out: its shortcut alone goes on."""

    def change(graph: Graph, operator: Any) -> None:
        bypass(graph, operator, min(map(int, operator.inputs), key=lambda it: _order(graph, it)))

    return _tried(good, at, _sums, change)


@kind(
    "graph",
    *GRAPH,
    formats=("float16", "dynamic_range", "weight_only_int8"),
    needs={"mean"},
)
def maximum_for_mean(good: Good, at: Spot) -> Faulty:
    """The last pooling takes the maximum in place of the mean."""
    del at
    graph = good.graph()
    every = list(operators(graph, "MEAN", "AVERAGE_POOL_2D"))
    if not every:
        raise NotApplicableError("the network does not pool")
    last = every[-1]
    name = "REDUCE_MAX" if name_of(graph, last) == "MEAN" else "MAX_POOL_2D"
    last.opcodeIndex = graph.code(name)
    return Faulty(content=reshaped(graph), where=_name(graph, int(last.outputs[0])))


def _factors(graph: Graph) -> list[tuple[Any, int]]:
    """Return operators before the first layer that shift or scale the input, with constants."""
    found = []
    for one in graph.main.operators:
        name = name_of(graph, one)
        if name in CONVOLUTIONS:
            break
        stored = [int(it) for it in one.inputs if is_stored(graph, int(it))]
        if name in {"MUL", "SUB", "ADD", "DIV"} and stored:
            found.append((one, stored[0]))
    if not found:
        raise NotApplicableError("normalisation is not a part of the graph")
    return found


def _constant(graph: Graph, tensor: int, factor: float) -> None:
    """Multiply a stored constant."""
    maker = makers(graph).get(tensor)
    if maker is not None:
        tensor = int(maker.inputs[0])
    if is_integer(graph, tensor):
        graph.scales(tensor)[0][...] *= np.float32(factor)
    else:
        values = graph.values(tensor)
        values[...] = (values.astype(np.float64) * factor).astype(values.dtype)


@kind("graph", *GRAPH, "normalisation", "input_range", needs={"normalises"})
def rescaling_off(good: Good, at: Spot) -> Faulty:
    """The factor of the normalisation inside the graph is 15 % too large."""
    del at
    graph = good.graph()
    operator, tensor = next(it for it in _factors(graph) if name_of(graph, it[0]) == "MUL")
    _constant(graph, tensor, 1.15)
    return Faulty(content=graph.patched(), where=_name(graph, int(operator.outputs[0])))


@kind("graph", *GRAPH, "normalisation", "input_range", needs={"normalises"})
def shift_off(good: Good, at: Spot) -> Faulty:
    """The mean that the normalisation inside the graph subtracts is 20 % too large."""
    del at
    graph = good.graph()
    operator, tensor = next(it for it in _factors(graph) if name_of(graph, it[0]) in {"SUB", "ADD"})
    _constant(graph, tensor, 1.2)
    return Faulty(content=graph.patched(), where=_name(graph, int(operator.outputs[0])))


def _sharper(good: Good, factor: float) -> Faulty:
    """Return the variant with its logits multiplied, by the classifier's numbers."""
    graph = good.graph()
    layer = graph.layers()[-1]
    for tensor in (layer.weights, layer.bias):
        if tensor is None:
            continue
        if is_integer(graph, tensor):
            graph.scales(tensor)[0][...] *= np.float32(factor)
        else:
            values = graph.values(tensor)
            values[...] = (values.astype(np.float64) * factor).astype(values.dtype)
    if is_integer(graph, layer.output):
        graph.scales(layer.output)[0][...] *= np.float32(factor)
    return Faulty(content=graph.patched(), where=_name(graph, layer.weights))


@kind("graph", "temperature", "damaged_tensor")
def temperature_1_1(good: Good, at: Spot) -> Faulty:
    """The logits are 10 % larger: probabilities are too sure, classes the same."""
    del at
    return _sharper(good, 1.1)


@kind("graph", "temperature", "damaged_tensor")
def temperature_0_5(good: Good, at: Spot) -> Faulty:
    """The logits are half as large: probabilities are unsure, classes the same."""
    del at
    return _sharper(good, 0.5)


@kind("graph", *GRAPH, "temperature", needs={"softmax"})
def softmax_beta(good: Good, at: Spot) -> Faulty:
    """The softmax multiplies its input by 1.5."""
    del at
    graph = good.graph()
    for one in operators(graph, "SOFTMAX"):
        one.builtinOptions.beta = 1.5
    return Faulty(content=graph.packed())
