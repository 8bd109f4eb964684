"""Faults in activation ranges: calibrated on the wrong images, or cut."""

from __future__ import annotations

from collections import Counter

import msgspec
import numpy as np

from edgeq.faults.fault import ANYTHING, INPUT, Faulty, NotApplicableError, fault
from edgeq.faults.good import Good
from edgeq.faults.graph import Graph, graph_fault

SEED = 23
SCALE_FACTOR = 0.25
NOISE_IMAGES = 16


@fault("calibrated_on_noise", "activations", "high", "calibration")
def calibrated_on_noise(good: Good) -> bytes:
    """The calibration images are noise."""
    shape = (NOISE_IMAGES, *good.calibration.pixels.shape[1:])
    noise = np.random.default_rng(SEED).integers(0, 256, shape, np.uint8)
    return good.calibrated_on_pixels("noise", noise)


@fault("calibrated_on_black", "activations", "high", "calibration", shown_by=INPUT)
def calibrated_on_black(good: Good) -> bytes:
    """The calibration images are black."""
    shape = (2, *good.calibration.pixels.shape[1:])
    return good.calibrated_on_pixels("black", np.zeros(shape, np.uint8))


@fault("calibrated_on_one_image", "activations", "medium", "calibration")
def calibrated_on_one_image(good: Good) -> bytes:
    """There is a single calibration image."""
    calibration = good.calibration
    if len(calibration.images.photos) == 1:
        raise NotApplicableError("the calibration set is a single image already")
    return good.calibrated_on(calibration.images.photos[:1], calibration.preprocessing)


@fault("calibrated_on_one_class", "activations", "low", "calibration")
def calibrated_on_one_class(good: Good) -> bytes:
    """The calibration images are all of one class."""
    calibration = good.calibration
    photos = calibration.images.photos
    counts = Counter(photo.label for photo in photos if photo.label is not None)
    if not counts or (most := counts.most_common(1)[0])[1] in (1, len(photos)):
        raise NotApplicableError("no class has several, but not all, of the calibration images")
    chosen = tuple(photo for photo in photos if photo.label == most[0])
    return good.calibrated_on(chosen, calibration.preprocessing)


@fault("calibrated_on_other_range", "activations", "high", "calibration", shown_by=INPUT)
def calibrated_on_other_range(good: Good) -> bytes:
    """The calibration images are scaled to a hundredth of the range that the model takes."""
    calibration = good.calibration
    own = calibration.preprocessing
    std = (own.std[0] * 100, own.std[1] * 100, own.std[2] * 100)
    return good.calibrated_on(calibration.images.photos, msgspec.structs.replace(own, std=std))


@fault("calibrated_on_evaluation", "activations", "medium", "overlap", shown_by=ANYTHING)
def calibrated_on_evaluation(good: Good) -> Faulty:
    """One of the calibration images is an evaluation image too."""
    evaluation = good.variant.inputs.images.evaluation
    if evaluation is None:
        raise NotApplicableError("there are no evaluation images")
    return Faulty(calibration=(*good.calibration.images.photos, evaluation.photos[0]))


@graph_fault("ranges_cut", "activations", "high", "saturated_activations")
def ranges_cut(graph: Graph) -> None:
    """The ranges of all activations are cut to a quarter."""
    for tensor in dict.fromkeys(graph.activations()):
        graph.scales(tensor)[0][...] *= np.float32(SCALE_FACTOR)
    _rescale_biases(graph)


def _rescale_biases(graph: Graph) -> None:
    """Adapt the biases to the new scale of their layer's input."""
    for layer in graph.layers():
        if layer.bias is None:
            continue
        scale, _ = graph.scales(layer.bias)
        new_scale = graph.scales(layer.input)[0][0] * graph.scales(layer.weights)[0]
        values = graph.values(layer.bias)
        ends = np.iinfo(values.dtype)
        values[...] = np.clip(np.rint(values * (scale / new_scale)), ends.min, ends.max)
        scale[...] = new_scale
