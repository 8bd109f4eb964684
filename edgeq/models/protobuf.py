"""Reads what models in Protocol Buffers say about themselves, without their libraries.

Wire format: https://protobuf.dev/programming-guides/encoding/. Fields that are not needed are
skipped by length, so that graphs are never parsed.

- ``saved_model.pb`` is a message ``SavedModel``: field 2 holds meta graphs, whose field 5 maps
  names to signatures (tensorflow/core/protobuf/saved_model.proto, meta_graph.proto;
  core/framework/tensor_shape.proto).
- ``.onnx`` is a message ``ModelProto``: field 7 holds the graph, whose field 5 holds the weights;
  field 13 of a weight says in which file next to the model it lies (onnx/onnx.proto).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from edgeq.errors import ModelError, reason_of
from edgeq.models.export_request import ExportRequest
from edgeq.models.input_size import ONE_INPUT, fixed_shape
from edgeq.registry import suggestion

Shape = tuple[int | None, ...]

FILE = "saved_model.pb"
SERVING = "serving_default"
_META_GRAPHS, _SIGNATURES, _KEY, _VALUE = 2, 5, 1, 2
_INPUTS, _SHAPE, _DIMENSION, _UNKNOWN_RANK, _SIZE = 1, 3, 2, 3, 1
_NEGATIVE = 1 << 63
_HIDDEN = "__saved_model_"
"""Prefix of the signatures that TensorFlow itself runs when it loads a model."""
_GRAPH, _WEIGHTS, _EXTERNAL = 7, 5, 13
_LOCATION = "location"
_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5
_MAX_DIGITS = 10


def signatures_of(folder: Path) -> tuple[str, ...] | None:
    """Return the names of a SavedModel's signatures, or None if the file can't be parsed.

    Raises:
        ModelError: The file can't be read.
    """
    content = _content(folder / FILE)
    try:
        graphs = list(fields(content, _META_GRAPHS))
        names = [
            bytes(key).decode()
            for graph in graphs
            for entry in fields(graph, _SIGNATURES)
            for key in fields(entry, _KEY)
        ]
    except (ValueError, IndexError):
        graphs, names = [], []
    if not graphs:
        return None  # loading it in TensorFlow then says what is wrong
    return tuple(sorted({name for name in names if not name.startswith(_HIDDEN)}))


def chosen_signature(folder: Path, key: str | None) -> str | None:
    """Return the signature to validate, or None to let TensorFlow choose.

    If the spec names none, ``serving_default`` or the only signature is used.

    Raises:
        ModelError: There is no such signature; the message lists the existing ones.
    """
    names = signatures_of(folder)
    if names is None:
        return key
    if key is not None:
        if key not in names:
            raise ModelError(
                f"has no signature {key!r}",
                where=folder,
                remedy=suggestion(key, names) if names else "It has none",
            )
        return key
    if SERVING in names or len(names) == 1:
        return SERVING if SERVING in names else names[0]
    shown = ", ".join(map(repr, names)) or "none"
    raise ModelError(
        f"has no signature {SERVING!r}; it has: {shown}",
        where=folder,
        remedy="Name the one to validate with `signature` in the model's table"
        if names
        else "Save it with model.export(FOLDER), which writes that signature",
    )


def require_inputs(folder: Path, request: ExportRequest, table: str) -> None:
    """Refuse a SavedModel whose signature does not take one image, or arrays of fixed sizes.

    A file that can't be parsed is left to TensorFlow.

    Raises:
        ModelError: The signature takes something else.
    """
    if request.signature is None:
        return
    shapes = inputs_of(folder, request.signature)
    if shapes is None:
        return
    if not shapes or (len(shapes) > 1 and not request.arrays):
        raise ModelError(
            f"its signature {request.signature!r} has {len(shapes)} inputs",
            where=folder,
            remedy=ONE_INPUT,
        )
    for shape in shapes:
        if shape is not None:
            fixed_shape(shape, msgspec.structs.replace(request, name=str(folder)), table)


def inputs_of(folder: Path, signature: str) -> list[Shape | None] | None:
    """Return the shapes of a signature's inputs, or None if the file can't be parsed.

    Returns:
        One shape per input, with None for open dimensions; None for a shape of open rank.
    """
    try:
        content = memoryview((folder / FILE).read_bytes())
        return [
            _shape(entry)
            for graph in fields(content, _META_GRAPHS)
            for named in fields(graph, _SIGNATURES)
            if any(bytes(key).decode() == signature for key in fields(named, _KEY))
            for value in fields(named, _VALUE)
            for entry in fields(value, _INPUTS)
        ]
    except (OSError, ValueError, IndexError):
        return None


def _shape(entry: memoryview) -> Shape | None:
    """Return the shape of a named tensor, or None if its rank is open or not given."""
    for tensor in fields(entry, _VALUE):
        for shape in fields(tensor, _SHAPE):
            if any(numbers(shape, _UNKNOWN_RANK)):
                return None
            return tuple(_size(field) for field in fields(shape, _DIMENSION))
    return None


def _size(dimension: memoryview) -> int | None:
    """Return a dimension, or None if it is open: its size is then -1, in two's complement."""
    size = next(numbers(dimension, _SIZE), 0)
    return None if size >= _NEGATIVE else size


def files_of_onnx(path: Path) -> tuple[Path, ...]:
    """Return a model's file and the files that hold its weights, sorted by name.

    Raises:
        ModelError: The file can't be read or is not an ONNX model, or a file with weights is
            missing or lies outside its folder.
    """
    content = _content(path)
    try:
        graphs = list(fields(content, _GRAPH))
        locations = {
            bytes(value).decode()
            for graph in graphs
            for weight in fields(graph, _WEIGHTS)
            for entry in fields(weight, _EXTERNAL)
            if any(bytes(key).decode() == _LOCATION for key in fields(entry, _KEY))
            for value in fields(entry, _VALUE)
        }
    except (ValueError, IndexError):
        graphs, locations = [], set()
    if not graphs:
        raise ModelError("is not an ONNX model", where=path, remedy="Export it again")
    weights = [path.parent / location for location in sorted(locations)]
    for file in weights:
        if not file.resolve().is_relative_to(path.parent.resolve()) or not file.is_file():
            raise ModelError(
                f"its weights are in {file.name!r}, which does not lie next to it",
                where=path,
                remedy="Put that file next to the model, or export the model as one file",
            )
    return (path, *weights)


def _content(path: Path) -> memoryview:
    try:
        return memoryview(path.read_bytes())
    except OSError as error:
        raise ModelError(f"can't be read: {reason_of(error)}", where=path) from error


def fields(message: memoryview, field_number: int) -> Iterator[memoryview]:
    """Yield the length-delimited values (messages and texts) of a field; see ``entries``."""
    for number, value in entries(message):
        if number == field_number and isinstance(value, memoryview):
            yield value


def numbers(message: memoryview, field_number: int) -> Iterator[int]:
    """Yield the varint values of a field; see ``entries``."""
    for number, value in entries(message):
        if number == field_number and isinstance(value, int):
            yield value


def entries(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield the number and value of each field; fields of fixed width are skipped.

    Raises:
        ValueError: The bytes are not a message.
        IndexError: The message is truncated.
    """
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            value, at = _varint(message, at)
            yield number, value
        elif kind == _BYTES:
            size, at = _varint(message, at)
            if at + size > len(message):
                raise ValueError("a field is longer than its message")
            yield number, message[at : at + size]
            at += size
        elif kind in {_EIGHT_BYTES, _FOUR_BYTES}:
            at += 8 if kind == _EIGHT_BYTES else 4
        else:
            raise ValueError(f"there is no kind {kind}")
    if at > len(message):
        raise ValueError("a field is longer than its message")


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """Return the varint (seven bits per byte) at an offset, and the offset after it."""
    value = 0
    for shift in range(_MAX_DIGITS):
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << (7 * shift)
        if byte < 0x80:  # the highest bit is set if more bytes follow
            return value, at
    raise ValueError("a number has no end")
