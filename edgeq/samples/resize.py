"""From a photograph to a model's input size: what a decoder's child does. It imports little."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from edgeq.samples.photo import Decoded, read_photo

if TYPE_CHECKING:
    from PIL import Image


class Geometry(Protocol):
    """What of a preprocessing decides which pixels are taken; see ``Preprocessing``."""

    @property
    def resize(self) -> str:
        """``"whole"`` or ``"centre_crop"``."""

    @property
    def filter(self) -> str:
        """Of Pillow."""

    @property
    def crop_fraction(self) -> float:
        """Share of the shorter side."""

    @property
    def jpeg_scaling(self) -> float:
        """Times of the model's input that must remain."""


def read_resized(
    path: Path, sha256: str, preprocessing: Geometry, size: tuple[int, int]
) -> Image.Image:
    """Return a photograph cut and resized, decoded at no more than the size that this takes.

    Args:
        path: The photograph, within ``pillow_warnings_are_errors``.
        sha256: Of its content when the set was loaded.
        preprocessing: Its resize, filter, crop and scaling.
        size: Height and width.

    Raises:
        ImageError: It can't be used, or changed since the set was loaded.
    """
    least = preprocessing.jpeg_scaling * max(size) or None
    if least is not None and preprocessing.resize == "centre_crop":
        least /= preprocessing.crop_fraction
    return resized(read_photo(path, sha256=sha256, least=least), preprocessing, size)


def resized(photo: Decoded, preprocessing: Geometry, size: tuple[int, int]) -> Image.Image:
    """Return a photograph cut and resized with Pillow's filter.

    The centre crop is the one of the EfficientNet checkpoints: the middle square with
    ``int(crop_fraction * shorter side)`` pixels a side.

    Args:
        photo: The photograph.
        preprocessing: Its resize, filter and crop.
        size: Height and width.
    """
    from PIL import Image

    (width, height), (left, top) = photo.size, (0, 0)
    if preprocessing.resize == "centre_crop":
        side = max(1, int(preprocessing.crop_fraction * min(photo.size)))
        left, top = (width - side + 1) // 2, (height - side + 1) // 2
        width = height = side
    # Of what the decoder reduced, the box may begin and end within a pixel.
    step = photo.step
    first = (left // step, top // step)
    last = (-(-(left + width) // step), -(-(top + height) // step))
    x, y = left / step - first[0], top / step - first[1]
    # Cut first: resize(box=...) lets pixels beside the box into the filter.
    is_all = (*first, *last) == (0, 0, *photo.image.size)
    cut = photo.image if is_all else photo.image.crop((*first, *last))
    resampling = Image.Resampling[preprocessing.filter.upper()]
    return cut.resize(size[::-1], resampling, (x, y, x + width / step, y + height / step))
