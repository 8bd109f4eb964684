"""Reads a SavedModel's signatures and their inputs without TensorFlow.

``saved_model.pb`` is a Protocol Buffers message ``SavedModel``: field 2 holds meta graphs, whose
field 5 maps names to signatures (tensorflow/core/protobuf/saved_model.proto, meta_graph.proto;
core/framework/tensor_shape.proto).
All other fields are skipped by length, so the graph itself is never parsed.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from edgeq.errors import ModelError
from edgeq.models.export_request import ExportRequest
from edgeq.models.input_size import fixed_shape
from edgeq.models.layout import ONE_INPUT
from edgeq.models.protobuf import fields, numbers
from edgeq.registry import suggestion

Shape = tuple[int | None, ...]

FILE = "saved_model.pb"
SERVING = "serving_default"
_META_GRAPHS, _SIGNATURES, _KEY, _VALUE = 2, 5, 1, 2
_INPUTS, _SHAPE, _DIMENSION, _UNKNOWN_RANK, _SIZE = 1, 3, 2, 3, 1
_NEGATIVE = 1 << 63
_HIDDEN = "__saved_model_"
"""Prefix of the signatures that TensorFlow itself runs when it loads a model."""


def signatures_of(folder: Path) -> tuple[str, ...] | None:
    """Return the names of a SavedModel's signatures, or None if the file can't be parsed.

    Args:
        folder: The SavedModel folder.

    Raises:
        ModelError: The file can't be read.
    """
    try:
        content = (folder / FILE).read_bytes()
    except OSError as error:
        raise ModelError(f"can't be read: {error.strerror}", where=folder / FILE) from error
    try:
        graphs = list(fields(memoryview(content), _META_GRAPHS))
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

    Args:
        folder: The SavedModel folder.
        key: Name in the spec. If None, ``serving_default`` or the only signature is used.

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

    Args:
        folder: The SavedModel folder.
        request: The export, with its signature.
        table: The model's table in the spec, for errors.

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

    Args:
        folder: The SavedModel folder.
        signature: One of its signatures.

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
