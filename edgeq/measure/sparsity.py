"""How many weights of a file are zero, and whether a runtime would be faster for it."""

from __future__ import annotations

import msgspec
import numpy as np

from edgeq.tflite.constants import Constants
from edgeq.tflite.model_file import ModelFile, Tensor
from edgeq.tflite.wiring import Wiring


class Sparsity(msgspec.Struct, frozen=True, kw_only=True):
    """Zeros among the stored weights of a file.

    They make a download smaller (``Size.gzip_bytes``), never the file, unless its tensors are
    encoded sparsely: XNNPACK computes faster with zeros only then.

    Attributes:
        weights: Number of stored weights.
        zeros: How many of them stand for 0.
        encoded: How many tensors of weights are encoded sparsely; the zeros that those leave out
            are not counted.
    """

    weights: int
    zeros: int
    encoded: int

    @property
    def share(self) -> float:
        """The share of the weights that is zero."""
        return self.zeros / self.weights if self.weights else 0.0

    @property
    def is_used(self) -> bool:
        """Whether the runtime can make use of zeros."""
        return self.encoded > 0


def sparsity(model: ModelFile) -> Sparsity:
    """Count the zeros of a file's weights.

    Raises:
        ModelError: The file can't be read.
    """
    constants = Constants(model)
    stored = {
        layer.weights.tensor.buffer: layer.weights.tensor
        for layer in Wiring(model).compute
        if layer.weights is not None
    }
    dense = [tensor for tensor in stored.values() if not tensor.sparse]
    return Sparsity(
        weights=sum(constants.stored(tensor).size for tensor in dense),
        zeros=sum(_zeros(constants, tensor) for tensor in dense),
        encoded=len(stored) - len(dense),
    )


def _zeros(constants: Constants, tensor: Tensor) -> int:
    values = constants.stored(tensor)
    if not tensor.zero_points.any():
        return int(np.count_nonzero(values == 0))
    shape = [1] * values.ndim
    if tensor.zero_points.size > 1:
        shape[tensor.axis] = -1
    return int(np.count_nonzero(values == tensor.zero_points.reshape(shape)))
