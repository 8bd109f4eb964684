"""How an input takes images: rows, columns and channels in its shape, pixels in its type. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgeq.tflite.model_file import ModelFile, Tensor

RANK = 4
GREY, RGB = 1, 3
LEVELS = 256
MIN_LEVELS = 200
"""Different values that a quantized input must make of the 256 levels of a pixel. Deviations that
differ between channels, as ImageNet's, leave 234."""
_SIGNED = 128


@dataclass(frozen=True)
class ImageInput:
    """An input that takes images.

    Attributes:
        height: In pixels; 0 if it is open.
        width: In pixels, likewise.
        channels: ``GREY`` or ``RGB``.
        channels_first: Whether the channels come before the rows, as in PyTorch.
    """

    height: int
    width: int
    channels: int
    channels_first: bool

    @property
    def sides(self) -> tuple[int, int, int]:
        """The shape of one image."""
        if self.channels_first:
            return self.channels, self.height, self.width
        return self.height, self.width, self.channels


def image_input(shape: Sequence[int | None]) -> ImageInput | None:
    """Return how an input of a shape takes images, None if it takes anything else.

    Channels that are open count as RGB. If both the second and the last dimension may be channels,
    the last one is.

    Args:
        shape: With the batch first, and None or -1 for open dimensions.
    """
    if len(shape) != RANK:
        return None
    _, first, second, last = (0 if side is None or side < 0 else side for side in shape)
    if last in (GREY, RGB):
        return ImageInput(first, second, last, channels_first=False)
    if first in (GREY, RGB):
        return ImageInput(second, last, first, channels_first=True)
    return None if last else ImageInput(first, second, RGB, channels_first=False)


def only_image_size(model: ModelFile) -> tuple[int, int]:
    """Return height and width of a model's only input; 0 and 0 if it takes no image."""
    return image_size(model.tensors[model.inputs[0]].shape) if len(model.inputs) == 1 else (0, 0)


def image_size(shape: Sequence[int]) -> tuple[int, int]:
    """Return height and width of the images that an input takes; 0 and 0 if it takes none."""
    image = image_input(shape)
    return (0, 0) if image is None else (image.height, image.width)


def is_integer(entry: Tensor) -> bool:
    """Return whether an input takes integers without a scale: what goes in is what is stored."""
    return entry.dtype.startswith(("int", "uint")) and not entry.scales.size


def unchanged_pixels(entry: Tensor, like: Tensor | None = None) -> tuple[float, float] | None:
    """Return the mean and deviation with which an integer input stores pixels as they are.

    Pixels become ``(pixel - mean) / std``, and the input stores that by its scale. int8 can't hold
    pixels above 127 and stores them less 128.

    ``like`` is the baseline's input, if this is a variant's. If it takes pixels as integers of the
    same type without a scale, an application gives both files the same integers.

    Returns:
        None for real numbers, and for quantized signed integers, whose scale says which real
        numbers they stand for, but not which pixels these are.
    """
    alike = like is not None and is_integer(like) and like.dtype == entry.dtype
    pixels = entry.dtype == "uint8" or alike
    scaled = pixels and entry.scales.size == 1 and entry.scales[0] > 0
    if not (is_integer(entry) or scaled):
        return None
    shift = _SIGNED if entry.dtype == "int8" else 0
    if not scaled:
        return float(shift), 1.0
    return float(entry.zero_point + shift), 1 / float(entry.scales[0])


def unchanged_note(entry: Tensor) -> str:
    """Return what an input gets that stores pixels as they are, as a sentence."""
    less = f" less {_SIGNED}" if entry.dtype == "int8" else ""
    return f"The input is {entry.dtype}: pixels from 0 to 255 go in as they are{less}"


def holds_pixels(entry: Tensor, mean: Sequence[float], std: Sequence[float]) -> bool:
    """Return whether an integer input holds the 256 levels of a pixel with a given preprocessing.

    Without a scale, each level must be one of its integers. With a scale, they may be rounded, but
    not to a few values.
    """
    if not entry.dtype.startswith(("int", "uint")):
        return True
    ends = np.iinfo(entry.dtype)
    real = (np.arange(LEVELS, dtype=np.float64)[:, None] - np.asarray(mean)) / np.asarray(std)
    if is_integer(entry):
        inside = (real >= ends.min) & (real <= ends.max)
        return bool((inside & (real == np.rint(real))).all())
    stored = np.rint(real / float(entry.scales[0])) + entry.zero_point
    stored = np.clip(stored, ends.min, ends.max)
    return min(len(np.unique(column)) for column in stored.T) >= MIN_LEVELS
