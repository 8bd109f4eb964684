"""Faults of the graph: another padding, stride or activation, operators dropped or replaced."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.held_out.kinds import DEPTHS, Spot, kind
from edgeq.faults.fault import Faulty, NotApplicableError
from edgeq.faults.good import Good
from edgeq.faults.graph import Graph
from edgeq.faults.rewiring import (
    CONVOLUTIONS,
    RELU,
    RELU6,
    drop_activation,
    drop_block,
    drop_gate,
    drop_shortcut,
    factors,
    fused,
    gates,
    multiply,
    name_of,
    operators,
    pad_at_both_sides,
    padded,
    padded_at_the_end,
    reshaped,
    rewired,
    sharpened,
    silus,
    spatial,
    sums,
    unpad,
)

GRAPH = ("other_operator", "damaged_tensor")


def _tried(
    good: Good,
    at: Spot,
    choose: Callable[[Graph], Sequence[Any]],
    edit: Callable[[Graph, Any], None],
) -> Faulty:
    return rewired(good, DEPTHS[at.depth or "middle"], choose, edit)


@kind("graph", *GRAPH, needs={"strided"}, by_depth=True)
def padded_at_both_sides(good: Good, at: Spot) -> Faulty:
    """A convolution of stride 2 pads as PyTorch does: as much at the top as at the bottom."""
    return _tried(good, at, padded_at_the_end, pad_at_both_sides)


@kind("graph", *GRAPH, needs={"valid"}, by_depth=True)
def valid_for_same(good: Good, at: Spot) -> Faulty:
    """A convolution does not pad its input."""
    return _tried(good, at, padded, unpad)


@kind("graph", *GRAPH, needs={"square"}, by_depth=True)
def dilated(good: Good, at: Spot) -> Faulty:
    """A convolution's kernel is spread over every other pixel."""

    def choose(graph: Graph) -> list[Any]:
        return [one for one in spatial(graph) if one.builtinOptions.strideH == 1]

    def edit(_: Graph, operator: Any) -> None:
        operator.builtinOptions.dilationHFactor = operator.builtinOptions.dilationWFactor = 2

    return _tried(good, at, choose, edit)


@kind("graph", *GRAPH, needs={"fused"}, by_depth=True)
def activation_lost(good: Good, at: Spot) -> Faulty:
    """A layer lost its fused activation."""
    return _tried(good, at, fused, drop_activation)


@kind("graph", *GRAPH, needs={"fused"}, by_depth=True)
def activation_other(good: Good, at: Spot) -> Faulty:
    """A layer has RELU for RELU6, or RELU6 for RELU."""

    def choose(graph: Graph) -> list[Any]:
        some = (RELU, RELU6)
        return [one for one in fused(graph) if one.builtinOptions.fusedActivationFunction in some]

    def edit(_: Graph, operator: Any) -> None:
        options = operator.builtinOptions
        options.fusedActivationFunction = RELU6 if options.fusedActivationFunction == RELU else RELU

    return _tried(good, at, choose, edit)


@kind("graph", *GRAPH)
def activations_lost(good: Good, at: Spot) -> Faulty:
    """Half of the layers with an activation have lost it, be it fused or a SiLU."""
    del at
    graph = good.graph()
    layers = [one for one in fused(graph) if name_of(graph, one) in CONVOLUTIONS]
    for one in (*layers[::2], *silus(graph)[::2]):
        drop_activation(graph, one)
    return Faulty(content=reshaped(graph))


@kind("graph", *GRAPH, needs={"silu"}, by_depth=True)
def silu_lost(good: Good, at: Spot) -> Faulty:
    """A layer lost its SiLU."""
    return _tried(good, at, silus, drop_activation)


@kind("graph", *GRAPH, needs={"gates"}, by_depth=True)
def gate_bypassed(good: Good, at: Spot) -> Faulty:
    """The gate of a squeeze-and-excite block is left out."""
    return _tried(good, at, gates, drop_gate)


@kind("graph", *GRAPH, needs={"residual"}, by_depth=True)
def shortcut_dropped(good: Good, at: Spot) -> Faulty:
    """A block's shortcut is not added."""
    return _tried(good, at, sums, drop_shortcut)


@kind("graph", *GRAPH, needs={"residual"}, by_depth=True)
def block_dropped(good: Good, at: Spot) -> Faulty:
    """A block is left out: its shortcut alone goes on."""
    return _tried(good, at, sums, drop_block)


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
    return Faulty(content=reshaped(graph), where=graph.name(int(last.outputs[0])))


@kind("graph", *GRAPH, needs={"normalises"})
def rescaling_off(good: Good, at: Spot) -> Faulty:
    """The factor of the normalisation inside the graph is 15 % too large."""
    del at
    return _normalised(good, 1.15, "MUL")


@kind("graph", *GRAPH, needs={"normalises"})
def shift_off(good: Good, at: Spot) -> Faulty:
    """The mean that the normalisation inside the graph subtracts is 20 % too large."""
    del at
    return _normalised(good, 1.2, "SUB", "ADD")


def _normalised(good: Good, factor: float, *names: str) -> Faulty:
    graph = good.graph()
    operator, tensor = factors(graph, *names)[0]
    multiply(graph, tensor, factor)
    return Faulty(content=graph.patched(), where=graph.name(int(operator.outputs[0])))


@kind("graph", "damaged_tensor")
def temperature_1_1(good: Good, at: Spot) -> Faulty:
    """The logits are 10 % larger: probabilities are too sure, classes the same."""
    del at
    return sharpened(good, 1.1)


@kind("graph", "damaged_tensor")
def temperature_0_5(good: Good, at: Spot) -> Faulty:
    """The logits are half as large: probabilities are unsure, classes the same."""
    del at
    return sharpened(good, 0.5)


@kind("graph", *GRAPH, needs={"softmax"})
def softmax_beta(good: Good, at: Spot) -> Faulty:
    """The softmax multiplies its input by 1.5."""
    del at
    graph = good.graph()
    for one in operators(graph, "SOFTMAX"):
        one.builtinOptions.beta = 1.5
    return Faulty(content=graph.packed())
