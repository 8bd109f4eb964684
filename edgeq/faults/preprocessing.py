"""Faults in preprocessing: the variant gets other inputs than its baseline.

Some are photographs as a device's camera gives them.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt
from PIL import Image

from edgeq.faults.fault import INPUT, Faulty, NotApplicableError, fault
from edgeq.faults.good import Good
from edgeq.tflite.image_input import GREY, image_input
from edgeq.tflite.model_file import read_content

Three = tuple[float, float, float]
_ZERO, _ONE = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
_TORCH = ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
_TOLERANCE = 1e-6


def _other(good: Good, mean: Three, std: Three) -> Faulty:
    own = good.variant.preprocessing
    if max(abs(a - b) for a, b in zip(own.mean + own.std, mean + std, strict=True)) < _TOLERANCE:
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
    own = good.variant.preprocessing
    cut = msgspec.structs.replace(own, resize="centre_crop", crop_fraction=0.5)
    return Faulty(preprocessing=cut)


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


Reals = npt.NDArray[np.float64]
Change = Callable[[Reals], Reals]

BT601 = np.array([[0.299, 0.587, 0.114], [-0.1687, -0.3313, 0.5], [0.5, -0.4187, -0.0813]])
BT709 = np.array([[0.2126, 0.7152, 0.0722], [-0.1146, -0.3854, 0.5], [0.5, -0.4542, -0.0458]])
"""RGB to YCbCr of the full range, by ITU-R BT.601 and BT.709."""


def photographed(good: Good, name: str, change: Change) -> Faulty:
    """Return the variant with its own photographs, each changed before the resize.

    Args:
        good: The good variant.
        name: Name of the folder that they are written to.
        change: Function that takes and returns pixels from 0 to 255, shape ``(h, w, 3)``.

    Raises:
        NotApplicableError: There are no evaluation images.
    """
    images = good.variant.inputs.images.evaluation
    if images is None:
        raise NotApplicableError("there are no evaluation images")
    folder = good.scratch / "photographs" / name
    for photo in images.photos:
        with Image.open(photo.path) as picture:
            pixels = np.asarray(picture.convert("RGB"), np.float64)
        changed = np.clip(np.rint(change(pixels)), 0, 255).astype(np.uint8)
        path = folder / Path(photo.name).with_suffix(".png")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(changed).save(path, compress_level=1)
    return Faulty(photographs=folder)


def compressed(quality: int) -> Change:
    """Return the change of writing a JPEG of a given quality and reading it back."""

    def change(pixels: Reals) -> Reals:
        buffer = io.BytesIO()
        Image.fromarray(pixels.astype(np.uint8)).save(buffer, "JPEG", quality=quality)
        with Image.open(io.BytesIO(buffer.getvalue())) as picture:
            return np.asarray(picture.convert("RGB"), np.float64)

    return change


def other_matrix(pixels: Reals) -> Reals:
    """Return pixels whose BT.601 YCbCr values are read as BT.709."""
    return np.asarray(pixels @ (BT601.T @ np.linalg.inv(BT709).T))


def limited_range(pixels: Reals) -> Reals:
    """Return pixels from 16 to 235 that were not expanded to 0 to 255."""
    return pixels * (219 / 255) + 16
