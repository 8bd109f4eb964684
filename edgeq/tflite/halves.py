"""Conversion of a model whose float32 constants are stored as float16 to plain float32.

Converters halve the bytes and put a DEQUANTIZE after each constant. A runtime widens the constants
once, when it loads the file, and computes in float32. Quantizers and proofs need plain constants.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from edgeq.tflite.associated_files import attached_bytes
from edgeq.tflite.constants import Constants
from edgeq.tflite.model_file import ModelFile, Operator, open_model, read_model
from edgeq.tflite.packing import rewritten
from edgeq.tflite.prepared import keep_only

_HALF = "float16"


def halves(model: ModelFile) -> frozenset[int]:
    """Return the indices of constants that are stored as float16 and used as float32.

    Only DEQUANTIZE takes such a constant. Float16 that another operator takes, or that is an
    output, means arithmetic in float16 and is not included.
    """
    takers: defaultdict[int, list[Operator]] = defaultdict(list)
    for operator in model.operators:
        for index in operator.tensors:
            takers[index].append(operator)
    mixed = {tensor.buffer for tensor in model.tensors if tensor.dtype != _HALF}
    borders = {*model.inputs, *model.outputs}
    return frozenset(
        tensor.index
        for tensor in model.tensors
        if tensor.dtype == _HALF
        and tensor.data_bytes
        and tensor.buffer not in mixed
        and tensor.index not in borders
        and takers[tensor.index]
        and all(_widens(model, operator, borders) for operator in takers[tensor.index])
    )


def widened(path: Path) -> bytes | None:
    """Return a model with its ``halves`` stored as float32; None if it has none.

    The operators that widened them are removed. Everything else stays, including files attached to
    the model, and the model computes the same values bit for bit.

    Raises:
        ModelError: The file is missing, not a model, truncated or damaged.
    """
    model = read_model(path)
    stored = halves(model)
    if not stored:
        return None
    constants = Constants(model)
    values = {index: constants.stored(model.tensors[index]).astype(np.float32) for index in stored}
    data = open_model(path).data
    content = rewritten(path, data, lambda written: _widen(written, model, values))
    attached = attached_bytes(data)
    return content + data[len(data) - attached :]


def _widens(model: ModelFile, operator: Operator, borders: set[int]) -> bool:
    return (
        operator.name == "DEQUANTIZE"
        and len(operator.outputs) == 1
        and model.tensors[operator.outputs[0]].dtype == "float32"
        and operator.outputs[0] not in borders
    )


def _widen(written: Any, model: ModelFile, values: dict[int, np.ndarray[Any, Any]]) -> None:
    """Store constants as float32 and connect them to the consumers of their DEQUANTIZE."""
    from ai_edge_litert.schema_py_generated import TensorType

    main = written.subgraphs[0]
    for index, wide in values.items():
        main.tensors[index].type = TensorType.FLOAT32
        buffer = written.buffers[main.tensors[index].buffer]
        buffer.data, buffer.offset, buffer.size = np.frombuffer(wide.tobytes(), np.uint8), 0, 0
    gone = [
        operator for operator in model.operators if operator.inputs and operator.inputs[0] in values
    ]
    takes = {dequantize.outputs[0]: dequantize.inputs[0] for dequantize in gone}
    for operator in main.operators:
        for indices in (operator.inputs, operator.intermediates):
            if indices is not None:
                indices[:] = [takes.get(int(index), int(index)) for index in indices]
    left = {dequantize.index for dequantize in gone}
    keep_only(
        written,
        operators=[operator.index for operator in model.operators if operator.index not in left],
        tensors=[tensor.index for tensor in model.tensors if tensor.index not in takes],
    )
