"""Harmless changes of a good file: nothing may fail, and no cause may be named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.held_out.kinds import FORMATS, INTEGER, Format, Kind, Maker, Spot
from edgeq.config.methods import METHODS, MethodChoice
from edgeq.errors import EdgeqError
from edgeq.faults.fault import Faulty, NotApplicableError
from edgeq.faults.good import Good, baseline_layers
from edgeq.faults.graph import (
    Graph,
    by_channel,
    is_integer,
    is_scaled,
    real,
    steps,
    store,
)
from edgeq.faults.rewiring import (
    CONVOLUTIONS,
    UNFUSED,
    activation,
    flatten,
    fused,
    is_stored,
    makers,
    operators,
    reshape,
    shape_of,
    takers,
    unfuse,
)
from edgeq.quantize.make import make_variant

HARMLESS: list[Kind] = []
"""All harmless changes, in order."""

MAPS = 4


def harmless(formats: tuple[Format, ...] = FORMATS) -> Callable[[Maker], Maker]:
    """Register a function as a harmless change; its docstring's first line says what changes."""

    def register(make: Maker) -> Maker:
        name = getattr(make, "__name__", "")
        HARMLESS.append(Kind(name, "file", ("none",), make, formats))
        return make

    return register


@harmless()
def as_it_is(good: Good, at: Spot) -> bytes:
    """The file is what edgeq made, brought as a file."""
    del at
    return good.content


@harmless()
def written_anew(good: Good, at: Spot) -> bytes:
    """Another writer arranged the file's tables and buffers."""
    del at
    return good.graph().packed()


@harmless()
def renamed(good: Good, at: Spot) -> bytes:
    """All tensors have other names."""
    del at
    graph = good.graph()
    for number, tensor in enumerate(graph.main.tensors):
        tensor.name = f"n/{number}"
    return graph.packed()


@harmless()
def nameless(good: Good, at: Spot) -> bytes:
    """Tensors have no names at all."""
    del at
    graph = good.graph()
    for tensor in graph.main.tensors:
        tensor.name = ""
    return graph.packed()


@harmless()
def names_exchanged(good: Good, at: Spot) -> bytes:
    """The names of all tensors belong to others."""
    graph = good.graph()
    tensors = graph.main.tensors
    names = [one.name for one in tensors]
    for tensor, number in zip(tensors, at.generator().permutation(len(names)), strict=True):
        tensor.name = names[int(number)]
    return graph.packed()


@harmless()
def tensors_reordered(good: Good, at: Spot) -> bytes:
    """Tensors have other numbers."""
    graph = good.graph()
    graph.renumber(at.generator().permutation(len(graph.main.tensors)))
    return graph.packed()


@harmless()
def operators_reordered(good: Good, at: Spot) -> bytes:
    """Operators are in another order in which each still comes after what it needs."""
    graph, generator = good.graph(), at.generator()
    waiting = list(graph.main.operators)
    made = {int(it) for one in waiting for it in one.outputs}
    order: list[Any] = []
    done: set[int] = set()
    while waiting:
        ready = [one for one in waiting if not ({int(it) for it in one.inputs} & made) - done]
        chosen = ready[int(generator.integers(len(ready)))]
        waiting = [one for one in waiting if one is not chosen]
        order.append(chosen)
        done |= {int(it) for it in chosen.outputs}
    if all(one is other for one, other in zip(order, graph.main.operators, strict=True)):
        raise NotApplicableError("every operator needs the one before")
    graph.main.operators = order
    return graph.packed()


@harmless()
def buffers_reordered(good: Good, at: Spot) -> bytes:
    """Buffers lie in another order in the file."""
    graph = good.graph()
    buffers = graph.model.buffers
    order = np.concatenate([[0], 1 + at.generator().permutation(len(buffers) - 1)])
    place = np.argsort(order)
    graph.model.buffers = [buffers[int(one)] for one in order]
    for subgraph in graph.model.subgraphs:
        for tensor in subgraph.tensors:
            tensor.buffer = int(place[tensor.buffer])
    for one in graph.model.metadata or ():
        one.buffer = int(place[one.buffer])
    return graph.packed()


@harmless()
def buffers_shared(good: Good, at: Spot) -> bytes:
    """Constants of the same bytes are stored once."""
    del at
    graph = good.graph()
    first: dict[bytes, int] = {}
    shared = 0
    for tensor in graph.main.tensors:
        data = graph.model.buffers[tensor.buffer].data
        if data is None or not len(data):
            continue
        known = first.setdefault(data.tobytes(), tensor.buffer)
        shared += known != tensor.buffer
        tensor.buffer = known
    if not shared:
        raise NotApplicableError("no two constants have the same bytes")
    return graph.packed()


@harmless()
def buffers_apart(good: Good, at: Spot) -> bytes:
    """Every tensor has a buffer of its own."""
    del at
    graph = good.graph()
    seen: set[int] = set()
    copied = 0
    for tensor in graph.main.tensors:
        data = graph.model.buffers[tensor.buffer].data
        stored = data is not None and len(data) > 0
        if tensor.buffer in seen or not stored:
            made = graph.schema.BufferT()
            made.data = data.copy() if stored else None
            tensor.buffer = len(graph.model.buffers)
            graph.model.buffers.append(made)
            copied += 1
        seen.add(tensor.buffer)
    if not copied:
        raise NotApplicableError("every tensor has its own already")
    return graph.packed()


@harmless()
def described_otherwise(good: Good, at: Spot) -> bytes:
    """Description and metadata are others."""
    del at
    graph = good.graph()
    graph.model.description = "Converted by another program."
    note, buffer = graph.schema.MetadataT(), graph.schema.BufferT()
    buffer.data = np.frombuffer(b"1.15.0", np.uint8)
    note.name, note.buffer = "min_runtime_version", len(graph.model.buffers)
    graph.model.buffers.append(buffer)
    graph.model.metadata = [note]
    return graph.packed()


@harmless()
def unused_tensors(good: Good, at: Spot) -> bytes:
    """There are tensors that no operator takes or makes, one of them with numbers."""
    del at
    graph = good.graph()
    graph.add_tensor(int(graph.main.inputs[0]), "left/over", "float32")
    left = np.linspace(-3, 3, 5 * 4).astype(np.float32).reshape(5, 4)
    graph.add_tensor(int(graph.main.inputs[0]), "left/weights", "float32", left)
    return graph.packed()


@harmless()
def operator_codes_reordered(good: Good, at: Spot) -> bytes:
    """The table of operators' codes is in another order, with one that is not used."""
    graph = good.graph()
    graph.code("FLOOR")
    graph.recode(at.generator().permutation(len(graph.model.operatorCodes)))
    return graph.packed()


@harmless()
def deprecated_codes(good: Good, at: Spot) -> bytes:
    """Operators' codes are in the field that old converters wrote alone."""
    del at
    graph = good.graph()
    for code in graph.model.operatorCodes:
        code.deprecatedBuiltinCode = max(code.builtinCode, code.deprecatedBuiltinCode)
        if code.deprecatedBuiltinCode > 126:  # what the old field can hold
            raise NotApplicableError("it has operators that the old field can't hold")
        code.builtinCode = 0
    return graph.packed()


@harmless()
def signature_renamed(good: Good, at: Spot) -> bytes:
    """The signature has another key and other names."""
    del at
    graph = good.graph()
    if not graph.model.signatureDefs:
        raise NotApplicableError("it has no signature")
    for one in graph.model.signatureDefs:
        one.signatureKey = "classify"
        for number, tensor in enumerate((*one.inputs, *one.outputs)):
            tensor.name = f"tensor_{number}"
    return graph.packed()


@harmless()
def without_signature(good: Good, at: Spot) -> bytes:
    """The file has no signature."""
    del at
    graph = good.graph()
    if not graph.model.signatureDefs:
        raise NotApplicableError("it has none")
    graph.model.signatureDefs = []
    return graph.packed()


def _fused(graph: Graph) -> list[Any]:
    every = [one for one in fused(graph) if one.builtinOptions.fusedActivationFunction in UNFUSED]
    if not every:
        raise NotApplicableError("no activation is fused")
    return every


@harmless()
def activation_unfused(good: Good, at: Spot) -> bytes:
    """One layer's activation is an operator of its own."""
    graph = good.graph()
    every = _fused(graph)
    unfuse(graph, every[int(at.generator().integers(len(every)))])
    return graph.packed()


@harmless(("float16", "dynamic_range", "weight_only_int8"))
def activations_unfused(good: Good, at: Spot) -> bytes:
    """Every activation is an operator of its own."""
    del at
    graph = good.graph()
    every = _fused(graph)
    for one in every:
        unfuse(graph, one)
    return graph.packed()


@harmless()
def reshape_inserted(good: Good, at: Spot) -> bytes:
    """What one layer gives is flattened and brought back into its shape."""
    graph = good.graph()
    layers = graph.layers()[:-1]
    layer = layers[int(at.generator().integers(len(layers)))]
    flatten(graph, layer)
    return graph.packed()


@harmless(("int8",))
def quantize_inserted(good: Good, at: Spot) -> bytes:
    """What one layer gives goes through a QUANTIZE to the same steps."""
    graph = good.graph()
    layers = graph.layers()[:-1]
    layer = layers[int(at.generator().integers(len(layers)))]
    inner = activation(graph, layer.output, "same/steps")
    graph.main.operators[layer.operator].outputs = [inner]
    graph.main.operators.insert(
        layer.operator + 1, graph.operator("QUANTIZE", [inner], [layer.output])
    )
    return graph.packed()


@harmless()
def transposes_inserted(good: Good, at: Spot) -> bytes:
    """What one layer gives is brought to channels first and back."""
    graph = good.graph()
    maps = [one for one in graph.layers() if len(shape_of(graph, one.output)) == MAPS]
    layer = maps[int(at.generator().integers(len(maps)))]
    batch, height, width, channels = shape_of(graph, layer.output)
    given = activation(graph, layer.output, "channels/last")
    first = activation(graph, layer.output, "channels/first", (batch, channels, height, width))
    graph.main.operators[layer.operator].outputs = [given]
    turned = []
    for source, target, order in (
        (given, first, (0, 3, 1, 2)),
        (first, layer.output, (0, 2, 3, 1)),
    ):
        axes = graph.add_tensor(source, f"order/{target}", "int32", np.array(order, np.int32))
        made = graph.operator("TRANSPOSE", [source, axes], [target])
        made.builtinOptions = graph.schema.TransposeOptionsT()
        made.builtinOptionsType = graph.schema.BuiltinOptions.TransposeOptions
        turned.append(made)
    graph.main.operators[layer.operator + 1 : layer.operator + 1] = turned
    return graph.packed()


def _without_bias(graph: Graph) -> list[Any]:
    return [
        one
        for one in operators(graph, *CONVOLUTIONS, "FULLY_CONNECTED")
        if len(one.inputs) < 3 or int(one.inputs[2]) < 0  # the bias's place
    ]


@harmless()
def zero_bias_added(good: Good, at: Spot) -> bytes:
    """Layers without a bias have one of zeros."""
    del at
    graph = good.graph()
    every = _without_bias(graph)
    if not every:
        raise NotApplicableError("every layer has a bias")
    layers = {one.operator: one for one in graph.layers()}
    for number, one in enumerate(graph.main.operators):
        if not any(one is other for other in every) or number not in layers:
            continue
        layer = layers[number]
        channels = len(by_channel(graph, layer))
        integer = good.variant.method == "int8"
        dtype = "int32" if integer else "float32"
        bias = graph.add_tensor(
            layer.weights, f"bias/{number}", dtype, np.zeros(channels, np.dtype(dtype))
        )
        if integer:
            quantization = graph.schema.QuantizationParametersT()
            scale = graph.scales(layer.input)[0][0] * graph.scales(layer.weights)[0]
            quantization.scale = scale.astype(np.float32)
            quantization.zeroPoint = np.zeros(len(scale), np.int64)
            graph.main.tensors[bias].quantization = quantization
        one.inputs = [*map(int, one.inputs[:2]), bias]
    return graph.packed()


@harmless()
def zero_bias_removed(good: Good, at: Spot) -> bytes:
    """Biases of zeros are left out."""
    del at
    graph = good.graph()
    removed = 0
    for layer in graph.layers():
        if layer.bias is not None and not graph.values(layer.bias).any():
            operator = graph.main.operators[layer.operator]
            operator.inputs = [*map(int, operator.inputs[:2]), -1]
            removed += 1
    if not removed:
        raise NotApplicableError("no bias is 0")
    return graph.packed()


@harmless(INTEGER)
def ties_rounded_otherwise(good: Good, at: Spot) -> bytes:
    """Weights that lie within a hundredth of a step of a half are rounded to the other side."""
    del at
    graph = good.graph()
    baseline, others = baseline_layers(good, graph)
    changed = 0
    for layer in graph.layers():
        if not is_integer(graph, layer.weights):
            continue
        exact = real(baseline, others[layer.operator]) / steps(graph, layer)
        stored = by_channel(graph, layer)
        tied = np.abs(np.abs(exact - np.floor(exact)) - 0.5) < 0.01  # of a step
        other = np.where(np.floor(exact) == stored, np.ceil(exact), np.floor(exact))
        stored[...] = np.where(tied, other.clip(-127, 127), stored).astype(stored.dtype)
        changed += int(tied.sum())
    if not changed:
        raise NotApplicableError("no weight lies at a half")
    return graph.patched()


@harmless(INTEGER)
def one_weight_off(good: Good, at: Spot) -> bytes:
    """One weight of each layer is rounded to the neighbouring step."""
    graph, generator = good.graph(), at.generator()
    for layer in graph.layers():
        values = graph.values(layer.weights)
        if values.dtype.kind != "i":
            continue
        chosen = np.unravel_index(int(generator.integers(values.size)), values.shape)
        values[chosen] -= np.sign(values[chosen])
    return graph.patched()


@harmless(("float16",))
def float16_last_bit(good: Good, at: Spot) -> bytes:
    """One weight in three is rounded to the neighbouring float16."""
    graph, generator = good.graph(), at.generator()
    for layer in graph.layers():
        values = graph.values(layer.weights)
        if values.dtype != np.float16:
            continue
        chosen = generator.random(values.shape) < 1 / 3
        values[chosen] = np.nextafter(values[chosen], np.float16(0))
    return graph.patched()


def _scaled(good: Good, factor: float) -> Faulty:
    """Return the variant of weights quantized with other scales, and biases that fit them."""
    graph = good.graph()
    baseline, others = baseline_layers(good, graph)
    for layer in graph.layers():
        if not is_integer(graph, layer.weights):
            continue
        graph.scales(layer.weights)[0][...] *= np.float32(factor)
        if layer.bias is not None and is_integer(graph, layer.bias):
            values, scale = graph.values(layer.bias), graph.scales(layer.bias)[0]
            values[...] = np.rint(values / factor).astype(values.dtype)
            scale[...] *= np.float32(factor)
        store(graph, layer, real(baseline, others[layer.operator]))
    return Faulty(content=graph.patched())


@harmless(INTEGER)
def scales_wider(good: Good, at: Spot) -> Faulty:
    """All weights were quantized with scales that are 1 % wider."""
    del at
    return _scaled(good, 1.01)


@harmless(INTEGER)
def scales_one_128th(good: Good, at: Spot) -> Faulty:
    """All weights were quantized to 128 steps, as some converters do, not to 127."""
    del at
    return _scaled(good, 127 / 128)


@harmless(("float16", "dynamic_range", "weight_only_int8"))
def weights_decoded(good: Good, at: Spot) -> bytes:
    """One layer's float weights lie behind a DEQUANTIZE or not, other than before."""
    graph = good.graph()
    made = makers(graph)
    for layer in graph.layers():
        operator = graph.main.operators[layer.operator]
        source = int(operator.inputs[1])
        if made.get(source) is None and is_integer(graph, source):
            if layer.name == "FULLY_CONNECTED" or good.variant.method == "dynamic_range":
                continue
            decoded = graph.add_tensor(source, "decoded", "float32")
            operator.inputs = [int(operator.inputs[0]), decoded, *map(int, operator.inputs[2:])]
            graph.main.operators.insert(
                layer.operator, graph.operator("DEQUANTIZE", [source], [decoded])
            )
            return graph.packed()
    del at
    raise NotApplicableError("weights are stored as they are taken")


@harmless(("int8",))
def bias_one_off(good: Good, at: Spot) -> bytes:
    """One bias in ten is rounded to the neighbouring step's nearer side: half a step off."""
    graph, generator = good.graph(), at.generator()
    baseline, others = baseline_layers(good, graph)
    changed = 0
    for layer in graph.layers():
        other = others[layer.operator]
        if layer.bias is None or other.bias is None or not is_scaled(graph, layer):
            continue
        values = graph.values(layer.bias)
        exact = baseline.values(other.bias) / graph.scales(layer.bias)[0].astype(np.float64)
        near = np.abs(exact - np.floor(exact) - 0.5) < 0.02  # of a step
        chosen = near & (generator.random(values.shape) < 1 / 2)
        away = np.where(np.floor(exact) == values, np.ceil(exact), np.floor(exact))
        values[...] = np.where(chosen, away, values).astype(values.dtype)
        changed += int(chosen.sum())
    if not changed:
        raise NotApplicableError("no bias lies at a half")
    return graph.patched()


@harmless()
def added_operands_exchanged(good: Good, at: Spot) -> bytes:
    """Additions and multiplications take their operands in the other order."""
    del at
    graph = good.graph()
    changed = 0
    for one in operators(graph, "ADD", "MUL"):
        first, second = map(int, one.inputs)
        if not is_stored(graph, first) and not is_stored(graph, second):
            one.inputs = [second, first]
            changed += 1
    if not changed:
        raise NotApplicableError("no operator's operands can be exchanged")
    return graph.packed()


@harmless()
def pooled_otherwise(good: Good, at: Spot) -> bytes:
    """The mean over the map keeps its axes and is reshaped, as other converters write it."""
    del at
    graph = good.graph()
    means = [
        one
        for one in operators(graph, "MEAN")
        if len(shape_of(graph, int(one.outputs[0]))) == MAPS - 2
    ]
    if not means:
        raise NotApplicableError("no mean drops its axes")
    last = means[-1]
    (output,) = map(int, last.outputs)
    batch, channels = shape_of(graph, output)
    kept = activation(graph, output, "kept/axes", (batch, 1, 1, channels))
    last.builtinOptions.keepDims = True
    last.outputs = [kept]
    place = next(n for n, one in enumerate(graph.main.operators) if one is last)
    graph.main.operators.insert(place + 1, reshape(graph, kept, output))
    return graph.packed()


@harmless()
def classifier_as_convolution(good: Good, at: Spot) -> bytes:
    """The dense layer is a convolution of one pixel, as other converters write it."""
    del at
    graph = good.graph()
    layer = graph.layers()[-1]
    if layer.name != "FULLY_CONNECTED" or good.variant.method == "dynamic_range":
        raise NotApplicableError("the last layer is not a dense one that can be written so")
    operator = graph.main.operators[layer.operator]
    source = int(operator.inputs[1])
    if len(takers(graph)[source]) > 1 or makers(graph).get(source) is not None:
        raise NotApplicableError("its weights are not stored for it alone")
    outputs, channels = shape_of(graph, layer.weights)
    weights = graph.main.tensors[layer.weights]
    weights.shape, weights.shapeSignature = [outputs, 1, 1, channels], None
    given = activation(graph, layer.input, "pixel", (1, 1, 1, channels))
    made = activation(graph, layer.output, "pixel/scores", (1, 1, 1, outputs))
    code = next(one for one in operators(graph, "CONV_2D")).opcodeIndex
    options = graph.schema.Conv2DOptionsT()
    options.strideH = options.strideW = 1
    options.dilationHFactor = options.dilationWFactor = 1
    options.padding = 1
    options.fusedActivationFunction = operator.builtinOptions.fusedActivationFunction
    operator.opcodeIndex, operator.builtinOptions = code, options
    operator.builtinOptionsType = graph.schema.BuiltinOptions.Conv2DOptions
    operator.inputs = [given, *map(int, operator.inputs[1:])]
    operator.outputs = [made]
    place = layer.operator
    graph.main.operators[place : place + 1] = [
        reshape(graph, layer.input, given),
        operator,
        reshape(graph, made, layer.output),
    ]
    return graph.packed()


@harmless()
def identity_multiplied(good: Good, at: Spot) -> bytes:
    """What goes into the first layer is multiplied by 1."""
    del at
    if good.variant.method == "int8":
        raise NotApplicableError("steps would change")
    graph = good.graph()
    layer = graph.layers()[0]
    operator = graph.main.operators[layer.operator]
    source = int(operator.inputs[0])
    ones = graph.add_tensor(source, "one", "float32", np.ones(1, np.float32))
    made = activation(graph, source, "times/one")
    times = graph.operator("MUL", [source, ones], [made])
    times.builtinOptions = graph.schema.MulOptionsT()
    times.builtinOptionsType = graph.schema.BuiltinOptions.MulOptions
    operator.inputs = [made, *map(int, operator.inputs[1:])]
    graph.main.operators.insert(layer.operator, times)
    return graph.packed()


@harmless(("int8", "float16", "dynamic_range"))
def other_engine(good: Good, at: Spot) -> bytes:
    """TensorFlow's converter made the variant, from the same baseline and calibration images."""
    del at
    method = good.variant.method or ""
    calibrated = METHODS.get(method).needs_calibration
    inputs = good.variant.inputs
    try:
        made = make_variant(
            MethodChoice(f"{method}@tensorflow", method, "tensorflow"),
            inputs.baseline,
            good.calibration if calibrated else None,
            good.variant.run.store,
        )
    except EdgeqError as error:
        raise NotApplicableError(error.what) from error
    return made.path.read_bytes()


@harmless(("int8",))
def published(good: Good, at: Spot) -> bytes:
    """Somebody else quantized the same float model and published it: MLPerf Tiny's ResNet8."""
    del at
    source = good.variant.spec.models[good.variant.model].source
    path = Path(source.replace("_float.tflite", "_int8.tflite"))
    if path == Path(source) or not path.is_file():
        raise NotApplicableError("nobody published one")
    return path.read_bytes()
