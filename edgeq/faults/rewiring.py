"""Edits of a model's graph that keep it one that a converter could have written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from edgeq.faults.fault import Faulty, NotApplicableError
from edgeq.faults.good import Good
from edgeq.faults.graph import Graph, Layer
from edgeq.faults.stored import is_integer

CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")
SAME, VALID = 0, 1
NONE, RELU, RELU6 = 0, 1, 3
UNFUSED = {RELU: "RELU", RELU6: "RELU6"}
"""Operators of their own for fused activations."""


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


Choose = Callable[[Graph], Sequence[Any]]
Edit = Callable[[Graph, Any], None]


def rewired(good: Good, depth: float, choose: Choose, edit: Edit) -> Faulty:
    """Return the variant with one operator edited: the nearest to a depth that allows it.

    Args:
        good: The good variant.
        depth: From 0 to 1 along the operators that are chosen.
        choose: Returns the operators that may be edited.
        edit: Edits one of them in its graph.

    Raises:
        NotApplicableError: None can be edited.
    """
    count = len(choose(good.graph()))
    middle = depth * (count - 1)
    reason = "the network has no such operator"
    for number in sorted(range(count), key=lambda one: (abs(one - middle), one)):
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
    return [one for one in every if shape_of(graph, int(one.inputs[1]))[1] > 1]


def padded(graph: Graph) -> list[Any]:
    """Return the convolutions that pad their input."""
    return [one for one in spatial(graph) if one.builtinOptions.padding == SAME]


def padded_at_the_end(graph: Graph) -> list[Any]:
    """Return the convolutions of stride 2 that pad less at the top and left, or not at all."""
    return [
        one
        for one in padded(graph)
        if one.builtinOptions.strideH == 2  # noqa: PLR2004
        and shape_of(graph, int(one.inputs[0]))[1] % 2 == 0
        and shape_of(graph, int(one.inputs[1]))[1] % 2 == 1
    ]


def pad_at_both_sides(graph: Graph, operator: Any) -> None:
    """Let a convolution of stride 2 pad as PyTorch does: the same at the top as at the bottom."""
    source = int(operator.inputs[0])
    batch, height, width, channels = shape_of(graph, source)
    kernel = shape_of(graph, int(operator.inputs[1]))[1]
    side = kernel // 2
    other = max(kernel - 2 - side, 0)
    inner = (batch, height + side + other, width + side + other, channels)
    made = activation(graph, source, "padded", inner)
    sides = np.array([[0, 0], [side, other], [side, other], [0, 0]], np.int32)
    amounts = graph.add_tensor(source, "padded/sides", "int32", sides)
    pad = graph.operator("PAD", [source, amounts], [made])
    pad.builtinOptions = graph.schema.PadOptionsT()
    pad.builtinOptionsType = graph.schema.BuiltinOptions.PadOptions
    insert_before(graph, operator, pad)
    operator.inputs = [made, *map(int, operator.inputs[1:])]
    operator.builtinOptions.padding = VALID


def unpad(_: Graph, operator: Any) -> None:
    """Let a convolution not pad its input."""
    operator.builtinOptions.padding = VALID


def fused(graph: Graph) -> list[Any]:
    """Return the operators with a fused activation."""
    every = operators(graph, *CONVOLUTIONS, "ADD", "FULLY_CONNECTED")
    return [one for one in every if one.builtinOptions.fusedActivationFunction != NONE]


def drop_activation(graph: Graph, operator: Any) -> None:
    """Drop an operator's fused activation, or what a sigmoid is multiplied with of its own."""
    if name_of(graph, operator) != "MUL":
        operator.builtinOptions.fusedActivationFunction = NONE
        return
    bypass(graph, operator, _source(graph, operator))


def silus(graph: Graph) -> list[Any]:
    """Return the multiplications of a tensor with its own sigmoid."""
    return [one for one, source, of in _gated(graph) if of == source]


def gates(graph: Graph) -> list[Any]:
    """Return the multiplications of a tensor with a sigmoid of what was squeezed out of it."""
    return [one for one, source, of in _gated(graph) if of != source]


def drop_gate(graph: Graph, operator: Any) -> None:
    """Let a tensor pass without the sigmoid that it is multiplied with."""
    bypass(graph, operator, _source(graph, operator))


def _source(graph: Graph, operator: Any) -> int:
    return next(source for one, source, _ in _gated(graph) if one is operator)


def _gated(graph: Graph) -> Iterator[tuple[Any, int, int]]:
    """Yield multiplications with a sigmoid, what is multiplied, and what the sigmoid is of."""
    made = makers(graph)
    for one in operators(graph, "MUL"):
        first, second = map(int, one.inputs)
        for source, gate in ((first, second), (second, first)):
            maker = made.get(gate)
            if maker is not None and name_of(graph, maker) == "LOGISTIC":
                yield one, source, int(maker.inputs[0])
                break


def sums(graph: Graph) -> list[Any]:
    """Return the additions of two computed tensors."""
    return [
        one
        for one in operators(graph, "ADD")
        if not any(is_stored(graph, int(tensor)) for tensor in one.inputs)
    ]


def drop_shortcut(graph: Graph, operator: Any) -> None:
    """Let the later of two added tensors alone go on."""
    bypass(graph, operator, max(map(int, operator.inputs), key=lambda it: _order(graph, it)))


def drop_block(graph: Graph, operator: Any) -> None:
    """Let the earlier of two added tensors alone go on, so that what made the other is left out."""
    bypass(graph, operator, min(map(int, operator.inputs), key=lambda it: _order(graph, it)))


def _order(graph: Graph, tensor: int) -> int:
    """Return the place of the operator that makes a tensor, -1 for the input."""
    every = [{int(made) for made in one.outputs} for one in graph.main.operators]
    return next((at for at, made in enumerate(every) if tensor in made), -1)


def factors(graph: Graph, *names: str) -> list[tuple[Any, int]]:
    """Return operators before the first layer, of some names, with the constant that they take.

    Raises:
        NotApplicableError: There is none: normalisation is not a part of the graph.
    """
    found = []
    for one in graph.main.operators:
        name = name_of(graph, one)
        if name in CONVOLUTIONS:
            break
        stored = [int(it) for it in one.inputs if is_stored(graph, int(it))]
        if name in names and stored:
            found.append((one, stored[0]))
    if not found:
        raise NotApplicableError("normalisation is not a part of the graph")
    return found


def multiply(graph: Graph, tensor: int, factor: float) -> None:
    """Multiply a stored constant, by its scale if it has one."""
    maker = makers(graph).get(tensor)
    if maker is not None:
        tensor = int(maker.inputs[0])
    if is_integer(graph, tensor):
        graph.scales(tensor)[0][...] *= np.float32(factor)
    else:
        values = graph.values(tensor)
        values[...] = (values.astype(np.float64) * factor).astype(values.dtype)


def sharpened(good: Good, factor: float) -> Faulty:
    """Return the variant with its logits multiplied, by the last layer's numbers."""
    graph = good.graph()
    layer = graph.layers()[-1]
    for tensor in (layer.weights, layer.bias):
        if tensor is not None:
            multiply(graph, tensor, factor)
    if is_integer(graph, layer.output):
        graph.scales(layer.output)[0][...] *= np.float32(factor)
    return Faulty(content=graph.patched(), where=graph.name(layer.weights))


def unfuse(graph: Graph, operator: Any) -> None:
    """Give an operator's activation an operator of its own behind it."""
    (output,) = map(int, operator.outputs)
    inner = activation(graph, output, f"unfused/{output}")
    name = UNFUSED[operator.builtinOptions.fusedActivationFunction]
    operator.builtinOptions.fusedActivationFunction = NONE
    operator.outputs = [inner]
    at = next(n for n, one in enumerate(graph.main.operators) if one is operator)
    graph.main.operators.insert(at + 1, graph.operator(name, [inner], [output]))


def reshape(graph: Graph, source: int, target: int) -> Any:
    """Return an operator that gives a tensor the shape of another."""
    shape = np.array(shape_of(graph, target), np.int32)
    stored = graph.add_tensor(source, f"shape/{target}", "int32", shape)
    made = graph.operator("RESHAPE", [source, stored], [target])
    made.builtinOptions = graph.schema.ReshapeOptionsT()
    made.builtinOptions.newShape = [int(one) for one in shape]
    made.builtinOptionsType = graph.schema.BuiltinOptions.ReshapeOptions
    return made


def flatten(graph: Graph, layer: Layer) -> None:
    """Flatten what a layer gives, and bring it back into its shape."""
    shape = shape_of(graph, layer.output)
    given = activation(graph, layer.output, "given")
    flat = activation(graph, layer.output, "flat", (1, int(np.prod(shape))))
    graph.main.operators[layer.operator].outputs = [given]
    graph.main.operators[layer.operator + 1 : layer.operator + 1] = [
        reshape(graph, given, flat),
        reshape(graph, flat, layer.output),
    ]
