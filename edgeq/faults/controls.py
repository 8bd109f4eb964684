"""Harmless changes: every gate must let them pass."""

from __future__ import annotations

import numpy as np

from edgeq.faults.fault import NotApplicableError, fault
from edgeq.faults.good import Good

SEED = 26
SHARE = 0.02


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
        raise NotApplicableError("every operator needs the one before")
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
    """The description is another one, and there is one more piece of metadata."""
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
    """Two weights in a hundred are rounded to the neighbouring step."""
    graph = good.graph()
    generator = np.random.default_rng(SEED)
    for layer in graph.layers():
        values = graph.values(layer.weights)
        chosen = generator.random(values.shape) < SHARE
        if values.dtype.kind == "f":
            values[chosen] = np.nextafter(values[chosen], values.dtype.type(0))
        else:  # towards zero: no weight leaves its range
            values[chosen] -= np.sign(values[chosen])
    return graph.patched()
