"""Small graphs from operators alone, for tests of what is read from a graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgeq.tflite.constants import Constants
from edgeq.tflite.edits import Edit, outputs_edits
from edgeq.tflite.model_file import ModelFile, read_model
from edgeq.tflite.skeleton import Skeleton, skeleton
from edgeq.tflite.wiring import Wiring
from tests.unit.tiny_model import Op, Tensor, build, packed

Array = np.ndarray[Any, Any]
FIELD = (1, 4, 4, 4)
"""The shape of every activation for which no other is given."""


def graph(
    *ops: Op,
    constants: Mapping[str, Array] | None = None,
    tensors: Sequence[Tensor] = (),
    inputs: Sequence[str] = ("x",),
    outputs: Sequence[str] = ("y",),
) -> bytes:
    """Return a file with these operators.

    Args:
        ops: In the order of execution.
        constants: What is stored, by name.
        tensors: Those that are not plain float activations; they come first in the file.
        inputs: Names of the model's inputs.
        outputs: Names of its outputs.
    """
    known = {one.name: one for one in tensors}
    for name, data in (constants or {}).items():
        known[name] = Tensor(name, data.shape, data.dtype.name, data)
    for name in (*inputs, *(name for one in ops for name in (*one.inputs, *one.outputs))):
        if name and name not in known:
            known[name] = Tensor(name, FIELD)
    return build(list(known.values()), ops, inputs, outputs)


def read(folder: Path, content: bytes, name: str = "net.tflite") -> ModelFile:
    """Write a file and return what it holds."""
    path = folder / name
    path.write_bytes(content)
    return read_model(path)


def logits_edits(path: Path) -> tuple[Edit, ...]:
    """Return the edits that make what feeds the first output's softmax the last output."""
    model = read_model(path)
    logits = Wiring(model).logits(model.outputs[0]) if model.outputs else None
    return () if logits is None else outputs_edits(path, (logits,))


def skeleton_of(folder: Path, content: bytes, name: str = "net.tflite") -> Skeleton:
    """Write a file and return what its graph computes."""
    model = read(folder, content, name)
    return skeleton(model, Constants(model))


def in_blocks(content: bytes, weights: str, scales: str, size: int, points: str = "") -> bytes:
    """Return a file in which a tensor has a scale, perhaps a zero point, for each block of values.

    Args:
        content: The file.
        weights: Name of the tensor.
        scales: Name of the tensor with its scales.
        size: Number of values in a block.
        points: Name of the tensor with its zero points, if it has any.
    """
    model: Any = schema.ModelT.InitFromPackedBuf(bytearray(content), 0)
    tensors = model.subgraphs[0].tensors
    names = [tensor.name.decode() for tensor in tensors]
    details = schema.BlockwiseQuantizationT()
    details.scales, details.blockSize = names.index(scales), size
    details.zeroPoints = names.index(points) if points else -1
    quantization = schema.QuantizationParametersT()
    quantization.detailsType = schema.QuantizationDetails.BlockwiseQuantization
    quantization.details = details
    tensors[names.index(weights)].quantization = quantization
    return packed(model)


def drawn(*shape: int, seed: int = 0) -> Array:
    """Return normal random numbers."""
    return np.random.default_rng(seed).normal(0, 0.3, shape).astype(np.float32)


def whole(*values: int) -> Array:
    """Return whole numbers as operators take them."""
    return np.array(values, np.int32)


KERNEL = drawn(4, 3, 3, 4)
POINT = drawn(4, 1, 1, 4)
BIAS = drawn(4, seed=1)
TO_CHANNELS_FIRST, TO_CHANNELS_LAST = whole(0, 3, 1, 2), whole(0, 2, 3, 1)
