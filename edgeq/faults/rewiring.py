"""Edits of a model's graph that keep it one that a converter could have written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np

from edgeq.faults.fault import NotApplicableError
from edgeq.faults.graph import Graph

SAME, VALID = 0, 1
NONE, RELU, RELU6 = 0, 1, 3


def name_of(graph: Graph, operator: Any) -> str:
    """Return the name of an operator."""
    code = graph.model.operatorCodes[operator.opcodeIndex]
    number = max(code.builtinCode, code.deprecatedBuiltinCode)
    names: dict[str, object] = vars(graph.schema.BuiltinOperator)
    return next(name for name, value in names.items() if value == number)


def operators(graph: Graph, *names: str) -> Iterator[Any]:
    """Yield the operators of some names, in order."""
    for one in graph.main.operators:
        if name_of(graph, one) in names:
            yield one


def makers(graph: Graph) -> dict[int, Any]:
    """Return the operator that makes each tensor."""
    return {int(made): one for one in graph.main.operators for made in one.outputs}


def takers(graph: Graph) -> dict[int, list[Any]]:
    """Return the operators that take each tensor."""
    found: defaultdict[int, list[Any]] = defaultdict(list)
    for one in graph.main.operators:
        for tensor in map(int, one.inputs):
            found[tensor].append(one)
    return found


def is_stored(graph: Graph, tensor: int) -> bool:
    """Return whether a tensor is a constant, or a constant behind a DEQUANTIZE."""
    if tensor < 0:
        return False
    data = graph.model.buffers[graph.main.tensors[tensor].buffer].data
    if data is not None and len(data):
        return True
    maker = makers(graph).get(tensor)
    if maker is None or name_of(graph, maker) != "DEQUANTIZE":
        return False
    return is_stored(graph, int(maker.inputs[0]))


def shape_of(graph: Graph, tensor: int) -> tuple[int, ...]:
    """Return the shape of a tensor."""
    return tuple(int(size) for size in graph.main.tensors[tensor].shape)


def bypass(graph: Graph, operator: Any, source: int) -> None:
    """Let what an operator gave be one of its inputs, with another scale where there is one."""
    (output,) = map(int, operator.outputs)
    if shape_of(graph, output) != shape_of(graph, source):
        raise NotApplicableError("what goes in has another shape than what comes out")
    at = next(n for n, one in enumerate(graph.main.operators) if one is operator)
    if graph.dtype(output) == "float32":
        if output in map(int, graph.main.outputs):
            raise NotApplicableError("it is the last operator")
        for one in graph.main.operators:
            one.inputs = [source if int(tensor) == output else int(tensor) for tensor in one.inputs]
        del graph.main.operators[at]
    else:
        graph.main.operators[at] = graph.operator("QUANTIZE", [source], [output])
    prune(graph)


def prune(graph: Graph) -> None:
    """Remove operators that no output depends on."""
    needed = {int(one) for one in graph.main.outputs}
    kept = []
    for one in reversed(graph.main.operators):
        if needed & {int(made) for made in one.outputs}:
            kept.append(one)
            needed |= {int(tensor) for tensor in one.inputs}
    graph.main.operators = kept[::-1]


def reshaped(graph: Graph) -> bytes:
    """Return the file, with the shapes that its tensors have once its graph was changed.

    Raises:
        NotApplicableError: No shapes fit.
    """
    from ai_edge_litert import interpreter as litert

    content = graph.packed()
    kernels = litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    try:
        running = litert.Interpreter(model_content=content, experimental_op_resolver_type=kernels)
        running.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        raise NotApplicableError(f"the shapes no longer fit: {str(error)[:80]}") from error
    outputs = {int(one): shape_of(graph, int(one)) for one in graph.main.outputs}
    for one in running.get_tensor_details():
        index = int(one["index"])
        if index < len(graph.main.tensors) and not is_stored(graph, index):
            graph.main.tensors[index].shape = [int(size) for size in one["shape"]]
    if any(shape_of(graph, index) != shape for index, shape in outputs.items()):
        raise NotApplicableError("the output has another shape")
    return graph.packed()


def constant(graph: Graph, like: int, name: str, dtype: str, data: np.ndarray[Any, Any]) -> int:
    """Add a constant tensor and return its index."""
    return graph.add_tensor(like, name, dtype, data)


def activation(graph: Graph, like: int, name: str, shape: tuple[int, ...] | None = None) -> int:
    """Add a tensor that is computed, of another's type and scale, and return its index."""
    made = graph.add_tensor(like, name, graph.dtype(like))
    graph.main.tensors[made].quantization = graph.main.tensors[like].quantization
    if shape is not None:
        graph.main.tensors[made].shape = list(shape)
    graph.main.tensors[made].shapeSignature = None
    return made


def insert_before(graph: Graph, operator: Any, made: Any) -> None:
    """Put an operator before another."""
    at = next(n for n, one in enumerate(graph.main.operators) if one is operator)
    graph.main.operators.insert(at, made)
