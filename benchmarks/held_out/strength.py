"""How far stored numbers are from the baseline's: the z of a fault, without edgeq's measuring.

z of an output channel is the root mean square of its weights' difference from the baseline's, in
units of what rounding costs: a step over the square root of 12, with 127 steps up to the channel's
largest weight. A bias is measured in its own steps; one that is stored as floats in units of
float16's precision of the largest. Good files stay below 1.5 and 0.5.
"""

from __future__ import annotations

import numpy as np

from edgeq.faults.fault import NotApplicableError
from edgeq.faults.good import Good, baseline_layers
from edgeq.faults.graph import Graph, is_integer, real

LEVELS = 127
FLOAT16 = 2.0**-10
MIN_RELATIVE_RANGE = 1e-3
"""Channels whose largest weight is below this share of the layer's are left out."""

SEEN = 2.9
"""Above this z a proof must see a fault."""


def strength(good: Good, content: bytes) -> float:
    """Return the largest z of a faulty file's weights and biases.

    It is infinite if the layers are no longer those of the baseline.
    """
    try:
        graph = Graph(content, good.variant.path)
        baseline, others = baseline_layers(good, graph)
    except NotApplicableError:
        return float("inf")
    largest = 0.0
    for layer in graph.layers():
        other = others[layer.operator]
        ours, theirs = real(baseline, other), real(graph, layer)
        axes = tuple(range(1, ours.ndim))
        ends = np.abs(ours).max(axis=axes)
        chosen = ends > MIN_RELATIVE_RANGE * ends.max()
        with np.errstate(all="ignore"):
            error = np.sqrt(np.mean((ours - theirs) ** 2, axis=axes))
            z = error / (ends / LEVELS / np.sqrt(12))
        largest = max(largest, float(np.nan_to_num(z[chosen], nan=np.inf).max(initial=0.0)))
        if layer.bias is not None and other.bias is not None:
            bias = baseline.values(other.bias).astype(np.float64)
            stored = graph.values(layer.bias).astype(np.float64)
            unit = np.abs(bias).max(initial=1e-30) * FLOAT16
            if is_integer(graph, layer.bias):
                unit = graph.scales(layer.bias)[0].astype(np.float64)
                stored = stored * unit
            with np.errstate(all="ignore"):
                steps = np.nan_to_num(np.abs(stored - bias) / unit, nan=np.inf)
            largest = max(largest, float(steps.max(initial=0.0)))
    return largest
