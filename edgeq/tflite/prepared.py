"""Preparation of a model for quantizers: the same graph without what they can't handle.

The file itself does not change, and the baseline that runs is the user's own file.
litert-quantizer

- reads operators from ``builtin_code`` only, so that in files from before the schema's version 3a,
  which have them in ``deprecated_builtin_code``, every operator looks like ADD
- can't read tensors to which the runtime gives no memory because no needed operator writes them
- needs a list of signatures if the type of an input or output changes
- needs names of tensors that are unique in the file
- needs plain constants, as proofs do. Converters halve the bytes of float32 constants and put a
  DEQUANTIZE after each, or leave out zeros and put a DENSIFY after them. A runtime widens the
  constants once, when it loads the file, and computes in float32
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgeq.tflite.constants import Constants
from edgeq.tflite.flatbuffer import Flatbuffer
from edgeq.tflite.model_file import (
    ModelFile,
    Operator,
    Tensor,
    attached_bytes,
    code_number,
    open_model,
    read_content,
    read_model,
)
from edgeq.tflite.packing import rewritten
from edgeq.tflite.wiring import Wiring

_CODES, _GRAPHS, _SIGNATURES = 1, 2, 7  # numbers of the fields in the schema's table Model
_NAME = 3  # in the table Tensor
_HALF = "float16"
_WIDENING = frozenset({"DEQUANTIZE", "DENSIFY"})


@dataclass(frozen=True)
class _Plan:
    """The changes that a model needs.

    Attributes:
        old_codes: Whether an operator code is only in the deprecated field.
        operators: Indices of the main graph's operators that stay, in order.
        tensors: Indices of the main graph's tensors that stay, in order.
        left_out: Number of tensors and of operators that are removed.
        unsigned: Whether there is no list of signatures.
        namesakes: Number of tensors that have the name of another one.
    """

    old_codes: bool
    operators: tuple[int, ...]
    tensors: tuple[int, ...]
    left_out: tuple[int, int]
    unsigned: bool
    namesakes: int

    @property
    def changes(self) -> tuple[str, ...]:
        """The changes, as phrases."""
        tensors, operators = self.left_out
        every = (
            (self.old_codes, "operator codes of an old file rewritten"),
            (operators > 0, f"operators left out that no output depends on: {operators}"),
            (tensors > 0, f"tensors left out that no operator uses: {tensors}"),
            (self.unsigned, "empty list of signatures added"),
            (self.namesakes > 0, f"tensors renamed that had another one's name: {self.namesakes}"),
        )
        return tuple(words for happens, words in every if happens)


def preparations(path: Path) -> tuple[str, ...]:
    """Return what ``prepared`` changes, as phrases; empty if the file can be used as it is.

    Raises:
        ModelError: The file is missing, not a model, truncated or damaged.
    """
    source = open_model(path)
    return _plan(source, read_content(path, source.data)).changes


def prepared(path: Path) -> bytes | None:
    """Return the content of a model prepared for quantizers; None if the file needs no change.

    Raises:
        ModelError: The file is missing, not a model, truncated or damaged.
    """
    source = open_model(path)
    plan = _plan(source, read_content(path, source.data))
    if not plan.changes:
        return None
    return rewritten(path, source.data, lambda model: _rewrite(model, plan))


def _rewrite(model: Any, plan: _Plan) -> None:
    for code in model.operatorCodes:
        code.builtinCode = max(code.builtinCode, code.deprecatedBuiltinCode)
    if plan.left_out != (0, 0):
        keep_only(model, operators=plan.operators, tensors=plan.tensors)
    model.signatureDefs = model.signatureDefs or []
    if plan.namesakes:
        _name_apart([tensor for graph in model.subgraphs for tensor in graph.tensors])


def _name_apart(tensors: Sequence[Any]) -> None:
    """Add a number to each name that another tensor had before."""
    every = {bytes(tensor.name or b"") for tensor in tensors}
    seen = set[bytes]()
    for number, tensor in enumerate(tensors):
        name = bytes(tensor.name or b"")
        if name in seen:
            while name in every:
                name += b"_%d" % number
            every.add(name)
            tensor.name = name
        seen.add(name)


def _plan(source: Flatbuffer, model: ModelFile) -> _Plan:
    root = source.root()
    operators = Wiring(model).needed
    used = {
        *(index for operator in operators for index in operator.tensors),
        *(*model.inputs, *model.outputs),
    }
    tensors = tuple(tensor.index for tensor in model.tensors if tensor.index in used)
    names = [table.text(_NAME) for graph in root.tables(_GRAPHS) for table in graph.tables(0)]
    return _Plan(
        old_codes=any(table.integer(3, "i") != code_number(table) for table in root.tables(_CODES)),
        operators=tuple(operator.index for operator in operators),
        tensors=tensors,
        left_out=(len(model.tensors) - len(tensors), len(model.operators) - len(operators)),
        unsigned=root.place(_SIGNATURES) is None,
        namesakes=len(names) - len(set(names)),
    )


def keep_only(model: Any, *, operators: Sequence[int], tensors: Sequence[int]) -> None:
    """Remove operators and tensors from the main graph, and data that nothing then refers to."""
    main = model.subgraphs[0]
    number = {old: new for new, old in enumerate(tensors)}

    def moved(indices: Sequence[int] | None) -> list[int]:
        return [number.get(int(index), -1) for index in (() if indices is None else indices)]

    main.operators = [main.operators[at] for at in operators]
    for operator in main.operators:
        operator.inputs, operator.outputs = moved(operator.inputs), moved(operator.outputs)
        if operator.intermediates is not None:
            operator.intermediates = moved(operator.intermediates)
    main.tensors = [main.tensors[at] for at in tensors]
    main.inputs, main.outputs = moved(main.inputs), moved(main.outputs)
    for signature in model.signatureDefs or ():
        if signature.subgraphIndex == 0:
            for entry in (*(signature.inputs or ()), *(signature.outputs or ())):
                entry.tensorIndex = number[entry.tensorIndex]
    drop_unused(model)


def drop_unused(model: Any) -> None:
    """Remove the data of a ``ModelT`` that neither a tensor nor metadata refers to."""
    used = {tensor.buffer for graph in model.subgraphs for tensor in graph.tensors}
    used |= {entry.buffer for entry in model.metadata or ()}
    for at, buffer in enumerate(model.buffers):
        if at not in used:
            buffer.data = None


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
