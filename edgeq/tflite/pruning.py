"""Magnitude pruning: setting the smallest weights to zero in place."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgeq.tflite.buffers import spans
from edgeq.tflite.model_file import open_content, read_content
from edgeq.tflite.wiring import Wiring


def pruned(content: bytes, path: Path, share: float) -> bytes:
    """Return a float model with the smallest weights of each layer set to zero.

    The size of the file does not change, because a zero takes as many bytes as any other number.

    Args:
        content: Content of a ``.tflite`` file.
        path: The file that it comes from, for errors.
        share: Share of each layer's weights to set to zero, in (0, 1). Among equally small weights,
            the first are chosen.

    Raises:
        ModelError: The content is not a model, truncated or damaged.
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
