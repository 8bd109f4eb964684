"""Faults in preprocessing: the variant gets other inputs than its baseline."""

from __future__ import annotations

from typing import Literal

import msgspec

from edgeq.config.structs import Preprocessing
from edgeq.faults.fault import INPUT, Faulty, NotApplicableError, fault
from edgeq.faults.good import Good
from edgeq.faults.photographs import compressed, limited_range, other_matrix, photographed
from edgeq.tflite.image_input import GREY, image_input
from edgeq.tflite.model_file import read_content

Three = tuple[float, float, float]
_ZERO, _ONE = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
_TORCH = ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
_TINY = 1e-6


def _other(good: Good, mean: Three, std: Three) -> Faulty:
    own = good.variant.preprocessing
    if max(abs(a - b) for a, b in zip(own.mean + own.std, mean + std, strict=True)) < _TINY:
        raise NotApplicableError("this is the range that the variant takes")
    return Faulty(preprocessing=msgspec.structs.replace(own, mean=mean, std=std))


@fault("channels_swapped", "preprocessing", "medium", "channel_order")
def channels_swapped(good: Good) -> Faulty:
    """Red and blue are swapped."""
    own = good.variant.preprocessing
    file = read_content(good.variant.path, good.content)
    image = image_input(file.tensors[file.inputs[0]].shape)
    if image is not None and image.channels == GREY:
        raise NotApplicableError("the input has one channel")
    order: Literal["rgb", "bgr"] = "rgb" if own.channels == "bgr" else "bgr"
    return Faulty(preprocessing=msgspec.structs.replace(own, channels=order))


@fault("range_0_1", "preprocessing", "high", "input_range", shown_by=INPUT)
def range_0_1(good: Good) -> Faulty:
    """Pixels range from 0 to 1."""
    return _other(good, _ZERO, (255.0, 255.0, 255.0))


@fault("range_minus_1_1", "preprocessing", "high", "input_range", shown_by=INPUT)
def range_minus_1_1(good: Good) -> Faulty:
    """Pixels range from -1 to 1."""
    own = good.variant.preprocessing
    if all(
        abs(a - 127.5) < 1 and abs(b - 127.5) < 1 for a, b in zip(own.mean, own.std, strict=True)
    ):
        raise NotApplicableError("this is the range that the variant takes")
    return _other(good, (127.5, 127.5, 127.5), (127.5, 127.5, 127.5))


@fault("range_0_255", "preprocessing", "high", "input_range", shown_by=INPUT)
def range_0_255(good: Good) -> Faulty:
    """Pixels range from 0 to 255: rescaling is missing."""
    return _other(good, _ZERO, _ONE)


@fault("range_torch", "preprocessing", "high", "input_range", shown_by=INPUT)
def range_torch(good: Good) -> Faulty:
    """Pixels are normalized with ImageNet's mean and standard deviation."""
    return _other(good, *_TORCH)


@fault("rescaled_twice", "preprocessing", "high", "input_range", shown_by=INPUT)
def rescaled_twice(good: Good) -> Faulty:
    """The rescaling is done twice."""
    own = good.variant.preprocessing
    mean, std = zip(
        *((m + s * m, s * s) for m, s in zip(own.mean, own.std, strict=True)), strict=True
    )
    return _other(good, (mean[0], mean[1], mean[2]), (std[0], std[1], std[2]))


@fault("mean_missing", "preprocessing", "high", "input_range", shown_by=INPUT)
def mean_missing(good: Good) -> Faulty:
    """The mean is not subtracted."""
    return _other(good, _ZERO, good.variant.preprocessing.std)


@fault("resize_nearest", "preprocessing", "low", "resize")
def resize_nearest(good: Good) -> Faulty:
    """Photographs are resized by picking the nearest pixel."""
    own = good.variant.preprocessing
    if own.filter == "nearest":
        raise NotApplicableError("this is the variant's own filter")
    return Faulty(preprocessing=msgspec.structs.replace(own, filter="nearest"))


@fault("cropped", "preprocessing", "medium", "resize")
def cropped(good: Good) -> Faulty:
    """Photographs are cropped to half of their central square."""
    cut = Preprocessing(resize="centre_crop", crop_fraction=0.5)
    own = good.variant.preprocessing
    return Faulty(
        preprocessing=msgspec.structs.replace(
            own, resize=cut.resize, crop_fraction=cut.crop_fraction
        )
    )


@fault("resize_geometry", "preprocessing", "low", "resize")
def resize_geometry(good: Good) -> Faulty:
    """The whole photograph is squeezed instead of being cropped or padded, or vice versa."""
    own = good.variant.preprocessing
    other: Literal["whole", "centre_crop"] = "centre_crop" if own.resize == "whole" else "whole"
    return Faulty(preprocessing=msgspec.structs.replace(own, resize=other))


@fault("jpeg_quality", "preprocessing", "low", "samples")
def jpeg_quality(good: Good) -> Faulty:
    """The device sees photographs as JPEGs of quality 20."""
    return photographed(good, "jpeg-20", compressed(20))


@fault("colour_matrix", "preprocessing", "low", "samples")
def colour_matrix(good: Good) -> Faulty:
    """The device reads YUV of BT.601 as BT.709."""
    return photographed(good, "bt709", other_matrix)


@fault("yuv_range", "preprocessing", "low", "samples")
def yuv_range(good: Good) -> Faulty:
    """The device's YUV ranges from 16 to 235 but is read as 0 to 255."""
    return photographed(good, "limited", limited_range)
