"""Reads which files an ONNX model consists of, without the package onnx.

A ``.onnx`` file is a Protocol Buffers message ``ModelProto``: field 7 holds the graph, whose field
5 holds the weights; field 13 of a weight says in which file next to the model it lies
(onnx/onnx.proto). All other fields are skipped by length.
"""

from __future__ import annotations

from pathlib import Path

from edgeq.errors import ModelError
from edgeq.models.protobuf import fields

_GRAPH, _WEIGHTS, _EXTERNAL, _KEY, _VALUE = 7, 5, 13, 1, 2
_LOCATION = "location"


def files_of_onnx(path: Path) -> tuple[Path, ...]:
    """Return a model's file and the files that hold its weights, sorted by name.

    Raises:
        ModelError: The file can't be read or is not an ONNX model, or a file with weights is
            missing or lies outside its folder.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"can't be read: {error.strerror}", where=path) from error
    try:
        graphs = list(fields(memoryview(content), _GRAPH))
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
