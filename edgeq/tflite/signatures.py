"""Extraction of one signature of a ``.tflite`` file as a separate model.

A file may contain several graphs, each with a signature. The runtime's plain interpreter uses the
first of them, and so does everything in edgeq.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgeq.errors import ModelError
from edgeq.registry import unknown
from edgeq.tflite.model_file import CALLS, ModelFile, Signature, open_model, read_model
from edgeq.tflite.packing import rewritten
from edgeq.tflite.prepared import drop_unused
from edgeq.words.escape import printable

_DEFAULT = "serving_default"
"""The signature that apps call if a file has several and they name none."""


def find_signature(path: Path, key: str, *, where: str) -> Signature:
    """Return a signature of a file by its name.

    Raises:
        ModelError: The file has no signatures, or can't be read.
        SpecError: The file has no signature of that name.
    """
    every = read_model(path).signatures
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

    Raises:
        ModelError: The file has no signatures or can't be read, or a graph other than the first
            calls others.
        SpecError: There is no signature of that name.
    """
    if key is None:
        return None
    chosen = find_signature(path, key, where=where)
    model = read_model(path)
    if chosen.graph == 0 and (not _has_several(model) or _calls_others(model)):
        return None
    return alone(path, chosen)


def _has_several(model: ModelFile) -> bool:
    """Return whether the signatures of a file belong to several graphs."""
    return len({signature.graph for signature in model.signatures}) > 1


def _calls_others(model: ModelFile) -> bool:
    return bool(CALLS & {operator.name for operator in model.operators})


def first_graph_note(model: ModelFile, key: str | None = None) -> str | None:
    """Return a note on a file whose first graph is judged although it has several.

    Returns:
        None if the file has no other graph, or the spec chooses the first.

    Raises:
        ModelError: Apps call another graph: that of ``key``, of ``serving_default`` or of the only
            signature.
    """
    graphs = {signature.key: signature.graph for signature in model.signatures}
    only = next(iter(graphs)) if len(graphs) == 1 else None
    called = next((name for name in (key, _DEFAULT, only) if name in graphs), None)
    if called is not None and graphs[called] != 0:
        raise ModelError(
            f"its signature {printable(called)!r} calls another graph than the first, which is the "
            "one that is judged",
            where=model.path,
            remedy="Choose a baseline's graph by `signature`; convert a variant with only this "
            "signature (signature_keys=[...])",
        )
    if not _has_several(model) or (key is not None and called == key):
        return None
    shown = ", ".join(repr(printable(signature.key)) for signature in model.signatures)
    first = next(
        (f", that of {printable(name)!r}," for name, graph in graphs.items() if graph == 0), ""
    )
    return f"has {len(graphs)} signatures ({shown}): the first graph{first} is validated"


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

    names = {getattr(BuiltinOperator, name, -1): name for name in CALLS}
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
