"""Faults of activations' scales: between layers, and at the borders of the model."""

from __future__ import annotations

import msgspec
import numpy as np

from benchmarks.held_out.kinds import Format, Spot, kind
from edgeq.faults.fault import Faulty
from edgeq.faults.good import Good
from edgeq.faults.graph import Graph, Layer
from edgeq.faults.rewiring import name_of, takers

RANGES = ("saturated_activations", "ranges", "damaged_tensor", "calibration")
BORDERS = ("input_range", "input_quantization", "ranges", "damaged_tensor")
OUTPUT = ("output_quantization", "ranges", "saturated_activations", "damaged_tensor")
INT8: tuple[Format, ...] = ("int8",)
TIED = {"MAX_POOL_2D", "AVERAGE_POOL_2D", "RESHAPE", "PAD", "CONCATENATION", "TRANSPOSE"}
"""Operators that must give what they take in the same steps."""


def _rescaled(graph: Graph) -> None:
    """Give every bias the steps that its layer's input and weights ask for."""
    for layer in graph.layers():
        if layer.bias is None:
            continue
        scale, _ = graph.scales(layer.bias)
        asked = graph.scales(layer.input)[0][0] * graph.scales(layer.weights)[0]
        if np.array_equal(scale, asked):
            continue
        values = graph.values(layer.bias)
        ends = np.iinfo(values.dtype)
        values[...] = np.clip(np.rint(values * (scale / asked)), ends.min, ends.max)
        scale[...] = asked


def _activation(good: Good, at: Spot) -> tuple[Graph, Layer]:
    """Return the layer at the spot whose output's steps can be changed for themselves."""
    graph = good.graph()
    taken = takers(graph)
    last = graph.layers()[-1].operator

    def accept(layer: Layer) -> bool:
        after = [name_of(graph, one) for one in taken.get(layer.output, [])]
        return layer.operator != last and bool(after) and TIED.isdisjoint(after)

    return graph, at.nearest(graph, accept)


def _scaled(good: Good, at: Spot, factor: float) -> Faulty:
    graph, layer = _activation(good, at)
    graph.scales(layer.output)[0][...] *= np.float32(factor)
    _rescaled(graph)
    return Faulty(content=graph.patched(), where=graph.name(layer.weights))


@kind("ranges", *RANGES, formats=INT8, by_depth=True)
def range_narrow(good: Good, at: Spot) -> Faulty:
    """What one layer gives is clipped to 40 % of the range that calibration measured."""
    return _scaled(good, at, 0.4)


@kind("ranges", *RANGES, formats=INT8, by_depth=True)
def range_tenth(good: Good, at: Spot) -> Faulty:
    """What one layer gives is clipped to a tenth of the range that calibration measured."""
    return _scaled(good, at, 0.1)


@kind("ranges", *RANGES, formats=INT8, by_depth=True)
def range_wide(good: Good, at: Spot) -> Faulty:
    """What one layer gives has a sixth of its steps left, because one value was far outside."""
    return _scaled(good, at, 6.0)


@kind("ranges", *RANGES, formats=INT8, by_depth=True)
def zero_point_off(good: Good, at: Spot) -> Faulty:
    """The zero point of what one layer gives is off by 25 steps."""
    graph, layer = _activation(good, at)
    points = graph.scales(layer.output)[1]
    points[...] = np.where(points < 0, points + 25, points - 25)
    return Faulty(content=graph.patched(), where=graph.name(layer.weights))


@kind("ranges", *RANGES, formats=INT8)
def ranges_cut(good: Good, at: Spot) -> Faulty:
    """All layers' outputs are clipped to two thirds of the ranges that calibration measured."""
    del at
    graph = good.graph()
    taken = takers(graph)
    for layer in graph.layers()[:-1]:
        after = [name_of(graph, one) for one in taken.get(layer.output, [])]
        if TIED.isdisjoint(after):
            graph.scales(layer.output)[0][...] *= np.float32(2 / 3)
    _rescaled(graph)
    return Faulty(content=graph.patched())


def _input(good: Good) -> tuple[Graph, int]:
    graph = good.graph()
    return graph, int(graph.main.inputs[0])


def _shifted(good: Good, by: int) -> Faulty:
    graph, tensor = _input(good)
    points = graph.scales(tensor)[1]
    points[...] = np.where(points < 0, points + by, points - by)
    return Faulty(content=graph.patched(), where="input")


@kind("borders", *BORDERS, formats=INT8)
def input_scale_2_percent(good: Good, at: Spot) -> Faulty:
    """The input's scale is 2 % too small."""
    del at
    graph, tensor = _input(good)
    graph.scales(tensor)[0][...] *= np.float32(0.98)
    return Faulty(content=graph.patched(), where="input")


@kind("borders", *BORDERS, formats=INT8)
def input_zero_point_1(good: Good, at: Spot) -> Faulty:
    """The input's zero point is off by 1."""
    del at
    return _shifted(good, 1)


@kind("borders", *BORDERS, formats=INT8)
def input_zero_point_10(good: Good, at: Spot) -> Faulty:
    """The input's zero point is off by 10."""
    del at
    return _shifted(good, 10)


@kind("borders", *BORDERS, formats=INT8)
def input_scale_for_signed(good: Good, at: Spot) -> Faulty:
    """The input's scale is half of what the pixels need: the upper half of them is clipped."""
    del at
    graph, tensor = _input(good)
    graph.scales(tensor)[0][...] *= np.float32(0.5)
    return Faulty(content=graph.patched(), where="input")


def _output_scaled(good: Good, factor: float) -> Faulty:
    graph = good.graph()
    layer = graph.layers()[-1]
    graph.scales(layer.output)[0][...] *= np.float32(factor)
    return Faulty(content=graph.patched(), where=graph.name(layer.weights))


@kind("borders", *OUTPUT, formats=INT8)
def output_range_half(good: Good, at: Spot) -> Faulty:
    """The logits are clipped to half of the range that calibration measured."""
    del at
    return _output_scaled(good, 0.5)


@kind("borders", *OUTPUT, formats=INT8)
def output_range_fivefold(good: Good, at: Spot) -> Faulty:
    """The logits have a fifth of their steps left."""
    del at
    return _output_scaled(good, 5.0)


@kind("borders", *OUTPUT, formats=INT8)
def output_zero_point_off(good: Good, at: Spot) -> Faulty:
    """The zero point of the logits is off by 60 steps, so that the largest are clipped."""
    del at
    graph = good.graph()
    layer = graph.layers()[-1]
    points = graph.scales(layer.output)[1]
    points[...] = np.minimum(points + 60, 127)
    return Faulty(content=graph.patched(), where=graph.name(layer.weights))


CALIBRATION = ("calibration", "saturated_activations", "ranges")


def _noise(good: Good, at: Spot, mean: float, spread: float) -> bytes:
    shape = (8, *good.calibration.pixels.shape[1:])
    drawn = at.generator().normal(mean, spread, shape)
    return good.calibrated_on_pixels("noise", np.clip(np.rint(drawn), 0, 255).astype(np.uint8))


@kind("calibration", *CALIBRATION, formats=INT8)
def calibrated_on_noise(good: Good, at: Spot) -> bytes:
    """The calibration images are noise of high contrast."""
    return _noise(good, at, 128, 90)


@kind("calibration", *CALIBRATION, formats=INT8)
def calibrated_on_dark(good: Good, at: Spot) -> bytes:
    """The calibration images are as dark as photographs taken at night, and blurred."""
    return _noise(good, at, 12, 6)


@kind("calibration", *CALIBRATION, "input_range", formats=INT8)
def calibrated_on_black(good: Good, at: Spot) -> bytes:
    """The calibration images are black."""
    del at
    shape = (2, *good.calibration.pixels.shape[1:])
    return good.calibrated_on_pixels("black", np.zeros(shape, np.uint8))


@kind("calibration", *CALIBRATION, formats=INT8)
def calibrated_on_one_image(good: Good, at: Spot) -> bytes:
    """There is a single calibration image."""
    photos = good.calibration.images.photos
    chosen = int(at.generator().integers(len(photos)))
    return good.calibrated_on((photos[chosen],), good.calibration.preprocessing)


@kind("calibration", *CALIBRATION, "input_range", formats=INT8)
def calibrated_on_other_range(good: Good, at: Spot) -> bytes:
    """The calibration images are scaled to half of the range that the model takes."""
    del at
    own = good.calibration.preprocessing
    std = (own.std[0] * 2, own.std[1] * 2, own.std[2] * 2)
    how = msgspec.structs.replace(own, std=std)
    return good.calibrated_on(good.calibration.images.photos, how)


@kind("calibration", *CALIBRATION, formats=INT8)
def calibrated_on_grey(good: Good, at: Spot) -> bytes:
    """The calibration images are of one grey each."""
    shape = (8, *good.calibration.pixels.shape[1:])
    greys = at.generator().integers(60, 200, 8).astype(np.uint8)
    return good.calibrated_on_pixels(
        "grey", np.broadcast_to(greys.reshape(8, 1, 1, 1), shape).copy()
    )
