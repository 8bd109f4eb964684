"""Parser of ``.tflite`` files, which does not run them.

Field numbers are those of the schema ``tensorflow/compiler/mlir/lite/schema/schema.fbs``,
version 3.
"""

from __future__ import annotations

import io
import threading
import zipfile
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeq.errors import ModelError, reason_of
from edgeq.io import files
from edgeq.io.files import sha256_bytes
from edgeq.tflite.flatbuffer import Flatbuffer, Span, Table, damaged, other_format, spans
from edgeq.tflite.options import Options, read_options
from edgeq.tflite.sparsity import SparseLayout, sparse_layout
from edgeq.words.escape import printable

IDENTIFIER = b"TFL3"
POST_PROCESS = "CUSTOM:TFLite_Detection_PostProcess"
"""The only custom operator that the runtime has; it decodes boxes and suppresses overlaps."""

CALLS = frozenset(
    {
        *("IF", "WHILE", "CALL", "CALL_ONCE", "STABLEHLO_WHILE", "STABLEHLO_COMPOSITE"),
        *("STABLEHLO_REDUCE", "STABLEHLO_REDUCE_WINDOW", "STABLEHLO_SCATTER", "STABLEHLO_SORT"),
        "STABLEHLO_CASE",
    }
)
"""Operators that refer to another graph of their file."""

_BLOCKWISE = 2
"""The kind of a tensor's quantization details that gives each block a scale."""
_CUSTOM = 32


@dataclass(frozen=True)
class Blocks:
    """Where the scales of a tensor lie that has one for each block of its last axis.

    Attributes:
        scales: Index of the tensor with the scales, in the order of the blocks.
        zero_points: Index of the tensor with the zero points; none unless it is a constant.
        size: Number of values in a block.
    """

    scales: int
    zero_points: int
    size: int


@dataclass(frozen=True)
class Tensor:
    """One tensor of the main subgraph.

    Attributes:
        shape: Shape, with 1 for open dimensions.
        shape_signature: Shape, with -1 for open dimensions.
        dtype: Type, as the schema's name in lower case: ``"float32"``, ``"int8"``, ``"int4"``, ...
        scales: Quantization scales, one for all or one per channel; empty if not quantized.
        zero_points: Quantization zero points, as many as scales.
        axis: The dimension that channels lie along.
        data_bytes: Bytes of constant data; 0 for tensors that are computed.
        buffer: Index of the first buffer with the data; tensors with the same index share it.
        quantization_bytes: Bytes of scales, zero points and ranges in the file.
        blocks: Where its scales lie if it has one for each block; None for any other.
        layout: Where its stored data belong if they are encoded sparsely, so that zeros take no
            space; None if they are stored densely.
        is_state: Whether it keeps its values from one inference to the next, until it is reset.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    shape_signature: tuple[int, ...]
    dtype: str
    scales: NDArray[np.float32] = field(compare=False)
    zero_points: NDArray[np.int64] = field(compare=False)
    axis: int
    data_bytes: int
    buffer: int
    quantization_bytes: int
    blocks: Blocks | None = None
    layout: SparseLayout | None = field(default=None, compare=False)
    is_state: bool = False

    @property
    def zero_point(self) -> int:
        """The first zero point; 0 if the file gives none."""
        return int(self.zero_points[0]) if self.zero_points.size else 0


@dataclass(frozen=True)
class Operator:
    """One operator of the main subgraph, in the order of execution.

    Attributes:
        name: Name of the operator: ``"CONV_2D"``, ``"CUSTOM:NAME"`` or ``"FLEX:NAME"``.
        inputs: Indices of the input tensors; -1 for an optional input that is absent.
        outputs: Indices of the output tensors.
        intermediates: Indices of tensors with parameters of its internal computation.
        options: Options by name, for example ``("padding", "SAME")``.
    """

    index: int
    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    intermediates: tuple[int, ...] = ()
    options: Options = ()

    @property
    def tensors(self) -> tuple[int, ...]:
        """Indices of all tensors that the operator refers to."""
        return (*self.inputs, *self.outputs, *self.intermediates)


@dataclass(frozen=True)
class Signature:
    """A signature of a file.

    Attributes:
        graph: Index of its graph; 0 for the graph that is run.
    """

    key: str
    graph: int


@dataclass(frozen=True)
class ModelFile:
    """A parsed file.

    Attributes:
        bytes: Size of the file in bytes.
        sha256: SHA-256 of the content.
        subgraphs: Number of subgraphs. The other attributes describe the first, the main one.
        tensors: Tensors of the main subgraph.
        operators: Operators of the main subgraph.
        inputs: Indices of the input tensors.
        outputs: Indices of the output tensors.
        metadata_bytes: Bytes of metadata buffers and of attached files.
        description: The converter's description.
        signatures: The signatures, in the order of the file.
        input_names: Names of the inputs in the first signature of the main subgraph, by the index
            of the tensor.
        output_names: Names of the outputs in the first signature of the main subgraph, by the index
            of the tensor.
        operator_names: Names of all operators of the main subgraph, and of the others if it calls
            any. The runtime prepares no graph that is never called.
    """

    path: Path
    bytes: int
    sha256: str
    subgraphs: int
    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    metadata_bytes: int
    description: str
    signatures: tuple[Signature, ...]
    input_names: Mapping[int, str]
    output_names: Mapping[int, str]
    operator_names: frozenset[str]

    @property
    def named_inputs(self) -> tuple[str, ...]:
        """Names of the inputs in the signature, or else in the file, in the file's order."""
        return tuple(
            self.input_names.get(index) or self.tensors[index].name for index in self.inputs
        )

    @property
    def named_outputs(self) -> tuple[str, ...]:
        """Names of the outputs in the signature, in the file's order; empty for those without."""
        return tuple(self.output_names.get(index, "") for index in self.outputs)


def order_by_names(ours: Sequence[str], theirs: Sequence[str]) -> tuple[int, ...]:
    """Return the place of each of a variant's inputs among its baseline's.

    By name if both have the same names, otherwise in the order of the file.
    """
    if len(set(ours)) == len(ours) == len(theirs) and set(theirs) == set(ours):
        return tuple(ours.index(name) for name in theirs)
    return tuple(range(len(theirs)))


def read_model(path: Path) -> ModelFile:
    """Read a ``.tflite`` file, or return the earlier result if it has not been written since.

    Raises:
        ModelError: The file is missing, not a model, truncated or damaged.
    """
    with suppress(OSError):  # said by what reads the file
        stamp = files.stamp_of(path)
        if files.is_settled(stamp):
            return _read_settled(path, stamp)
    return read_content(path, read_whole(path))


def read_content(path: Path, content: bytes) -> ModelFile:
    """Read the content of a ``.tflite`` file.

    Parsing takes five times as long as hashing, and a run reads each of its files eight times or
    more, so the latest results are kept by hash.

    Raises:
        ModelError: The content is not a model, truncated or damaged.
    """
    key = path, sha256_bytes(content)
    with _guard:
        if key in _latest:
            _latest.move_to_end(key)
            return _latest[key]
    model = _parsed(path, content, key[1])
    with _guard:
        _latest[key] = model
        while len(_latest) > MAX_LATEST:
            _latest.popitem(last=False)
    return model


MAX_LATEST = 8
"""Parsed files that are kept, 1 or 2 MB each: a baseline, and a variant for each of a few cores."""


@lru_cache(maxsize=MAX_LATEST)
def _read_settled(path: Path, _: files.Stamp) -> ModelFile:
    """Read a file; the result is kept by the stamp, which any write would change."""
    return read_content(path, read_whole(path))


_guard = threading.Lock()
_latest: OrderedDict[tuple[Path, str], ModelFile] = OrderedDict()


def _parsed(path: Path, content: bytes, sha256: str) -> ModelFile:
    source = open_content(path, content)
    model = source.root()
    subgraphs = model.tables(2)
    if not subgraphs:
        raise damaged(path, "it holds no subgraph")
    placed = spans(model)
    names = tuple(operator_name(code) for code in model.tables(1))
    operators = [_operators(subgraph, names) for subgraph in subgraphs]
    metadata = [entry.integer(1, "I") for entry in model.tables(6)]
    main = subgraphs[0]
    tensors = _tensors(main, placed)
    inputs, outputs = main.integers(1), main.integers(2)
    wired = [index for operator in operators[0] for index in operator.tensors]
    absent = any(not -1 <= index < len(tensors) for index in wired)
    if absent or any(not 0 <= index < len(tensors) for index in (*inputs, *outputs)):
        raise damaged(path, f"the graph refers to a tensor that is not one of its {len(tensors)}")
    if any(index >= len(placed) for index in metadata):
        raise damaged(path, "metadata lies in a buffer that does not exist")
    return ModelFile(
        path=path,
        bytes=len(source.data),
        sha256=sha256,
        subgraphs=len(subgraphs),
        tensors=tensors,
        operators=operators[0],
        inputs=inputs,
        outputs=outputs,
        metadata_bytes=sum(placed[index].size for index in set(metadata))
        + attached_bytes(source.data),
        description=model.text(3),
        signatures=_signatures(path, model),
        input_names=_signed_names(model, 0),
        output_names=_signed_names(model, 1),
        operator_names=_reached(operators),
    )


def _reached(operators: Sequence[tuple[Operator, ...]]) -> frozenset[str]:
    main = frozenset(operator.name for operator in operators[0])
    if not main & CALLS:
        return main
    return frozenset(operator.name for some in operators for operator in some)


def _signatures(path: Path, model: Table) -> tuple[Signature, ...]:
    """Return the signatures of a file."""
    graphs = model.tables(2)
    every = []
    for table in model.tables(7):
        key, place = table.text(2), table.integer(4, "I")
        if place >= len(graphs):
            raise damaged(
                path, f"its signature {printable(key)!r} belongs to a graph that does not exist"
            )
        for at, border in enumerate(("input", "output")):
            for entry in table.tables(at):
                index = entry.integer(1, "I")
                if index not in graphs[place].integers(at + 1):
                    raise damaged(
                        path,
                        f"its signature {printable(key)!r} names tensor {index} as {border} "
                        f"{printable(entry.text(0))!r}, which is not an {border} of its graph",
                    )
        every.append(Signature(key, place))
    return tuple(every)


def open_model(path: Path) -> Flatbuffer:
    """Return the bytes of a ``.tflite`` file after checking its identifier.

    Raises:
        ModelError: The file is missing, can't be read, or is not a model.
    """
    return open_content(path, read_whole(path))


def open_content(path: Path, content: bytes) -> Flatbuffer:
    """Return the content of a ``.tflite`` file as a flatbuffer after checking its identifier.

    Raises:
        ModelError: The content is not a model.
    """
    if content.startswith(files.LFS_POINTER):
        raise ModelError(
            "is a pointer of Git LFS, not the model itself", where=path, remedy="Run git lfs pull"
        )
    if not content:
        raise ModelError("is empty", where=path, remedy="Export or copy the model again")
    if content[4:8] != IDENTIFIER:
        other = other_format(content)
        seems = "" if other is None else f", and the file looks like {other}"
        raise ModelError(
            f"is not a .tflite model: the identifier TFL3 is missing{seems}",
            where=path,
            remedy="Name a file that a TensorFlow Lite or LiteRT converter wrote",
        )
    return Flatbuffer(path, content)


def read_whole(path: Path) -> bytes:
    """Return the content of a model's file.

    Raises:
        ModelError: The file is missing or can't be read.
    """
    try:
        return files.read_whole(path, files.MAX_MODEL_BYTES)
    except FileNotFoundError:
        raise ModelError("no such file", where=path, remedy="Check the path in the spec") from None
    except OSError as error:
        raise ModelError(
            f"can't be read: {reason_of(error)}",
            where=path,
            remedy="Name a file that may be read",
        ) from error


def attached_bytes(data: bytes) -> int:
    """Return the size in bytes of the zip at the end of a model's file; 0 without a readable one.

    See https://ai.google.dev/edge/litert/models/metadata ("pack the associated files").
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            starts = [entry.header_offset for entry in archive.infolist()]
    except Exception:  # noqa: BLE001 (a damaged directory raises whatever it leads to)
        return 0
    start = min(starts, default=len(data))
    return len(data) - start if 0 < start < len(data) else 0


def _signed_names(model: Table, field: int) -> dict[int, str]:
    """Return names in the first signature of the main subgraph: field 0 has inputs, 1 outputs."""
    main = (entry for entry in model.tables(7) if entry.integer(4, "I") == 0)
    signature = next(main, None)
    if signature is None:
        return {}
    return {entry.integer(1, "I"): entry.text(0) for entry in signature.tables(field)}


def code_number(code: Table) -> int:
    """Return the operator number of a code, as the runtime reads it.

    Files from before the schema's version 3a have it only in ``deprecated_builtin_code``, and have
    0, which means ADD, in ``builtin_code``.
    """
    return max(code.integer(0, "b"), code.integer(3, "i"))


def operator_name(code: Table) -> str:
    """Return the name of an operator code, as ``Operator`` has it."""
    from ai_edge_litert.schema_py_generated import BuiltinOperator

    number = code_number(code)
    custom = code.text(1)
    if number == _CUSTOM:
        return f"FLEX:{custom[4:]}" if custom.startswith("Flex") else f"CUSTOM:{custom}"
    return _schema_names(BuiltinOperator).get(number, f"BUILTIN_{number}")


def _schema_names(enumeration: type) -> dict[int, str]:
    return {value: name for name, value in vars(enumeration).items() if isinstance(value, int)}


def _operators(subgraph: Table, names: tuple[str, ...]) -> tuple[Operator, ...]:
    operators = []
    for index, table in enumerate(subgraph.tables(3)):
        code = table.integer(0, "I")
        if code >= len(names):
            raise damaged(subgraph.source.path, f"operator {index} is of no known kind")
        operators.append(
            Operator(
                index=index,
                name=names[code],
                inputs=table.integers(1),
                outputs=table.integers(2),
                intermediates=table.integers(8),
                options=read_options(names[code], table.table(4)),
            )
        )
    return tuple(operators)


class _Quantization(NamedTuple):
    scales: NDArray[np.float32]
    zero_points: NDArray[np.int64]
    axis: int
    bytes: int
    blocks: Blocks | None = None


def _tensors(subgraph: Table, placed: tuple[Span, ...]) -> tuple[Tensor, ...]:
    from ai_edge_litert.schema_py_generated import TensorType

    types = _schema_names(TensorType)
    first = {span: at for at, span in reversed(list(enumerate(placed))) if span.size}
    tensors = []
    for index, table in enumerate(subgraph.tables(0)):
        buffer, kind = table.integer(2, "I"), table.integer(1, "b")
        if buffer >= len(placed):
            raise damaged(subgraph.source.path, f"tensor {index} lies in no buffer")
        shape = table.integers(0)
        quantization = _quantization(table.table(4))
        tensors.append(
            Tensor(
                index=index,
                name=table.text(3),
                shape=shape,
                shape_signature=table.integers(7) or shape,
                dtype=types.get(kind, f"type_{kind}").lower(),
                data_bytes=placed[buffer].size,
                buffer=first.get(placed[buffer], buffer),
                scales=quantization.scales,
                zero_points=quantization.zero_points,
                axis=quantization.axis,
                quantization_bytes=quantization.bytes,
                blocks=quantization.blocks,
                layout=sparse_layout(table.table(6)),
                is_state=bool(table.integer(5, "B")),
            )
        )
    return tuple(tensors)


def _quantization(table: Table | None) -> _Quantization:
    if table is None:
        return _Quantization(np.empty(0, np.float32), np.empty(0, np.int64), 0, 0)
    scales = table.array(2, "<f4").astype(np.float32)
    zero_points = table.array(3, "<i8").astype(np.int64)
    if (np.abs(zero_points) > np.iinfo(np.int32).max).any():  # the runtime reads what is left of it
        raise damaged(table.source.path, "a zero point lies beyond 32 bits")
    for shared in (scales, zero_points):
        shared.setflags(write=False)
    ranges = 4 * (table.vector(0, 4)[1] + table.vector(1, 4)[1])
    details = table.table(5) if table.integer(4, "B") == _BLOCKWISE else None
    return _Quantization(
        scales,
        zero_points,
        table.integer(6, "i"),
        scales.nbytes + zero_points.nbytes + ranges,
        None if details is None else Blocks(*(details.integer(at, "i") for at in range(3))),
    )
