"""Extraction of one signature of a ``.tflite`` file as a separate model.

A file may contain several graphs, each with a signature. The runtime's plain interpreter uses the
first of them, and so does everything in edgeq.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeq.errors import ModelError
from edgeq.registry import unknown
from edgeq.tflite.flatbuffer import damaged
from edgeq.tflite.model_file import open_model, read_model
from edgeq.tflite.packing import rewritten
from edgeq.tflite.prepared import drop_unused
from edgeq.words.escape import printable

_SUBGRAPHS, _SIGNATURES, _CODES = 2, 7, 1
_KEY, _GRAPH = 2, 4
_CALLS = frozenset(
    {
        *("IF", "WHILE", "CALL", "CALL_ONCE", "STABLEHLO_WHILE", "STABLEHLO_COMPOSITE"),
        *("STABLEHLO_REDUCE", "STABLEHLO_REDUCE_WINDOW", "STABLEHLO_SCATTER", "STABLEHLO_SORT"),
        "STABLEHLO_CASE",
    }
)
"""Operators that refer to another graph of their file."""


@dataclass(frozen=True)
class Signature:
    """A signature of a file.

    Attributes:
        key: Name of the signature.
        graph: Index of its graph; 0 for the graph that is run.
    """

    key: str
    graph: int


def signatures(path: Path) -> tuple[Signature, ...]:
    """Return the signatures of a file.

    Raises:
        ModelError: The file is missing, not a model, truncated or damaged.
    """
    model = open_model(path).root()
    graphs = len(model.tables(_SUBGRAPHS))
    every = tuple(
        Signature(entry.text(_KEY), entry.integer(_GRAPH, "I"))
        for entry in model.tables(_SIGNATURES)
    )
    if any(signature.graph >= graphs for signature in every):
        raise damaged(path, "a signature belongs to a graph that does not exist")
    return every


def find_signature(path: Path, key: str, *, where: str) -> Signature:
    """Return a signature of a file by its name.

    Raises:
        ModelError: The file has no signatures, or can't be read.
        SpecError: The file has no signature of that name.
    """
    every = signatures(path)
    if not every:
        raise ModelError("has no signatures", where=path, remedy=f"Remove {where}")
    for signature in every:
        if signature.key == key:
            return signature
    raise unknown("signature", key, [signature.key for signature in every], where=where)


def content_of_signature(path: Path, key: str | None, *, where: str) -> bytes | None:
    """Return a model of the graph that a spec chooses; None if the file itself is that model.

    The first graph is separated, too, if it calls none of the others: quantizers calibrate only
    that one, and fail at the rest.

    Args:
        path: The file.
        key: Name of a signature; None for the first graph.
        where: The spec's key that names it, for errors.

    Raises:
        ModelError: The file has no signatures or can't be read, or a graph other than the first
            calls others.
        SpecError: There is no signature of that name.
    """
    if key is None:
        return None
    chosen = find_signature(path, key, where=where)
    if chosen.graph == 0 and (not _has_several(path) or _first_calls(path)):
        return None
    return alone(path, chosen)


def _has_several(path: Path) -> bool:
    """Return whether the signatures of a file belong to several graphs."""
    return len({signature.graph for signature in signatures(path)}) > 1


def _first_calls(path: Path) -> bool:
    return bool(_CALLS & {operator.name for operator in read_model(path).operators})


def unchosen(path: Path, file: str) -> str | None:
    """Return a note for a file with several graphs of which none is chosen; None if it has one.

    Raises:
        ModelError: The file is missing, not a model, truncated or damaged.
    """
    every = signatures(path)
    if not _has_several(path):
        return None
    shown = ", ".join(repr(printable(signature.key)) for signature in every)
    first = next(
        (f", that of {printable(signature.key)!r}," for signature in every if signature.graph == 0),
        "",
    )
    return (
        f"{file} has {len(every)} signatures ({shown}): the first graph{first} is validated. "
        "Choose another with `signature`"
    )


def alone(path: Path, signature: Signature) -> bytes:
    """Return a model with only a signature's graph and that signature.

    The file's metadata stays with the first graph, which it describes.

    Raises:
        ModelError: The graph calls other graphs of the file, or the file is damaged.
    """

    def leave_it_alone(model: Any) -> None:
        calls = _calls(model, signature.graph)
        if calls:
            raise ModelError(
                f"the graph of its signature {signature.key!r} calls other graphs of the file "
                f"({', '.join(calls)})",
                where=path,
                remedy="Convert it with only this signature (signature_keys=[...])",
            )
        _keep(model, signature.graph)

    return rewritten(path, open_model(path).data, leave_it_alone)


def _calls(model: Any, graph: int) -> list[str]:
    """Return the names of a graph's operators that refer to another graph."""
    from ai_edge_litert.schema_py_generated import BuiltinOperator

    names = {getattr(BuiltinOperator, name, -1): name for name in _CALLS}
    codes = [max(code.builtinCode, code.deprecatedBuiltinCode) for code in model.operatorCodes]
    used = {codes[operator.opcodeIndex] for operator in model.subgraphs[graph].operators or ()}
    return sorted(names[buffer] for buffer in used if buffer in names)


def _keep(model: Any, graph: int) -> None:
    """Keep only one graph in a model, with the data and signatures that belong to it."""
    model.subgraphs = [model.subgraphs[graph]]
    model.signatureDefs = [
        signature for signature in model.signatureDefs if signature.subgraphIndex == graph
    ]
    for signature in model.signatureDefs:
        signature.subgraphIndex = 0
    model.metadata = model.metadata if graph == 0 else None
    drop_unused(model)
