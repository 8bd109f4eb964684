"""Faults of what goes in and of what comes out: preprocessing, photographs, labels, the file."""

from __future__ import annotations

import msgspec
import numpy as np

from benchmarks.held_out.kinds import Array, Spot, kind
from edgeq.faults import preprocessing
from edgeq.faults.fault import Faulty, NotApplicableError
from edgeq.faults.good import Good
from edgeq.faults.preprocessing import compressed, photographed

RANGE = ("input_range",)
RESIZE = ("resize",)
ORDER = ("channel_order",)
LABELS = ("label_order", "label_offset")
CAMERA = ("samples", "channel_order", "input_range")


def _fed(good: Good, **fields: object) -> Faulty:
    own = good.variant.preprocessing
    other = msgspec.structs.replace(own, **fields)
    if other == own:
        raise NotApplicableError("the variant is fed so anyway")
    return Faulty(preprocessing=other)


@kind("feeding", *ORDER)
def channels_swapped(good: Good, at: Spot) -> Faulty:
    """Red and blue are swapped."""
    del at
    return _fed(good, channels="rgb" if good.variant.preprocessing.channels == "bgr" else "bgr")


@kind("feeding", *RANGE)
def contrast_90(good: Good, at: Spot) -> Faulty:
    """The input is 10 % smaller than it should be."""
    del at
    return _fed(good, std=tuple(one / 0.9 for one in good.variant.preprocessing.std))


@kind("feeding", *RANGE)
def unit_range(good: Good, at: Spot) -> Faulty:
    """Pixels go in from 0 to 1."""
    del at
    return _fed(good, mean=(0.0,) * 3, std=(255.0,) * 3)


@kind("feeding", *RANGE)
def mean_off_25(good: Good, at: Spot) -> Faulty:
    """The mean is too high by 25 of 255."""
    del at
    return _fed(good, mean=tuple(25 + one for one in good.variant.preprocessing.mean))


@kind("feeding", *RANGE)
def torch_range(good: Good, at: Spot) -> Faulty:
    """Pixels go in with ImageNet's mean and deviation."""
    del at
    return _fed(good, mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375))


@kind("feeding", *RESIZE, needs={"resized"})
def nearest(good: Good, at: Spot) -> Faulty:
    """Photographs are resized by picking the nearest pixel."""
    del at
    return _fed(good, filter="nearest")


@kind("feeding", *RESIZE, needs={"resized"})
def bilinear(good: Good, at: Spot) -> Faulty:
    """Photographs are resized bilinearly."""
    del at
    return _fed(good, filter="bilinear")


@kind("feeding", *RESIZE, needs={"resized"})
def cropped(good: Good, at: Spot) -> Faulty:
    """The middle of photographs is cut out, 80 % of the shorter side."""
    del at
    return _fed(good, resize="centre_crop", crop_fraction=0.8)


@kind("feeding", *RESIZE)
def cropped_60(good: Good, at: Spot) -> Faulty:
    """The middle of photographs is cut out, 60 % of the shorter side."""
    del at
    return _fed(good, resize="centre_crop", crop_fraction=0.6)


@kind("photographs", *CAMERA)
def jpeg_10(good: Good, at: Spot) -> Faulty:
    """The device sees photographs as JPEGs of quality 10."""
    del at
    return photographed(good, "jpeg-10", compressed(10))


@kind("photographs", *CAMERA)
def jpeg_40(good: Good, at: Spot) -> Faulty:
    """The device sees photographs as JPEGs of quality 40."""
    del at
    return photographed(good, "jpeg-40", compressed(40))


@kind("photographs", *CAMERA)
def grey(good: Good, at: Spot) -> Faulty:
    """The device sees photographs in grey."""
    del at
    luma = preprocessing.BT601[:1].T
    return photographed(good, "grey", lambda pixels: np.repeat(pixels @ luma, 3, axis=2))


@kind("photographs", *CAMERA)
def other_matrix(good: Good, at: Spot) -> Faulty:
    """The device's YUV of BT.601 is read as BT.709."""
    del at
    return photographed(good, "bt709", preprocessing.other_matrix)


@kind("photographs", *CAMERA)
def limited_range(good: Good, at: Spot) -> Faulty:
    """The device's YUV of 16 to 235 is read as if it went from 0 to 255."""
    del at
    return photographed(good, "limited", preprocessing.limited_range)


def _classes(good: Good) -> int:
    return int(good.variant.predictions.scores.shape[1])


def _reordered(good: Good, order: Array) -> Faulty:
    """Return the variant with its classes in another order."""
    graph = good.graph()
    layer = graph.layers()[-1]
    if len(graph.values(layer.weights)) != len(order):
        raise NotApplicableError("the last layer does not give the classes")
    for tensor in (layer.weights, layer.bias):
        if tensor is None:
            continue
        parts = [graph.values(tensor)]
        quantization = graph.main.tensors[tensor].quantization
        if quantization is not None:
            stored = (quantization.scale, quantization.zeroPoint)
            parts += [one for one in stored if one is not None]
        for part in parts:
            if len(part) == len(order):
                part[...] = part[order].copy()
    return Faulty(content=graph.patched())


@kind("labels", *LABELS)
def classes_rolled(good: Good, at: Spot) -> Faulty:
    """The variant's classes are some places too high."""
    by = int(at.generator().integers(1, 5))
    return _reordered(good, np.roll(np.arange(_classes(good)), by))


@kind("labels", *LABELS)
def classes_permuted(good: Good, at: Spot) -> Faulty:
    """The variant's classes are in another order."""
    return _reordered(good, at.generator().permutation(_classes(good)))


@kind("labels", *LABELS)
def two_classes_swapped(good: Good, at: Spot) -> Faulty:
    """Two of the variant's classes are swapped, the most frequent one and another."""
    answers = good.variant.predictions
    counts = np.bincount(answers.predicted, minlength=answers.scores.shape[1])
    one, other = np.argsort(-counts, kind="stable")[[0, int(at.generator().integers(1, 4))]]
    order = np.arange(len(counts))
    order[[one, other]] = order[[other, one]]
    return _reordered(good, order)


@kind("labels", *LABELS, needs={"labelled"})
def labels_rolled(good: Good, at: Spot) -> Faulty:
    """The labels of the evaluation set are some places too high."""
    if "accuracy_drop" in good.variant.spec.gates.off.get("", ()):
        raise NotApplicableError("no gate looks at labels")
    by = int(at.generator().integers(1, 5))
    return Faulty(labels=(good.evaluation_labels + by) % _classes(good))


@kind("file", "damaged_file")
def cut_off(good: Good, at: Spot) -> bytes:
    """The end of the file is missing, up to a fifth of it."""
    share = at.generator().uniform(0.8, 0.99)
    return good.content[: int(len(good.content) * share)]


@kind("file", "damaged_file", "damaged_tensor")
def page_zeroed(good: Good, at: Spot) -> bytes:
    """A page of 4 kB in the middle of the file is 0."""
    content = bytearray(good.content)
    start = int(at.generator().integers(len(content) // 4, len(content) // 2))
    content[start : start + 4096] = bytes(len(content[start : start + 4096]))
    return bytes(content)


@kind("file", "wrong_types")
def unquantized(good: Good, at: Spot) -> bytes:
    """The file is the float model under the variant's name."""
    del at
    return good.baseline


@kind("file", "damaged_tensor", "damaged_file")
def bytes_swapped(good: Good, at: Spot) -> bytes:
    """A third of the stored weights' bytes are swapped in pairs, as by a program of other order."""
    del at
    graph = good.graph()
    layers = graph.layers()
    for layer in layers[: max(1, len(layers) // 3)]:
        data = graph.values(layer.weights).reshape(-1).view(np.uint8)
        pairs = data[: len(data) // 2 * 2].reshape(-1, 2)
        pairs[...] = pairs[:, ::-1].copy()
    return graph.patched()
