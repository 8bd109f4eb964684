"""Where an image's rows, columns and channels lie in the shape of an input. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgeq.tflite.model_file import ModelFile

RANK = 4
GREY, RGB = 1, 3


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
