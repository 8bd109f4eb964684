"""Held-out faults of what outputs mean: of classes, boxes, maps, points, vectors and values."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from benchmarks.held_out import feeding, graphs, layers, ranges, scales
from benchmarks.held_out.kinds import FORMATS, KINDS, Format, Group, Kind, Maker, Spot
from edgeq.config.structs import Task
from edgeq.diagnosis.reading import COLUMN_ORDER, MAP_SHIFT, MAP_TURN, NOT_NORMALISED, OUTPUT_SCALE
from edgeq.faults import boxes, heads, values
from edgeq.faults.fault import Faulty, NotApplicableError
from edgeq.faults.good import Good
from edgeq.faults.graph import Array, Graph, Layer, is_integer
from edgeq.faults.heads import class_rows, classes_of, moved
from edgeq.faults.preprocessing import Reals, photographed
from edgeq.faults.rewiring import (
    activation,
    bypass,
    is_stored,
    makers,
    name_of,
    operators,
    shape_of,
    takers,
)
from edgeq.faults.values import giving_layer, judged_output, permuted
from edgeq.judge.tensors import DEAD, LOST, ONE_SCALE, ORDER
from edgeq.registry import Registry

GENERAL = (feeding, graphs, layers, ranges, scales)
"""Importing them fills ``KINDS``, with the faults that any network can have."""

GENERAL_GROUPS: tuple[Group, ...] = ("feeding", "photographs", "layer", "bias", "graph", "ranges")

MEANINGS: Registry[Kind] = Registry("kind")
"""The kinds of this module; ``KINDS`` would change what its seeds draw."""

MEANT_FOR: dict[str, tuple[Task, ...]] = {}
"""The tasks that each of them can happen to; all if empty."""

DAMAGED = "damaged_tensor"
CLASSES: tuple[Task, ...] = ("classification", "multilabel", "segmentation", "detection")
MAPS: tuple[Task, ...] = ("segmentation", "image_to_image")


def meaning(
    group: Group, *causes: str, tasks: Collection[Task] = (), formats: tuple[Format, ...] = FORMATS
) -> Callable[[Maker], Maker]:
    """Register a function as a kind of fault of some tasks."""

    def register(make: Maker) -> Maker:
        name = getattr(make, "__name__", "")
        MEANINGS.add(name, Kind(name, group, causes, make, formats))
        MEANT_FOR[name] = tuple(tasks)
        return make

    return register


def _catalogue(name: str, group: Group, make: Callable[[Good], Faulty], *causes: str) -> None:
    """Register a fault of the catalogue that was tuned on other networks."""

    def again(good: Good, at: Spot) -> Faulty:
        del at
        return make(good)

    again.__doc__, again.__name__ = name.replace("_", " "), name
    meaning(group, *causes)(again)


_catalogue("outputs_swapped", "graph", boxes.outputs_swapped.make, ORDER)
_catalogue("one_scale", "graph", boxes.one_scale.make, ONE_SCALE)
_catalogue("outputs_share_scale", "graph", values.outputs_share_scale.make, ONE_SCALE)
_catalogue("heads_swapped", "graph", boxes.heads_swapped.make, LOST, ORDER)
_catalogue("head_dead", "layer", values.head_dead.make, DAMAGED, DEAD)
_catalogue("not_normalised", "graph", values.not_normalised.make, NOT_NORMALISED)


def _in_order(good: Good, order: Array) -> bytes:
    """Return the variant with the classes of its last layers in another order."""
    graph = good.graph()
    for layer, rows in class_rows(good, graph):
        moved(graph, layer, rows, rows[order])
    return graph.patched()


def _classes(good: Good, least: int) -> int:
    count = classes_of(good)
    if count < least:
        raise NotApplicableError("there are too few classes")
    return count


@meaning("labels", "label_offset", "label_order", tasks=CLASSES)
def classes_rolled(good: Good, at: Spot) -> bytes:
    """Classes are some places too high or too low."""
    count = _classes(good, 3)
    by = int(at.generator().integers(1, count))
    return _in_order(good, np.roll(np.arange(count), by))


@meaning("labels", "label_order", tasks=CLASSES)
def classes_reversed(good: Good, at: Spot) -> bytes:
    """The list of classes is read from its end."""
    del at
    return _in_order(good, np.arange(_classes(good, 4))[::-1].copy())


@meaning("labels", "label_order", tasks=CLASSES)
def two_classes_swapped(good: Good, at: Spot) -> bytes:
    """Two of the first ten classes are swapped."""
    count = _classes(good, 3)
    order = np.arange(count)
    pair = at.generator().choice(min(count, 10), 2, replace=False)
    order[pair] = order[pair[::-1]].copy()
    return _in_order(good, order)


@meaning("labels", "label_offset", "label_order", tasks=("classification", "detection"))
def labels_rolled(good: Good, at: Spot) -> Faulty:
    """The labels of the evaluation set are some places too high."""
    count = classes_of(good)
    by = int(at.generator().integers(1, max(2, count - 1)))
    return Faulty(labels=(good.evaluation_labels + by) % count)


@meaning("layer", DAMAGED, DEAD, LOST, tasks=CLASSES)
def class_lost(good: Good, at: Spot) -> Faulty:
    """The weights of one class of the first three are 0."""
    graph, chosen = good.graph(), int(at.generator().integers(3))
    _classes(good, 3)
    for layer, rows in class_rows(good, graph):
        graph.values(layer.weights)[rows[chosen]] = 0
    return Faulty(content=graph.patched())


def _ending(good: Good, graph: Graph, *names: str) -> Any:
    """Return the last operator with a name on the way to the judged output.

    Raises:
        NotApplicableError: There is none before the last layers.
    """
    made, tensor = makers(graph), judged_output(good, graph)
    computed = {layer.output for layer in graph.layers()}
    while tensor in made and tensor not in computed:
        operator = made[tensor]
        if name_of(graph, operator) in names:
            return operator
        inner = [int(index) for index in operator.inputs if int(index) in made]
        tensor = max(inner, key=lambda index: np.prod(shape_of(graph, index)), default=-1)
    raise NotApplicableError("the output does not end so")


@meaning("graph", "other_operator", OUTPUT_SCALE, DAMAGED)
def sigmoid_lost(good: Good, at: Spot) -> bytes:
    """The sigmoid or softmax at the end is left out."""
    del at
    graph = good.graph()
    operator = _ending(good, graph, "LOGISTIC", "SOFTMAX")
    bypass(graph, operator, int(operator.inputs[0]))
    return graph.packed()


@meaning("graph", "other_operator", OUTPUT_SCALE, DAMAGED)
def sigmoid_twice(good: Good, at: Spot) -> bytes:
    """What a sigmoid or softmax gives goes through a sigmoid again."""
    del at
    graph = good.graph()
    _ending(good, graph, "LOGISTIC", "SOFTMAX")
    return _appended(good, graph, "LOGISTIC")


def _appended(
    good: Good,
    graph: Graph,
    name: str,
    constants: Sequence[npt.NDArray[Any]] = (),
    kind: str | None = None,
) -> bytes:
    """Return the file with an operator after the judged output, which must be float.

    Args:
        good: The good variant.
        graph: Its graph.
        name: Name of the operator.
        constants: Its inputs after the first.
        kind: Name of their type without ``Options``; None if it has none.
    """
    output = judged_output(good, graph)
    maker = makers(graph)[output]
    if graph.dtype(output) != "float32" or takers(graph)[output]:
        raise NotApplicableError("the output is not float, or is used again")
    inner = activation(graph, output, "before_end")
    maker.outputs = [inner if int(index) == output else int(index) for index in maker.outputs]
    stored = [
        graph.add_tensor(output, f"end/{at}", str(value.dtype), value)
        for at, value in enumerate(constants)
    ]
    operator = graph.operator(name, [inner, *stored], [output])
    if kind is not None:
        operator.builtinOptionsType = getattr(graph.schema.BuiltinOptions, f"{kind}Options")
        operator.builtinOptions = getattr(graph.schema, f"{kind}OptionsT")()
    graph.main.operators.append(operator)
    return graph.packed()


def _factored(good: Good, factor: float, plus: float = 0.0) -> bytes:
    """Return the file whose judged output is multiplied, and has a constant added."""
    if plus:
        return _appended(good, good.graph(), "ADD", [np.array([plus], np.float32)], kind="Add")
    return _appended(good, good.graph(), "MUL", [np.array([factor], np.float32)], kind="Mul")


VALUES: tuple[Task, ...] = ("keypoints", "regression", "image_to_image")


@meaning("graph", OUTPUT_SCALE, "other_operator", tasks=VALUES)
def other_unit(good: Good, at: Spot) -> bytes:
    """Values come in another unit: between 0.02 and 0.5 or 2 and 50 times as large."""
    generator = at.generator()
    factor = float(np.exp(generator.uniform(np.log(2), np.log(50))))
    return _factored(good, factor if generator.integers(2) else 1 / factor)


@meaning("graph", OUTPUT_SCALE, "other_operator", tasks=VALUES)
def other_origin(good: Good, at: Spot) -> bytes:
    """Values count from another origin: half of their spread is added."""
    del at
    rows = good.variant.baseline.tensors[good.variant.reading.output].rows[:, :]
    return _factored(good, 1.0, float(0.5 * rows.std()))


@meaning("graph", OUTPUT_SCALE, "other_operator", tasks=VALUES)
def sign_lost(good: Good, at: Spot) -> bytes:
    """Values have the other sign."""
    del at
    return _factored(good, -1.0)


@meaning("graph", OUTPUT_SCALE, "other_operator", tasks=("image_to_image",))
def picture_from_minus_1(good: Good, at: Spot) -> bytes:
    """The picture goes from -1 to 1 instead of from 0 to 1."""
    del at
    two, minus = np.array([2.0], np.float32), np.array([-0.5], np.float32)
    graph = good.graph()
    _appended(good, graph, "ADD", [minus], kind="Add")
    return _appended(good, graph, "MUL", [two], kind="Mul")


@meaning("ranges", "output_quantization", "saturated_activations", "ranges", formats=("int8",))
def output_clipped(good: Good, at: Spot) -> Faulty:
    """The last layer's output is clipped to 40 % of the range that calibration measured."""
    del at
    return _rescaled_output(good, 0.4)


@meaning(
    "ranges", "output_quantization", "ranges", DAMAGED, "one_scale_per_tensor", formats=("int8",)
)
def output_coarse(good: Good, at: Spot) -> Faulty:
    """The last layer's output has a twelfth of its steps left."""
    del at
    return _rescaled_output(good, 12.0)


def _rescaled_output(good: Good, factor: float) -> Faulty:
    graph = good.graph()
    for layer in graph.last_layers:
        graph.scales(layer.output)[0][...] *= np.float32(factor)
    return Faulty(content=graph.patched())


@meaning("graph", DAMAGED, OUTPUT_SCALE, "output_quantization")
def logits_flat(good: Good, at: Spot) -> Faulty:
    """What the last layers give is read 0.6 times as large as it is, before any sigmoid."""
    del at
    graph = good.graph()
    for layer in graph.last_layers:
        for tensor in (layer.weights, layer.bias):
            if tensor is None:
                continue
            if is_integer(graph, tensor):
                graph.scales(tensor)[0][...] *= np.float32(0.6)
            else:
                numbers = graph.values(tensor)
                numbers[...] = (numbers * 0.6).astype(numbers.dtype)
        if is_integer(graph, layer.output):
            graph.scales(layer.output)[0][...] *= np.float32(0.6)
    return Faulty(content=graph.patched())


@meaning("graph", COLUMN_ORDER, tasks=("embedding",))
def vector_rolled(good: Good, at: Spot) -> bytes:
    """The values of the embedding begin at another place."""
    count = good.variant.baseline.tensors[good.variant.reading.output].shape[-1]
    return permuted(good, np.roll(np.arange(count), int(at.generator().integers(1, count))))


@meaning("layer", DAMAGED, tasks=("embedding", "keypoints", "image_to_image"))
def half_negated(good: Good, at: Spot) -> Faulty:
    """Half of the values have the other sign."""
    graph = good.graph()
    layer = giving_layer(good, graph)
    count = len(graph.values(layer.weights))
    rows = at.generator().permutation(count)[: max(1, count // 2)]
    return _negated(graph, layer, rows)


def _negated(graph: Graph, layer: Layer, rows: Array) -> Faulty:
    for tensor in (layer.weights, layer.bias):
        if tensor is not None:
            stored = graph.values(tensor)
            stored[rows] = -stored[rows]
    return Faulty(content=graph.patched(), where=graph.name(layer.weights))


@meaning("graph", OUTPUT_SCALE, "output_quantization", DAMAGED, tasks=("embedding",))
def other_length(good: Good, at: Spot) -> bytes:
    """Vectors have the length 0.5."""
    del at
    return _factored(good, 0.5)


def _order_of_points(good: Good, arrange: Callable[[Array], Array]) -> bytes:
    count = good.variant.baseline.tensors[good.variant.reading.output].shape[-1]
    return permuted(good, arrange(np.arange(count).reshape(-1, 2)).ravel())


@meaning("graph", COLUMN_ORDER, tasks=("keypoints",))
def points_reversed(good: Good, at: Spot) -> bytes:
    """Points are counted from the last one."""
    del at
    return _order_of_points(good, lambda order: order[::-1].copy())


@meaning("graph", COLUMN_ORDER, tasks=("keypoints",))
def points_by_axis(good: Good, at: Spot) -> bytes:
    """All x come first, then all y."""
    del at
    return _order_of_points(good, lambda order: order.T.copy())


@meaning("layer", DAMAGED, DEAD, LOST, tasks=("keypoints",))
def point_lost(good: Good, at: Spot) -> Faulty:
    """One point is always at the same place."""
    graph = good.graph()
    layer = giving_layer(good, graph)
    weights = graph.values(layer.weights)
    first = 2 * int(at.generator().integers(len(weights) // 2))
    weights[first : first + 2] = 0
    return Faulty(content=graph.patched(), where=graph.name(layer.weights))


@meaning("graph", MAP_SHIFT, tasks=MAPS)
def map_moved(good: Good, at: Spot) -> bytes:
    """The map lies some pixels too far up or down and left or right."""
    graph = good.graph()
    shape = shape_of(graph, judged_output(good, graph))
    down, right = (int(by) for by in at.generator().integers(-5, 6, 2))
    if not (down or right):
        down = 2
    sides = np.zeros((len(shape), 2), np.int32)
    begin = np.zeros(len(shape), np.int32)
    for axis, by in ((1, down), (2, right)):
        sides[axis] = (by, 0) if by > 0 else (0, -by)
        begin[axis] = max(0, -by)
    return _padded_and_cut(good, graph, sides, begin)


def _padded_and_cut(good: Good, graph: Graph, sides: Array, begin: Array) -> bytes:
    output = judged_output(good, graph)
    shape = np.array(shape_of(graph, output), np.int32)
    _appended(good, graph, "SLICE", [begin, shape], kind="Slice")
    inner = int(makers(graph)[output].inputs[0])
    wide = activation(graph, inner, "wide", tuple(int(n) for n in shape + sides.sum(axis=1)))
    amounts = graph.add_tensor(inner, "sides", "int32", sides)
    pad = graph.operator("PAD", [inner, amounts], [wide])
    pad.builtinOptionsType = graph.schema.BuiltinOptions.PadOptions
    pad.builtinOptions = graph.schema.PadOptionsT()
    last = graph.main.operators[-1]
    last.inputs = [wide, *map(int, last.inputs[1:])]
    graph.main.operators.insert(len(graph.main.operators) - 1, pad)
    return graph.packed()


@meaning("graph", MAP_TURN, "other_operator", tasks=MAPS)
def map_mirrored(good: Good, at: Spot) -> bytes:
    """The map is mirrored, left for right."""
    del at
    return _appended(good, good.graph(), "REVERSE_V2", [np.array([2], np.int32)], kind="ReverseV2")


@meaning("graph", MAP_TURN, "other_operator", tasks=MAPS)
def map_transposed(good: Good, at: Spot) -> bytes:
    """Rows and columns of the map are exchanged."""
    del at
    order = [np.array([0, 2, 1, 3], np.int32)]
    return _appended(good, good.graph(), "TRANSPOSE", order, kind="Transpose")


def _resizes(graph: Graph) -> list[Any]:
    every = list(operators(graph, "RESIZE_BILINEAR"))
    if not every:
        raise NotApplicableError("nothing is resized")
    return every


@meaning("graph", "other_operator", MAP_SHIFT, tasks=MAPS)
def resized_otherwise(good: Good, at: Spot) -> bytes:
    """Maps are enlarged with other corners: aligned ones, or half pixels that are not counted."""
    del at
    graph = good.graph()
    for operator in _resizes(graph):
        options = operator.builtinOptions
        options.halfPixelCenters = not options.halfPixelCenters
        options.alignCorners = False
    return graph.packed()


@meaning("graph", "other_operator", tasks=MAPS)
def resized_by_nearest(good: Good, at: Spot) -> bytes:
    """Maps are enlarged by the nearest pixel."""
    del at
    graph = good.graph()
    for operator in _resizes(graph):
        own = operator.builtinOptions
        operator.opcodeIndex = graph.code("RESIZE_NEAREST_NEIGHBOR")
        operator.builtinOptionsType = graph.schema.BuiltinOptions.ResizeNearestNeighborOptions
        operator.builtinOptions = graph.schema.ResizeNearestNeighborOptionsT()
        operator.builtinOptions.halfPixelCenters = own.halfPixelCenters
    return graph.packed()


@meaning("graph", COLUMN_ORDER, tasks=("image_to_image",))
def picture_channels_rotated(good: Good, at: Spot) -> bytes:
    """The picture's channels come as green, blue, red."""
    del at
    return permuted(good, np.array([1, 2, 0]))


@meaning("layer", DAMAGED, LOST, tasks=("detection",))
def sides_exchanged(good: Good, at: Spot) -> bytes:
    """Width and height of boxes are exchanged."""
    del at
    graph = good.graph()
    for layer, rows in boxes.box_rows(good, graph):
        moved(graph, layer, rows, rows[[0, 1, 3, 2]])
    return graph.patched()


@meaning("bias", DAMAGED, tasks=("detection",))
def boxes_wider(good: Good, at: Spot) -> bytes:
    """What becomes the width of boxes is too large by 0.8."""
    del at
    graph = good.graph()
    for layer, rows in boxes.box_rows(good, graph):
        _added(graph, layer, rows[2:3], 0.8)
    return graph.patched()


@meaning("bias", DAMAGED, tasks=("detection",))
def scores_lowered(good: Good, at: Spot) -> bytes:
    """What becomes the scores of classes is too small by 1."""
    del at
    graph = good.graph()
    for layer, rows in class_rows(good, graph):
        _added(graph, layer, rows, -1.0)
    return graph.patched()


@meaning("layer", DAMAGED, LOST, DEAD, tasks=("detection",))
def level_dead(good: Good, at: Spot) -> Faulty:
    """One of the last layers has no weights: boxes of one size are lost, or of all."""
    graph = good.graph()
    last = graph.last_layers
    layer = last[int(at.generator().integers(len(last)))]
    graph.values(layer.weights)[...] = 0
    return Faulty(content=graph.patched(), where=graph.name(layer.weights))


@meaning("layer", DAMAGED, LOST, DEAD, tasks=("detection",))
def objectness_constant(good: Good, at: Spot) -> bytes:
    """Whether there is an object at all is the same everywhere."""
    del at
    graph = good.graph()
    heads.require_detector(good)
    for layer, rows in boxes.box_rows(good, graph):
        if len(graph.values(layer.weights)) <= rows[-1] + 1:
            raise NotApplicableError("there is no objectness")
        graph.values(layer.weights)[rows[-1] + 1] = 0
    return graph.patched()


def _added(graph: Graph, layer: Layer, rows: Array, by: float) -> None:
    if layer.bias is None:
        raise NotApplicableError("the layer has no bias")
    bias = graph.values(layer.bias)
    if graph.dtype(layer.bias) == "int32":
        scale = graph.scales(layer.bias)[0]
        step = scale[rows] if len(scale) > 1 else scale[0]
        bias[rows] += np.rint(by / step).astype(bias.dtype)
    else:
        bias[rows] += np.asarray(by, bias.dtype)


@meaning("graph", DAMAGED, "other_operator", tasks=("detection",))
def constant_off(good: Good, at: Spot) -> Faulty:
    """A constant between the last layers and the boxes (stride, anchors) is twice as large."""
    graph = good.graph()
    after = max(layer.operator for layer in graph.last_layers)
    chosen = []
    for operator in graph.main.operators[after + 1 :]:
        if name_of(graph, operator) in {"MUL", "DIV"}:
            chosen += [int(index) for index in operator.inputs if is_stored(graph, int(index))]
    if not chosen:
        raise NotApplicableError("the graph does not scale boxes by constants")
    tensor = chosen[int(at.generator().integers(len(chosen)))]
    if is_integer(graph, tensor):
        graph.scales(tensor)[0][...] *= np.float32(2)
    else:
        graph.values(tensor)[...] *= 2
    return Faulty(content=graph.patched(), where=graph.name(tensor))


@meaning("feeding", "resize")
def other_geometry(good: Good, at: Spot) -> Faulty:
    """Photographs are padded in place of stretched, or stretched in place of padded."""
    del at
    own = good.variant.preprocessing
    other: Literal["whole", "letterbox"] = "letterbox" if own.resize == "whole" else "whole"
    return Faulty(preprocessing=msgspec.structs.replace(own, resize=other))


def _mirrored(pixels: Reals) -> Reals:
    return np.ascontiguousarray(pixels[:, ::-1])


def _shaken(pixels: Reals) -> Reals:
    by = max(2, len(pixels) // 16)
    return np.roll(pixels, (by, by), axis=(0, 1))


def _gamma(pixels: Reals) -> Reals:
    return np.asarray(255 * (pixels / 255) ** 2.2)


@meaning("photographs", "samples")
def mirrored(good: Good, at: Spot) -> Faulty:
    """The device mirrors photographs."""
    del at
    return photographed(good, "mirrored", _mirrored)


@meaning("photographs", "samples")
def shaken(good: Good, at: Spot) -> Faulty:
    """The device's photographs lie a sixteenth of their height further down and right."""
    del at
    return photographed(good, "shaken", _shaken)


@meaning("photographs", "samples", "input_range")
def linear_light(good: Good, at: Spot) -> Faulty:
    """The device delivers photographs in linear light."""
    del at
    return photographed(good, "linear", _gamma)


def general() -> tuple[Kind, ...]:
    """Return the kinds that any network can have, of ``KINDS``."""
    return tuple(kind for _, kind in KINDS if kind.group in GENERAL_GROUPS)
