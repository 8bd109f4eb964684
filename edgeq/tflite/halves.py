"""Conversion of a model whose float32 constants are stored as float16 or sparsely to plain float32.

Converters halve the bytes and put a DEQUANTIZE after each constant, or leave out zeros and put a
DENSIFY after it. A runtime widens the constants once, when it loads the file, and computes in
float32. Quantizers and proofs need plain constants.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from edgeq.tflite.associated_files import attached_bytes
from edgeq.tflite.constants import Constants
from edgeq.tflite.model_file import ModelFile, Operator, Tensor, open_model, read_model
from edgeq.tflite.packing import rewritten
from edgeq.tflite.prepared import keep_only

_HALF = "float16"
_WIDENING = frozenset({"DEQUANTIZE", "DENSIFY"})


def halves(model: ModelFile) -> frozenset[int]:
    """Return the indices of constants that are stored as float16 or sparsely, and used as float32.

    Only DEQUANTIZE and DENSIFY take such a constant. Float16 that another operator takes, or that
    is an output, means arithmetic in float16 and is not included.
    """
    takers = _takers(model)
    narrow = {
        tensor.index
        for tensor in model.tensors
        if tensor.data_bytes and (tensor.dtype == _HALF or _is_sparse_float(tensor))
    }
    mixed = {tensor.buffer for tensor in model.tensors if tensor.index not in narrow}
    borders = {*model.inputs, *model.outputs}
    return frozenset(
        index
        for index in narrow
        if model.tensors[index].buffer not in mixed
        and index not in borders
        and _widens(model, takers, index, borders)
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


def _takers(model: ModelFile) -> dict[int, list[Operator]]:
    takers: defaultdict[int, list[Operator]] = defaultdict(list)
    for operator in model.operators:
        for index in (*operator.inputs, *operator.intermediates):
            takers[index].append(operator)
    return takers


def _is_sparse_float(tensor: Tensor) -> bool:
    return tensor.layout is not None and tensor.dtype == "float32"


def _widens(
    model: ModelFile,
    takers: dict[int, list[Operator]],
    index: int,
    borders: set[int],
    most: int = len(_WIDENING),
) -> bool:
    """Return whether all that takes a constant only widens it, in at most so many steps."""
    every = takers.get(index, [])
    for operator in every:
        if operator.name not in _WIDENING or len(operator.outputs) != 1:
            return False
        (output,) = operator.outputs
        if output in borders or output == index or model.tensors[output].data_bytes:
            return False
        wide = model.tensors[output].dtype == "float32"
        if not wide and not (most > 1 and _widens(model, takers, output, borders, most - 1)):
            return False
    return bool(every)


def _widen(written: Any, model: ModelFile, values: dict[int, np.ndarray[Any, Any]]) -> None:
    """Store constants as float32 and connect them to what takes them once they are widened."""
    from ai_edge_litert.schema_py_generated import TensorType

    main = written.subgraphs[0]
    for index, wide in values.items():
        main.tensors[index].type = TensorType.FLOAT32
        main.tensors[index].sparsity = None
        buffer = written.buffers[main.tensors[index].buffer]
        buffer.data, buffer.offset, buffer.size = np.frombuffer(wide.tobytes(), np.uint8), 0, 0
    takes: dict[int, int] = {}
    left = set[int]()
    for operator in model.operators:
        source = operator.inputs[0] if operator.inputs else -1
        source = takes.get(source, source)
        if operator.name in _WIDENING and source in values:
            takes[operator.outputs[0]] = source
            left.add(operator.index)
    for operator in main.operators:
        for indices in (operator.inputs, operator.intermediates):
            if indices is not None:
                indices[:] = [takes.get(int(index), int(index)) for index in indices]
    keep_only(
        written,
        operators=[operator.index for operator in model.operators if operator.index not in left],
        tensors=[tensor.index for tensor in model.tensors if tensor.index not in takes],
    )
