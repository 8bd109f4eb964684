"""Whether a LiteRT runtime for Python can run a model at all, as its operators show."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from edgeq.errors import ModelError
from edgeq.tflite.flatbuffer import Table
from edgeq.tflite.model_file import POST_PROCESS, ModelFile, open_model, operator_name
from edgeq.words import plural

EDGE_TPU = "CUSTOM:edgetpu-custom-op"
"""What the Edge TPU's compiler puts in the place of all operators that run there."""


def require_runnable(model: ModelFile) -> None:
    """Raise if a model has operators that no LiteRT runtime for Python has, or lacks its weights.

    Raises:
        ModelError: The model has Flex or custom operators, which are named, or it reads variables
            that nothing in the file initializes, so that its outputs are arbitrary.
    """
    flex = sorted(name for name in model.operator_names if name.startswith("FLEX:"))
    custom = sorted(
        name for name in model.operator_names if name.startswith("CUSTOM:") and name != POST_PROCESS
    )
    if flex:
        raise ModelError(
            f"has TensorFlow (Flex) operators, which no LiteRT runtime can run: {', '.join(flex)}",
            where=model.path,
            remedy="Convert it without SELECT_TF_OPS; replace the layers that need them",
        )
    if EDGE_TPU in custom:
        raise ModelError(
            "was compiled for an Edge TPU: its operators run there alone",
            where=model.path,
            remedy="Judge the file that the compiler read (without `_edgetpu` in its name), on a "
            "target of the kind `edge-tpu` too",
        )
    if custom:
        raise ModelError(
            f"has custom operators, which the runtime does not support: {', '.join(custom)}",
            where=model.path,
            remedy="Export the model without them (post-processing belongs outside the graph)",
        )
    unassigned = _unassigned(model) if "READ_VARIABLE" in model.operator_names else 0
    if unassigned:
        raise ModelError(
            f"its weights are uninitialised variables: {plural(unassigned, 'operator')} "
            "READ_VARIABLE, and nothing in the file assigns the variables",
            where=model.path,
            remedy="Convert it again from the Keras model or its SavedModel "
            "(model.export(FOLDER)), or freeze the function first: "
            "convert_variables_to_constants_v2(function)",
        )


def _unassigned(model: ModelFile) -> int:
    """Return how many operators of the main graph read a variable that no graph assigns."""
    root = open_model(model.path).root()
    kinds = [operator_name(code) for code in root.tables(1)]
    main, *others = (list(_variable_uses(graph, kinds)) for graph in root.tables(2))
    assigned = {
        variable for kind, variable in itertools.chain(main, *others) if kind == "ASSIGN_VARIABLE"
    }
    read = [variable for kind, variable in main if kind == "READ_VARIABLE"]
    # A handle that another graph passed may be of any variable.
    return len([name for name in read if name not in assigned and (name or not assigned)])


def _variable_uses(
    graph: Table, kinds: Sequence[str]
) -> Iterator[tuple[str, tuple[str, str] | None]]:
    """Yield the operators of a graph that read or assign a variable, each with the variable.

    A variable is its container and its name; None if another graph passed the handle.
    """
    variables: dict[int, tuple[str, str]] = {}
    for operator in graph.tables(3):
        kind = kinds[operator.integer(0, "I")]
        if kind == "VAR_HANDLE" and (options := operator.table(4)) is not None:
            name = options.text(0), options.text(1)
            variables |= dict.fromkeys(operator.integers(2), name)
        elif kind in {"ASSIGN_VARIABLE", "READ_VARIABLE"}:
            yield kind, variables.get(operator.integers(1)[0])
