"""Number of zero weights in a file, and whether a runtime can benefit from them."""

from __future__ import annotations

import msgspec
import numpy as np

from edgeq.tflite.constants import Constants
from edgeq.tflite.model_file import ModelFile, Tensor
from edgeq.tflite.wiring import Wiring


class Sparsity(msgspec.Struct, frozen=True, kw_only=True):
    """Zeros among the stored weights of a file.

    Zeros make a download smaller (``Size.gzip_bytes``). They make the file smaller, and XNNPACK
    faster, only if its tensors are encoded sparsely.

    Attributes:
        weights: Number of stored weights.
        zeros: Number of stored weights that represent 0.
        encoded: Number of sparsely encoded tensors of weights, whose zeros are not counted.
    """

    weights: int
    zeros: int
    encoded: int

    @property
    def share(self) -> float:
        """Share of the weights that are zero."""
        return self.zeros / self.weights if self.weights else 0.0


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
