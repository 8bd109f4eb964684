"""Faults that the diagnosis was not developed with: other layers, sizes and seeds.

Importing it adds them to the catalogue, as a package of one's own would. ``challenge.py
--held-out`` tries them alone.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np

from edgeq.faults.fault import BUILT_IN, Faulty, NotApplicableError, Place, new_fault
from edgeq.faults.good import Good
from edgeq.faults.graph import Array, Graph, Layer

SEED = 1009
QUANTIZED = {"int8", "uint8", "int16"}

NAMES: list[str] = []
"""The faults of this file, in order."""

Change = Callable[[Graph, Layer], None]
Maker = Callable[[Good], "bytes | Faulty"]


def add(name: str, place: Place, cause: str) -> Callable[[Maker], Maker]:
    """Register a function as a fault."""

    def register(maker: Maker) -> Maker:
        BUILT_IN.add(name, new_fault(maker, name, place, "medium", cause))
        NAMES.append(name)
        return maker

    return register


def on_layers(name: str, place: Place, cause: str, *depths: float) -> Callable[[Change], Change]:
    """Register a change of one layer as a fault at each of some depths, from 0 to 1."""

    def register(change: Change) -> Change:
        for depth in depths:

            def maker(good: Good, depth: float = depth) -> bytes:
                graph = good.graph()
                layers = graph.layers()
                change(graph, layers[round(depth * (len(layers) - 1))])
                return graph.patched()

            maker.__doc__ = change.__doc__
            add(f"{name}@{depth:g}", place, cause)(maker)
        return change

    return register


def output_scales(graph: Graph, layer: Layer) -> tuple[Array, Array]:
    """Return scale and zero point of what a layer computes."""
    if graph.dtype(layer.output) not in QUANTIZED:
        raise NotApplicableError("the variant's activations are not quantized")
    return graph.scales(layer.output)


@on_layers("weights_zeroed", "weights", "damaged_tensor", 0.15, 0.9)
def weights_zeroed(graph: Graph, layer: Layer) -> None:
    """The weights of one layer are 0."""
    graph.values(layer.weights)[...] = 0


@on_layers("weights_negated", "weights", "damaged_tensor", 0.2, 0.7)
def weights_negated(graph: Graph, layer: Layer) -> None:
    """The weights of one layer have the other sign."""
    values = graph.values(layer.weights)
    values[...] = -np.maximum(values, -127)


@on_layers("weights_reversed", "weights", "damaged_tensor", 0.1, 0.8)
def weights_reversed(graph: Graph, layer: Layer) -> None:
    """The weights of one layer are in the reverse order."""
    values = graph.values(layer.weights)
    values[...] = values.ravel()[::-1].reshape(values.shape).copy()


@on_layers("half_the_channels_zeroed", "weights", "damaged_tensor", 0.3, 0.85)
def half_the_channels_zeroed(graph: Graph, layer: Layer) -> None:
    """Every other output channel of one layer is 0."""
    values = graph.values(layer.weights)
    if layer.name == "DEPTHWISE_CONV_2D":
        values[..., ::2] = 0
    else:
        values[::2] = 0


@on_layers("one_layer_foreign", "weights", "damaged_tensor", 0.4)
def one_layer_foreign(graph: Graph, layer: Layer) -> None:
    """The weights of one layer are noise of the same spread."""
    values = graph.values(layer.weights)
    drawn = np.random.default_rng(SEED).normal(0, values.astype(np.float32).std(), values.shape)
    values[...] = np.clip(drawn, -127, 127).astype(values.dtype)


@on_layers("weight_scale_doubled", "quantization", "damaged_tensor", 0.25, 0.75)
def weight_scale_doubled(graph: Graph, layer: Layer) -> None:
    """The weights of one layer are read with twice their scale."""
    graph.scales(layer.weights)[0][...] *= np.float32(2)


@on_layers("activation_zero_point_other_end", "quantization", "saturated_activations", 0.1, 0.8)
def activation_zero_point_other_end(graph: Graph, layer: Layer) -> None:
    """The zero point of one layer's activations is at the other end of their range."""
    _, points = output_scales(graph, layer)
    points[...] = np.where(points > 0, -128, 127)


@on_layers("activation_scale_fifth", "quantization", "saturated_activations", 0.2, 0.6, 0.85)
def activation_scale_fifth(graph: Graph, layer: Layer) -> None:
    """The scale of one layer's activations is a fifth."""
    output_scales(graph, layer)[0][...] /= np.float32(5)


@on_layers("activation_scale_tenfold", "quantization", "damaged_tensor", 0.15, 0.75)
def activation_scale_tenfold(graph: Graph, layer: Layer) -> None:
    """The scale of one layer's activations is tenfold."""
    output_scales(graph, layer)[0][...] *= np.float32(10)


@add("input_scale_quarter", "quantization", "input_range")
def input_scale_quarter(good: Good) -> bytes:
    """The input's scale is a quarter."""
    graph = good.graph()
    graph.scales(int(graph.main.inputs[0]))[0][...] /= np.float32(4)
    return graph.patched()


@add("input_scale_threefold", "quantization", "input_range")
def input_scale_threefold(good: Good) -> bytes:
    """The input's scale is threefold."""
    graph = good.graph()
    graph.scales(int(graph.main.inputs[0]))[0][...] *= np.float32(3)
    return graph.patched()


@add("input_zero_point_by_64", "quantization", "input_range")
def input_zero_point_by_64(good: Good) -> bytes:
    """The input's zero point is off by 64 steps."""
    graph = good.graph()
    points = graph.scales(int(graph.main.inputs[0]))[1]
    points[...] = np.where(points < 0, points + 64, points - 64)
    return graph.patched()


@add("output_scale_third", "quantization", "output_quantization")
def output_scale_third(good: Good) -> bytes:
    """The scale of the last layer's output is a third."""
    graph = good.graph()
    output_scales(graph, graph.layers()[-1])[0][...] /= np.float32(3)
    return graph.patched()


@add("output_zero_point", "quantization", "output_quantization")
def output_zero_point(good: Good) -> bytes:
    """The zero point of the last layer's output is at the end of its range."""
    graph = good.graph()
    output_scales(graph, graph.layers()[-1])[1][...] = 127
    return graph.patched()


@add("two_bits", "weights", "damaged_tensor")
def two_bits(good: Good) -> bytes:
    """The weights of the second half of the layers have three levels left."""
    graph = good.graph()
    layers = graph.layers()
    for layer in layers[len(layers) // 2 :]:
        values = graph.values(layer.weights)
        values[...] = np.rint(values / 64).clip(-1, 1) * 64
    return graph.patched()


@add("other_seed", "weights", "wrong_checkpoint")
def other_seed(good: Good) -> bytes:
    """All weights are those of a network that was never trained."""
    graph = good.graph()
    generator = np.random.default_rng(SEED)
    for layer in graph.layers():
        values = graph.values(layer.weights)
        values[...] = generator.integers(-127, 128, values.shape)
    return graph.patched()


@add("first_third_foreign", "weights", "wrong_checkpoint")
def first_third_foreign(good: Good) -> bytes:
    """The first third of the layers has each the weights of another network."""
    graph = good.graph()
    layers = graph.layers()
    generator = np.random.default_rng(SEED)
    for layer in layers[: len(layers) // 3]:
        values = graph.values(layer.weights)
        values[...] = generator.permutation(values.ravel()).reshape(values.shape)
    return graph.patched()


@add("earlier_epoch", "weights", "wrong_checkpoint")
def earlier_epoch(good: Good) -> bytes:
    """All weights differ by a third of their spread, as in an earlier epoch's checkpoint."""
    graph = good.graph()
    generator = np.random.default_rng(SEED)
    for layer in graph.layers():
        values = graph.values(layer.weights)
        noise = generator.normal(0, values.astype(np.float32).std() / 3, values.shape)
        values[...] = np.clip(np.rint(values + noise), -127, 127)
    return graph.patched()


@on_layers("bias_zeroed", "bias", "damaged_tensor", 0.0, 1.0)
def bias_zeroed(graph: Graph, layer: Layer) -> None:
    """The biases of one layer are 0."""
    if layer.bias is None:
        raise NotApplicableError("the layer has no bias")
    graph.values(layer.bias)[...] = 0


@add("biases_doubled", "bias", "damaged_tensor")
def biases_doubled(good: Good) -> bytes:
    """All biases are twice as large."""
    graph = good.graph()
    for layer in graph.layers():
        if layer.bias is not None:
            values = graph.values(layer.bias)
            values[...] = np.clip(values.astype(np.int64) * 2, -(2**31), 2**31 - 1)
    return graph.patched()


@add("calibrated_on_dim_noise", "activations", "calibration")
def calibrated_on_dim_noise(good: Good) -> bytes:
    """The calibration images are noise around grey."""
    shape = (8, *good.calibration.pixels.shape[1:])
    noise = np.random.default_rng(SEED).normal(128, 30, shape)
    return good.calibrated_on_pixels("dim-noise", np.clip(noise, 0, 255).astype(np.uint8))


@add("calibrated_on_white", "activations", "calibration")
def calibrated_on_white(good: Good) -> bytes:
    """The calibration images are white."""
    shape = (2, *good.calibration.pixels.shape[1:])
    return good.calibrated_on_pixels("white", np.full(shape, 255, np.uint8))


@add("calibrated_on_a_fifth", "activations", "calibration")
def calibrated_on_a_fifth(good: Good) -> bytes:
    """The calibration images are scaled to a fifth of the range."""
    own = good.calibration.preprocessing
    std = (own.std[0] * 5, own.std[1] * 5, own.std[2] * 5)
    how = msgspec.structs.replace(own, std=std)
    return good.calibrated_on(good.calibration.images.photos, how)


def cut(good: Good, share: float) -> bytes:
    """Return the variant with all activations' ranges cut, biases rescaled."""
    graph = good.graph()
    for tensor in dict.fromkeys(graph.activations()):
        graph.scales(tensor)[0][...] *= np.float32(share)
    for layer in graph.layers():
        if layer.bias is not None:
            scale, _ = graph.scales(layer.bias)
            wanted = graph.scales(layer.input)[0][0] * graph.scales(layer.weights)[0]
            values = graph.values(layer.bias)
            values[...] = np.clip(np.rint(values * (scale / wanted)), -(2**31), 2**31 - 128)
            scale[...] = wanted
    return graph.patched()


@add("ranges_cut_to_half", "activations", "saturated_activations")
def ranges_cut_to_half(good: Good) -> bytes:
    """The ranges of all activations are cut to a half."""
    return cut(good, 0.5)


@add("ranges_cut_to_a_tenth", "activations", "saturated_activations")
def ranges_cut_to_a_tenth(good: Good) -> bytes:
    """The ranges of all activations are cut to a tenth."""
    return cut(good, 0.1)


def fed(good: Good, **fields: object) -> Faulty:
    """Return another preprocessing."""
    return Faulty(preprocessing=msgspec.structs.replace(good.preprocessing, **fields))


@add("range_0_10", "preprocessing", "input_range")
def range_0_10(good: Good) -> Faulty:
    """Pixels go in from 0 to 10: no range that anybody uses."""
    return fed(good, mean=(0.0,) * 3, std=(25.5,) * 3)


@add("contrast_third", "preprocessing", "input_range")
def contrast_third(good: Good) -> Faulty:
    """The input is a third of what it should be."""
    own = good.preprocessing
    return fed(good, std=tuple(3 * one for one in own.std))


@add("mean_off", "preprocessing", "input_range")
def mean_off(good: Good) -> Faulty:
    """The mean is too high by 90 of 255."""
    own = good.preprocessing
    return fed(good, mean=tuple(90 + one for one in own.mean))


@add("cropped_to_a_third", "preprocessing", "resize")
def cropped_to_a_third(good: Good) -> Faulty:
    """Photographs are cut to a third of their middle."""
    return fed(good, resize="centre_crop", crop_fraction=0.34)


@add("cropped_to_70", "preprocessing", "resize")
def cropped_to_70(good: Good) -> Faulty:
    """Photographs are cut to 70 % of their middle."""
    return fed(good, resize="centre_crop", crop_fraction=0.7)


@add("swapped_and_cropped", "preprocessing", "channel_order")
def swapped_and_cropped(good: Good) -> Faulty:
    """Red and blue are swapped, and photographs are cut."""
    order = "rgb" if good.preprocessing.channels == "bgr" else "bgr"
    return fed(good, channels=order, resize="centre_crop", crop_fraction=0.8)


def reordered(good: Good, order: Array) -> bytes:
    """Return the variant with its classes in another order."""
    graph = good.graph()
    layer = graph.layers()[-1]
    for tensor in (layer.weights, layer.bias):
        if tensor is None:
            continue
        for part in (graph.values(tensor), *graph.scales(tensor)):
            if len(part) == len(order):
                part[...] = part[order].copy()
    return graph.patched()


def classes_of(good: Good) -> int:
    """Return the number of classes."""
    return len(good.graph().values(good.graph().layers()[-1].weights))


@add("classes_off_by_3", "labels", "label_offset")
def classes_off_by_3(good: Good) -> bytes:
    """The variant's classes are three too low."""
    return reordered(good, np.roll(np.arange(classes_of(good)), -3))


@add("classes_reversed", "labels", "label_order")
def classes_reversed(good: Good) -> bytes:
    """The variant's classes are in the reverse order."""
    return reordered(good, np.arange(classes_of(good))[::-1].copy())


@add("classes_blocks_swapped", "labels", "label_order")
def classes_blocks_swapped(good: Good) -> bytes:
    """The variant's classes are in blocks of 37 that are in another order."""
    order = np.arange(classes_of(good))
    blocks = np.array_split(order, len(order) // 37)
    chosen = np.random.default_rng(SEED).permutation(len(blocks))
    return reordered(good, np.concatenate([blocks[one] for one in chosen]))


@add("labels_off_by_2", "labels", "label_offset")
def labels_off_by_2(good: Good) -> Faulty:
    """The labels of the evaluation set are two too low."""
    return Faulty(labels=(good.evaluation_labels - 2) % classes_of(good))


@add("labels_rolled", "labels", "label_order")
def labels_rolled(good: Good) -> Faulty:
    """Each label of the evaluation set is that of the photograph 7 places before."""
    return Faulty(labels=np.roll(good.evaluation_labels, 7))


@add("cut_at_99", "file", "damaged_file")
def cut_at_99(good: Good) -> bytes:
    """The last hundredth of the file is missing."""
    return good.content[: len(good.content) * 99 // 100]


@add("start_overwritten", "file", "damaged_file")
def start_overwritten(good: Good) -> bytes:
    """The first 4 kB of the file are 0, as after a disk's failure."""
    return bytes(4096) + good.content[4096:]


@add("few_weight_bits_flipped", "file", "damaged_tensor")
def few_weight_bits_flipped(good: Good) -> bytes:
    """One weight in fifty has its second bit flipped."""
    graph = good.graph()
    generator = np.random.default_rng(SEED)
    for layer in graph.layers():
        values = graph.values(layer.weights).reshape(-1)
        chosen = generator.choice(values.size, -(-values.size // 50), replace=False)
        values.view(np.uint8)[chosen] ^= np.uint8(0xC0)
    return graph.patched()
