"""How activations and quantized types limit the values that an operator computes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgeq.tflite.model_file import ModelFile, Tensor

ENDS: Mapping[str, tuple[int, int]] = {
    "int8": (-128, 127),
    "uint8": (0, 255),
    "int16": (-32768, 32767),
}
"""Least and greatest integer of each type of activation."""

CLAMPS: Mapping[str, tuple[float, float]] = {
    "NONE": (-np.inf, np.inf),
    "RELU": (0.0, np.inf),
    "RELU6": (0.0, 6.0),
    "RELU_N1_TO_1": (-1.0, 1.0),
}
"""Range that each clipping activation leaves."""


def range_of(tensor: Tensor) -> tuple[float, float] | None:
    """Return the least and the greatest real value that a quantized activation holds.

    Returns:
        None if it is not quantized with one scale.
    """
    if tensor.scales.size != 1 or tensor.dtype not in ENDS:
        return None
    first, last = ENDS[tensor.dtype]
    step, point = (
        float(tensor.scales[0]),
        int(tensor.zero_points[0]) if len(tensor.zero_points) else 0,
    )
    return (first - point) * step, (last - point) * step


def same_clamp(model: ModelFile, output: int, ours: str, theirs: str) -> bool:
    """Return whether two activations leave the same range of a quantized output.

    Args:
        model: The variant's file.
        output: Index of the activation's output tensor.
        ours: The baseline's activation.
        theirs: The variant's.
    """
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
