"""Harmless changes, which every gate must let pass."""

from __future__ import annotations

import numpy as np

from edgeq.faults.fault import NotApplicableError, fault
from edgeq.faults.good import Good, baseline_layers
from edgeq.faults.graph import by_channel, is_integer, real, steps
from edgeq.faults.rewiring import UNFUSED, flatten, fused, unfuse

SEED = 26
SHARE_CHANGED = 0.02
"""Share of the weights to change if they are stored as floats."""

TIE_TOLERANCE = 0.01
"""Distance from halfway, in steps, that a difference in a scale's last bits can bridge."""


@fault("renamed_tensors", "control", "low", "none")
def renamed_tensors(good: Good) -> bytes:
    """All tensors have other names."""
    graph = good.graph()
    for at, tensor in enumerate(graph.main.tensors):
        tensor.name = f"t{at}"
    return graph.packed()


@fault("reordered_operators", "control", "low", "none")
def reordered_operators(good: Good) -> bytes:
    """Operators that do not depend on each other are in another order."""
    graph = good.graph()
    operators = list(graph.main.operators)
    at, swapped = 0, 0
    while at + 1 < len(operators):
        first, second = operators[at : at + 2]
        if not set(map(int, first.outputs)) & set(map(int, second.inputs)):
            operators[at : at + 2] = [second, first]
            swapped += 1
            at += 1
        at += 1
    if not swapped:
        raise NotApplicableError("every operator needs the one before it")
    graph.main.operators = operators
    return graph.packed()


@fault("reordered_tensors", "control", "low", "none")
def reordered_tensors(good: Good) -> bytes:
    """Tensors have other numbers."""
    graph = good.graph()
    graph.renumber(np.random.default_rng(SEED).permutation(len(graph.main.tensors)))
    return graph.packed()


@fault("other_metadata", "control", "low", "none")
def other_metadata(good: Good) -> bytes:
    """The description differs, and there is an additional piece of metadata."""
    graph = good.graph()
    graph.model.description = "described in other words"
    note, buffer = graph.schema.MetadataT(), graph.schema.BufferT()
    buffer.data = np.frombuffer(b"a note", np.uint8)
    note.name, note.buffer = "note", len(graph.model.buffers)
    graph.model.buffers.append(buffer)
    graph.model.metadata = [*(graph.model.metadata or ()), note]
    return graph.packed()


@fault("other_rounding", "control", "low", "none")
def other_rounding(good: Good) -> bytes:
    """Weights halfway between two steps are rounded to the other step.

    Honest converters differ only there, because the last bits of their scales differ. A weight that
    is a whole step off is a fault, however few such weights there are.
    """
    graph = good.graph()
    baseline, others = baseline_layers(good, graph)
    changed = 0
    for layer in graph.layers():
        stored = by_channel(graph, layer)
        weights = real(baseline, others[layer.operator])
        if is_integer(graph, layer.weights):
            exact = weights / steps(graph, layer)
            below = np.floor(exact)
            tied = np.abs(exact - below - 0.5) < TIE_TOLERANCE
            other = np.where(below == stored, below + 1, below).clip(-127, 127)
        else:
            tied = np.random.default_rng(SEED).random(stored.shape) < SHARE_CHANGED
            other = np.nextafter(stored, stored.dtype.type(0))
        changed += int((tied & (other != stored)).sum())
        stored[...] = np.where(tied, other, stored).astype(stored.dtype)
    if not changed:
        raise NotApplicableError("no weight lies halfway between two steps")
    return graph.patched()


@fault("unfused_activation", "control", "low", "none")
def unfused_activation(good: Good) -> bytes:
    """One layer's activation is a separate operator."""
    graph = good.graph()
    every = fused(graph)
    every = [each for each in every if each.builtinOptions.fusedActivationFunction in UNFUSED]
    if not every:
        raise NotApplicableError("no activation is fused")
    unfuse(graph, every[len(every) // 2])
    return graph.packed()


@fault("flattened_and_back", "control", "low", "none")
def flattened_and_back(good: Good) -> bytes:
    """One layer's output is flattened and reshaped back."""
    graph = good.graph()
    flatten(graph, graph.middle())
    return graph.packed()


@fault("other_codes", "control", "low", "none")
def other_codes(good: Good) -> bytes:
    """The table of operator codes is in another order and has an unused entry."""
    graph = good.graph()
    graph.code("FLOOR")
    graph.recode(np.random.default_rng(SEED).permutation(len(graph.model.operatorCodes)))
    return graph.packed()
