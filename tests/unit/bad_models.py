"""Classifiers that load and then do harm: endless, greedy, crashing, and ever growing ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tests.unit import tiny_model


def endless(*, ends: bool = False, **shape: Any) -> bytes:
    """Return a classifier that runs in a WHILE operator whose condition is always true.

    Args:
        ends: Whether it is always false instead; the answers are then the classifier's.
        shape: As for the classifier.
    """
    model = _unpacked(**shape)
    main = model.subgraphs[0]
    options = schema.WhileOptionsT()
    options.condSubgraphIndex, options.bodySubgraphIndex = 1, 2
    logits = main.outputs[0]
    answer = _add_tensor(model, main, "endless", main.tensors[logits].shape)
    _add_operator(model, main, "WHILE", ([logits], [answer]), options)
    main.outputs = [answer]
    for name in ("condition", "body"):
        graph = schema.SubGraphT()
        graph.name, graph.tensors, graph.operators = name, [], []
        graph.inputs = [_add_tensor(model, graph, "in", main.tensors[logits].shape)]
        model.subgraphs.append(graph)
    condition, body = model.subgraphs[1:]
    true = _add_tensor(model, condition, "true", [1], np.array([not ends]))
    condition.outputs = [true]
    body.outputs = [_add_tensor(model, body, "out", main.tensors[logits].shape)]
    _add_operator(model, body, "RELU", (body.inputs, body.outputs), None)
    return tiny_model.packed(model)


def greedy(wanted_bytes: int, **shape: Any) -> bytes:
    """Return a classifier that makes its image so large that it takes so many bytes."""
    model = _unpacked(**shape)
    main = model.subgraphs[0]
    side = int((wanted_bytes / 12) ** 0.5)
    image = main.inputs[0]
    large = _add_tensor(model, main, "large", [1, side, side, 3])
    size = _add_tensor(model, main, "size", [2], np.array([side, side], np.int32))
    mean = main.operators[0]
    mean.inputs = [large if one == image else one for one in mean.inputs]
    options = schema.ResizeNearestNeighborOptionsT()
    _add_operator(model, main, "RESIZE_NEAREST_NEIGHBOR", ([image, size], [large]), options)
    main.operators.insert(0, main.operators.pop())
    return tiny_model.packed(model)


def large(side: int, **shape: Any) -> bytes:
    """Return a model of the classifier's size whose output is a huge copy of its image."""
    model = _unpacked(**shape)
    main = model.subgraphs[0]
    out = _add_tensor(model, main, "large", [1, side, side, 3])
    size = _add_tensor(model, main, "size", [2], np.array([side, side], np.int32))
    options = schema.ResizeNearestNeighborOptionsT()
    _add_operator(model, main, "RESIZE_NEAREST_NEIGHBOR", ([main.inputs[0], size], [out]), options)
    main.outputs = [out]
    return tiny_model.packed(model)


def crashing(**shape: Any) -> bytes:
    """Return a classifier whose probabilities are a constant of the file, which is read-only."""
    model = _unpacked(**{"softmax": True, "io": "uint8", **shape})
    (written,) = (one for one in model.subgraphs[0].tensors if one.name == b"probabilities")
    buffer = schema.BufferT()
    buffer.data = list(bytes(4 * int(np.prod(written.shape))))
    written.buffer = len(model.buffers)
    model.buffers.append(buffer)
    return tiny_model.packed(model)


def growing(bytes_an_inference: int, **shape: Any) -> bytes:
    """Return a classifier that holds so many bytes more after every inference.

    A variable counts the inferences, and FILL makes a tensor of as many rows. Its least value is
    added to the answers, which stay what they are: it is 0.
    """
    model = _unpacked(**shape)
    main = model.subgraphs[0]
    handle_options = schema.VarHandleOptionsT()
    handle_options.container, handle_options.sharedName = "", "count"

    def handle(graph: Any) -> int:
        made = _add_tensor(model, graph, "handle", [])
        graph.tensors[made].type = schema.TensorType.RESOURCE
        _add_operator(model, graph, "VAR_HANDLE", ([], [made]), handle_options)
        return made

    start = schema.SubGraphT()
    start.name, start.tensors, start.operators = "start", [], []
    start.inputs, start.outputs = [], []
    model.subgraphs.append(start)
    zero = _add_tensor(model, start, "zero", [1], np.zeros(1, np.float32))
    assigned, assigning = handle(start), schema.AssignVariableOptionsT()
    _add_operator(model, start, "ASSIGN_VARIABLE", ([assigned, zero], []), assigning)
    once = schema.CallOnceOptionsT()
    once.initSubgraphIndex = len(model.subgraphs) - 1
    _add_operator(model, main, "CALL_ONCE", ([], []), once)
    main.operators.insert(0, main.operators.pop())

    def constant(name: str, values: Any) -> int:
        return _add_tensor(model, main, name, values.shape, values)

    count = handle(main)
    before, after, rows, lengths, ballast, least = (
        _add_tensor(model, main, name, size)
        for name, size in (
            ("before", [1]),
            ("after", [1]),
            ("rows", [1]),
            ("lengths", [2]),
            ("ballast", [1, bytes_an_inference // 4]),
            ("least", [1]),
        )
    )
    for at in (rows, lengths):
        main.tensors[at].type = schema.TensorType.INT32
    main.tensors[ballast].shapeSignature = [-1, bytes_an_inference // 4]
    one = constant("one", np.ones(1, np.float32))
    width = constant("width", np.array([bytes_an_inference // 4], np.int32))
    value, axes = (
        constant("value", np.zeros((), np.float32)),
        constant("axes", np.array([0, 1], np.int32)),
    )
    flat = constant("flat", np.ones(1, np.int32))
    scalar = _add_tensor(model, main, "scalar", [])
    logits = main.outputs[0]
    answer = _add_tensor(model, main, "answer", main.tensors[logits].shape)
    for name, ends, options in (
        ("READ_VARIABLE", ([count], [before]), schema.ReadVariableOptionsT()),
        ("ADD", ([before, one], [after]), schema.AddOptionsT()),
        ("ASSIGN_VARIABLE", ([count, after], []), assigning),
        ("CAST", ([after], [rows]), schema.CastOptionsT()),
        ("CONCATENATION", ([rows, width], [lengths]), schema.ConcatenationOptionsT()),
        ("FILL", ([lengths, value], [ballast]), schema.FillOptionsT()),
        ("REDUCE_MIN", ([ballast, axes], [scalar]), schema.ReducerOptionsT()),
        ("RESHAPE", ([scalar, flat], [least]), None),
        ("ADD", ([logits, least], [answer]), schema.AddOptionsT()),
    ):
        _add_operator(model, main, name, ends, options)
    main.outputs = [answer]
    return tiny_model.packed(model)


def _unpacked(**shape: Any) -> Any:
    content = tiny_model.classifier(**{"softmax": False, **shape})
    return schema.ModelT.InitFromPackedBuf(bytearray(content), 0)


def _add_tensor(
    model: Any, graph: Any, name: str, shape: Any, data: np.ndarray[Any, Any] | None = None
) -> int:
    """Add a float tensor, or a constant of its data's type; return its index."""
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.buffer = name, list(shape), 0
    tensor.type = schema.TensorType.FLOAT32
    if data is not None:
        tensor.type = getattr(schema.TensorType, data.dtype.name.upper())
        tensor.buffer = len(model.buffers)
        buffer = schema.BufferT()
        buffer.data = list(data.tobytes())
        model.buffers.append(buffer)
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1


def _add_operator(model: Any, graph: Any, name: str, ends: tuple[Any, Any], options: Any) -> None:
    """Add an operator behind the others; ``ends`` are its inputs and outputs."""
    code = schema.OperatorCodeT()
    code.builtinCode = getattr(schema.BuiltinOperator, name)
    code.deprecatedBuiltinCode = min(code.builtinCode, 127)
    code.version = 1
    model.operatorCodes.append(code)
    operator = schema.OperatorT()
    operator.opcodeIndex = len(model.operatorCodes) - 1
    operator.inputs, operator.outputs = map(list, ends)
    if options is not None:
        operator.builtinOptions = options
        kind = type(options).__name__.removesuffix("T")
        operator.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
    graph.operators.append(operator)
