"""Edits of a model's graph whose result a converter could have written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from edgeq.faults.fault import Faulty, NotApplicableError
from edgeq.faults.good import Good
from edgeq.faults.graph import Graph, Layer, is_integer

CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")
SAME, VALID = 0, 1
NONE, RELU, RELU6 = 0, 1, 3
UNFUSED = {RELU: "RELU", RELU6: "RELU6"}
"""Separate operators for fused activations."""


def name_of(graph: Graph, operator: Any) -> str:
    """Return the name of an operator."""
    code = graph.model.operatorCodes[operator.opcodeIndex]
    number = max(code.builtinCode, code.deprecatedBuiltinCode)
    names: dict[str, object] = vars(graph.schema.BuiltinOperator)
    return next(name for name, value in names.items() if value == number)


def operators(graph: Graph, *names: str) -> Iterator[Any]:
    """Yield the operators with given names, in order."""
    for operator in graph.main.operators:
        if name_of(graph, operator) in names:
            yield operator


def makers(graph: Graph) -> dict[int, Any]:
    """Return the operator that computes each tensor."""
    return {
        int(output): operator for operator in graph.main.operators for output in operator.outputs
    }


def takers(graph: Graph) -> dict[int, list[Any]]:
    """Return the operators that take each tensor."""
    consumers: defaultdict[int, list[Any]] = defaultdict(list)
    for operator in graph.main.operators:
        for tensor in map(int, operator.inputs):
            consumers[tensor].append(operator)
    return consumers


def is_stored(graph: Graph, tensor: int) -> bool:
    """Return whether a tensor is a constant or a dequantized constant."""
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


def exchanged(tensors: Sequence[int], old: int, new: int) -> list[int]:
    """Return indices of tensors with one of them exchanged."""
    return [new if int(tensor) == old else int(tensor) for tensor in tensors]


def replace(graph: Graph, tensor: int, other: int) -> None:
    """Give everything that takes a tensor another one, the outputs included."""
    for operator in graph.main.operators:
        operator.inputs = exchanged(operator.inputs, tensor, other)
    graph.main.outputs = exchanged(graph.main.outputs, tensor, other)
    for signature in graph.model.signatureDefs or ():
        for entry in signature.outputs or ():
            if int(entry.tensorIndex) == tensor:
                entry.tensorIndex = other


def bypass(graph: Graph, operator: Any, source: int) -> None:
    """Replace an operator's output with one of its inputs, requantized if it is quantized."""
    (output,) = map(int, operator.outputs)
    if shape_of(graph, output) != shape_of(graph, source):
        raise NotApplicableError("the operator's input and output differ in shape")
    at = _index(graph, operator)
    if graph.dtype(output) == "float32":
        if output in map(int, graph.main.outputs):
            raise NotApplicableError("it is the last operator")
        replace(graph, output, source)
        del graph.main.operators[at]
    else:
        graph.main.operators[at] = graph.operator("QUANTIZE", [source], [output])
    prune(graph)


def prune(graph: Graph) -> None:
    """Remove operators that no output depends on."""
    needed = {int(output) for output in graph.main.outputs}
    remaining = []
    for operator in reversed(graph.main.operators):
        if needed & {int(output) for output in operator.outputs}:
            remaining.append(operator)
            needed |= {int(tensor) for tensor in operator.inputs}
    graph.main.operators = remaining[::-1]


def _index(graph: Graph, operator: Any) -> int:
    """Return the index of an operator in its graph."""
    return [candidate is operator for candidate in graph.main.operators].index(True)


def reshaped(graph: Graph) -> bytes:
    """Return the file's content with the shapes that its tensors have in the changed graph.

    Raises:
        NotApplicableError: The shapes no longer fit, or an output's shape changed.
    """
    from ai_edge_litert import interpreter as litert

    content = graph.packed()
    kernels = litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    try:
        running = litert.Interpreter(model_content=content, experimental_op_resolver_type=kernels)
        running.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        raise NotApplicableError(f"the shapes no longer fit: {str(error)[:80]}") from error
    outputs = {int(index): shape_of(graph, int(index)) for index in graph.main.outputs}
    for detail in running.get_tensor_details():
        index = int(detail["index"])
        if index < len(graph.main.tensors) and not is_stored(graph, index):
            graph.main.tensors[index].shape = [int(size) for size in detail["shape"]]
    if any(shape_of(graph, index) != shape for index, shape in outputs.items()):
        raise NotApplicableError("the output has another shape")
    return graph.packed()


def activation(graph: Graph, like: int, name: str, shape: tuple[int, ...] | None = None) -> int:
    """Add an activation with the type and scale of another tensor, and return its index."""
    index = graph.add_tensor(like, name, graph.dtype(like))
    tensor = graph.main.tensors[index]
    tensor.quantization = graph.main.tensors[like].quantization
    if shape is not None:
        tensor.shape = list(shape)
    tensor.shapeSignature = None
    return index


def insert_before(graph: Graph, operator: Any, new: Any) -> None:
    """Insert a new operator before another."""
    graph.main.operators.insert(_index(graph, operator), new)


def insert_after(graph: Graph, operator: Any, new: Any) -> None:
    """Insert a new operator after another."""
    graph.main.operators.insert(_index(graph, operator) + 1, new)


Choose = Callable[[Graph], Sequence[Any]]
Edit = Callable[[Graph, Any], None]


def rewired(good: Good, depth: float, choose: Choose, edit: Edit) -> Faulty:
    """Return the variant with one operator edited, the closest to a depth that can be edited.

    The depth is the relative position from 0 to 1 among the operators that ``choose`` returns.

    Raises:
        NotApplicableError: No operator can be edited.
    """
    count = len(choose(good.graph()))
    middle = depth * (count - 1)
    reason = "the network has no such operator"
    for number in sorted(range(count), key=lambda at: (abs(at - middle), at)):
        graph = good.graph()
        operator = choose(graph)[number]
        where = graph.name(int(operator.outputs[0]))
        try:
            edit(graph, operator)
            content = reshaped(graph)
        except NotApplicableError as error:
            reason = str(error)
            continue
        return Faulty(content=content, where=where)
    raise NotApplicableError(reason)


def spatial(graph: Graph) -> list[Any]:
    """Return the convolutions whose kernel is larger than a pixel."""
    every = operators(graph, *CONVOLUTIONS)
    return [operator for operator in every if shape_of(graph, int(operator.inputs[1]))[1] > 1]


def padded(graph: Graph) -> list[Any]:
    """Return the convolutions that pad their input."""
    return [operator for operator in spatial(graph) if operator.builtinOptions.padding == SAME]


def padded_at_the_end(graph: Graph) -> list[Any]:
    """Return the convolutions of stride 2 that pad less or nothing at the top and left."""
    return [
        operator
        for operator in padded(graph)
        if operator.builtinOptions.strideH == 2
        and shape_of(graph, int(operator.inputs[0]))[1] % 2 == 0
        and shape_of(graph, int(operator.inputs[1]))[1] % 2 == 1
    ]


def pad_at_both_sides(graph: Graph, operator: Any) -> None:
    """Make a convolution of stride 2 pad as PyTorch does, equally at the top and the bottom."""
    source = int(operator.inputs[0])
    batch, height, width, channels = shape_of(graph, source)
    kernel = shape_of(graph, int(operator.inputs[1]))[1]
    side = kernel // 2
    other = max(kernel - 2 - side, 0)
    inner = (batch, height + side + other, width + side + other, channels)
    padded_input = activation(graph, source, "padded", inner)
    sides = np.array([[0, 0], [side, other], [side, other], [0, 0]], np.int32)
    amounts = graph.add_tensor(source, "padded/sides", "int32", sides)
    pad = graph.operator("PAD", [source, amounts], [padded_input], "PadOptions")
    insert_before(graph, operator, pad)
    operator.inputs = [padded_input, *map(int, operator.inputs[1:])]
    operator.builtinOptions.padding = VALID


def unpad(_: Graph, operator: Any) -> None:
    """Make a convolution not pad its input."""
    operator.builtinOptions.padding = VALID


def fused(graph: Graph) -> list[Any]:
    """Return the operators with a fused activation."""
    every = operators(graph, *CONVOLUTIONS, "ADD", "FULLY_CONNECTED")
    return [each for each in every if each.builtinOptions.fusedActivationFunction != NONE]


def drop_activation(graph: Graph, operator: Any) -> None:
    """Remove an operator's fused activation, or the sigmoid factor of a SiLU."""
    if name_of(graph, operator) == "MUL":
        drop_gate(graph, operator)
    else:
        operator.builtinOptions.fusedActivationFunction = NONE


def silus(graph: Graph) -> list[Any]:
    """Return the multiplications of a tensor by its own sigmoid."""
    return [operator for operator, source, of in _gated(graph) if of == source]


def gates(graph: Graph) -> list[Any]:
    """Return the multiplications of a tensor by a sigmoid of another (squeeze-and-excite)."""
    return [operator for operator, source, of in _gated(graph) if of != source]


def drop_gate(graph: Graph, operator: Any) -> None:
    """Remove the sigmoid that a tensor is multiplied by."""
    every = _gated(graph)
    bypass(graph, operator, next(source for each, source, _ in every if each is operator))


def _gated(graph: Graph) -> Iterator[tuple[Any, int, int]]:
    """Yield multiplications by a sigmoid, with the other factor and the sigmoid's input."""
    computed_by = makers(graph)
    for operator in operators(graph, "MUL"):
        first, second = map(int, operator.inputs)
        for source, gate in ((first, second), (second, first)):
            maker = computed_by.get(gate)
            if maker is not None and name_of(graph, maker) == "LOGISTIC":
                yield operator, source, int(maker.inputs[0])
                break


def sums(graph: Graph) -> list[Any]:
    """Return the additions of two computed tensors."""
    return [
        operator
        for operator in operators(graph, "ADD")
        if not any(is_stored(graph, int(tensor)) for tensor in operator.inputs)
    ]


def drop_shortcut(graph: Graph, operator: Any) -> None:
    """Replace a sum with the later of its two tensors."""
    bypass(graph, operator, max(map(int, operator.inputs), key=lambda it: _order(graph, it)))


def drop_block(graph: Graph, operator: Any) -> None:
    """Replace a sum with the earlier of its two tensors, which removes the block between them."""
    bypass(graph, operator, min(map(int, operator.inputs), key=lambda it: _order(graph, it)))


def _order(graph: Graph, tensor: int) -> int:
    """Return the index of the operator that computes a tensor; -1 for the input."""
    maker = makers(graph).get(tensor)
    return -1 if maker is None else _index(graph, maker)


def factors(graph: Graph, *names: str) -> list[tuple[Any, int]]:
    """Return the operators with given names before the first layer, with their constants.

    Raises:
        NotApplicableError: There is none, because normalisation is not part of the graph.
    """
    with_constants = []
    for operator in graph.main.operators:
        name = name_of(graph, operator)
        if name in CONVOLUTIONS:
            break
        stored = [int(it) for it in operator.inputs if is_stored(graph, int(it))]
        if name in names and stored:
            with_constants.append((operator, stored[0]))
    if not with_constants:
        raise NotApplicableError("normalisation is not part of the graph")
    return with_constants


def multiply(graph: Graph, tensor: int, factor: float) -> None:
    """Multiply a stored constant by a factor, through its scale if it has one."""
    maker = makers(graph).get(tensor)
    if maker is not None:
        tensor = int(maker.inputs[0])
    if is_integer(graph, tensor):
        graph.scales(tensor)[0][...] *= np.float32(factor)
    else:
        values = graph.values(tensor)
        values[...] = (values.astype(np.float64) * factor).astype(values.dtype)


def sharpened(good: Good, factor: float) -> Faulty:
    """Return the variant with its logits multiplied, by changing the last layer's numbers."""
    graph = good.graph()
    layer = graph.layers()[-1]
    for tensor in (layer.weights, layer.bias):
        if tensor is not None:
            multiply(graph, tensor, factor)
    if is_integer(graph, layer.output):
        graph.scales(layer.output)[0][...] *= np.float32(factor)
    return Faulty(content=graph.patched(), where=graph.name(layer.weights))


def unfuse(graph: Graph, operator: Any) -> None:
    """Replace an operator's fused activation with a separate operator after it."""
    (output,) = map(int, operator.outputs)
    inner = activation(graph, output, f"unfused/{output}")
    name = UNFUSED[operator.builtinOptions.fusedActivationFunction]
    operator.builtinOptions.fusedActivationFunction = NONE
    operator.outputs = [inner]
    insert_after(graph, operator, graph.operator(name, [inner], [output]))


def reshape(graph: Graph, source: int, target: int) -> Any:
    """Return an operator that gives a tensor the shape of another."""
    shape = np.array(shape_of(graph, target), np.int32)
    stored = graph.add_tensor(source, f"shape/{target}", "int32", shape)
    operator = graph.operator("RESHAPE", [source, stored], [target], "ReshapeOptions")
    operator.builtinOptions.newShape = [int(size) for size in shape]
    return operator


def flatten(graph: Graph, layer: Layer) -> None:
    """Flatten a layer's output and reshape it back."""
    shape = shape_of(graph, layer.output)
    given = activation(graph, layer.output, "given")
    flat = activation(graph, layer.output, "flat", (1, int(np.prod(shape))))
    graph.main.operators[layer.operator].outputs = [given]
    graph.main.operators[layer.operator + 1 : layer.operator + 1] = [
        reshape(graph, given, flat),
        reshape(graph, flat, layer.output),
    ]
