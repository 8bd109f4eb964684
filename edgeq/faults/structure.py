"""Faults in the graph: operators dropped, replaced, or computing something else."""

from __future__ import annotations

from edgeq.faults.fault import Faulty, fault
from edgeq.faults.good import Good
from edgeq.faults.rewiring import (
    drop_activation,
    drop_block,
    drop_gate,
    drop_shortcut,
    factors,
    fused,
    gates,
    multiply,
    pad_at_both_sides,
    padded,
    padded_at_the_end,
    rewired,
    sharpened,
    silus,
    sums,
    unpad,
)

RELATIVE_DEPTH = 0.4
"""Relative position in the network: somewhat before the middle."""


@fault("activation_lost", "graph", "medium", "other_operator")
def activation_lost(good: Good) -> Faulty:
    """One layer has lost its activation."""
    return rewired(
        good, RELATIVE_DEPTH, lambda graph: fused(graph) or silus(graph), drop_activation
    )


@fault("padding_other", "graph", "medium", "other_operator")
def padding_other(good: Good) -> Faulty:
    """A convolution of stride 2 pads at both sides, as PyTorch does."""
    return rewired(good, RELATIVE_DEPTH, padded_at_the_end, pad_at_both_sides)


@fault("padding_lost", "graph", "medium", "other_operator")
def padding_lost(good: Good) -> Faulty:
    """A convolution does not pad its input."""
    return rewired(good, 1.0, padded, unpad)


@fault("block_dropped", "graph", "medium", "other_operator")
def block_dropped(good: Good) -> Faulty:
    """A block is left out; only its shortcut remains."""
    return rewired(good, RELATIVE_DEPTH, sums, drop_block)


@fault("shortcut_dropped", "graph", "high", "other_operator")
def shortcut_dropped(good: Good) -> Faulty:
    """A block's shortcut is not added."""
    return rewired(good, RELATIVE_DEPTH, sums, drop_shortcut)


@fault("gate_dropped", "graph", "medium", "other_operator")
def gate_dropped(good: Good) -> Faulty:
    """A squeeze-and-excite gate is left out."""
    return rewired(good, RELATIVE_DEPTH, gates, drop_gate)


@fault("normalisation_other", "graph", "medium", "damaged_tensor")
def normalisation_other(good: Good) -> Faulty:
    """The normalisation factor inside the graph is 10 % too large."""
    graph = good.graph()
    operator, tensor = factors(graph, "MUL", "DIV")[0]
    multiply(graph, tensor, 1.1)
    return Faulty(content=graph.patched(), where=graph.name(int(operator.outputs[0])))


@fault("temperature", "graph", "low", "damaged_tensor")
def temperature(good: Good) -> Faulty:
    """The logits are a quarter larger: overconfident, with the same classes."""
    return sharpened(good, 1.25)
