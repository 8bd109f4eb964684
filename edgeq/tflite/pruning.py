"""Weights near zero made zero, in place: magnitude pruning."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgeq.tflite.buffers import spans
from edgeq.tflite.model_file import open_content, read_content
from edgeq.tflite.wiring import Wiring


def pruned(content: bytes, path: Path, share: float) -> bytes:
    """Return a float model of whose weights a share is zero, layer by layer the smallest.

    The file keeps its size and everything else: a zero takes as many bytes as any other number.

    Args:
        content: A ``.tflite`` file.
        path: Where it comes from, for errors.
        share: Of the weights of each layer, in (0, 1). Of several that are equally small, the first
            become zero.

    Raises:
        ModelError: It is not a model, truncated or damaged.
    """
    model = read_content(path, content)
    placed = spans(open_content(path, content).root())
    edited = bytearray(content)
    stored = {
        layer.weights.tensor.buffer
        for layer in Wiring(model).compute
        if layer.weights is not None and layer.weights.tensor.dtype == "float32"
    }
    for buffer in stored:
        start, size = placed[buffer]
        weights = np.frombuffer(edited, np.float32, size // 4, start)
        smallest = np.argsort(np.abs(weights), kind="stable")[: int(share * weights.size)]
        weights[smallest] = 0.0
    return bytes(edited)
