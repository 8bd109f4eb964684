"""Crops and resizes a photograph to a model's input size in the decoder's child; imports little."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from edgeq.samples.photo import Decoded, read_photo

if TYPE_CHECKING:
    from PIL import Image


class Geometry(Protocol):
    """The part of ``Preprocessing`` that determines which pixels are used."""

    @property
    def resize(self) -> str:
        """``"whole"`` or ``"centre_crop"``."""

    @property
    def filter(self) -> str:
        """Name of a Pillow resampling filter."""

    @property
    def crop_fraction(self) -> float:
        """Side of the centre crop as a share of the shorter side."""

    @property
    def jpeg_scaling(self) -> float:
        """Minimum size of a JPEG decoded at reduced size, as a multiple of the model's input."""


def read_resized(
    path: Path, sha256: str, preprocessing: Geometry, size: tuple[int, int]
) -> Image.Image:
    """Return a photograph cropped and resized, decoding no more pixels than needed.

    Args:
        path: The photograph, read inside ``pillow_warnings_are_errors``.
        sha256: Hash of its content when the set was loaded.
        preprocessing: Resize, filter, crop and JPEG scaling.
        size: Height and width in pixels.

    Raises:
        ImageError: The photograph can't be used, or changed after the set was loaded.
    """
    least = preprocessing.jpeg_scaling * max(size) or None
    if least is not None and preprocessing.resize == "centre_crop":
        least /= preprocessing.crop_fraction
    return resized(read_photo(path, sha256=sha256, least=least), preprocessing, size)


def resized(photo: Decoded, preprocessing: Geometry, size: tuple[int, int]) -> Image.Image:
    """Return a photograph cropped and resized with Pillow's filter.

    The centre crop is that of the EfficientNet checkpoints: the central square with a side of
    ``int(crop_fraction * shorter side)`` pixels.

    Args:
        photo: The photograph.
        preprocessing: Resize, filter and crop.
        size: Height and width in pixels.
    """
    from PIL import Image

    (width, height), (left, top) = photo.size, (0, 0)
    if preprocessing.resize == "centre_crop":
        side = max(1, int(preprocessing.crop_fraction * min(photo.size)))
        left, top = (width - side + 1) // 2, (height - side + 1) // 2
        width = height = side
    # If the decoder reduced the image, the box may begin and end inside a pixel.
    step = photo.step
    first = (left // step, top // step)
    last = (-(-(left + width) // step), -(-(top + height) // step))
    x, y = left / step - first[0], top / step - first[1]
    # Crop first: resize(box=...) lets pixels outside the box into the filter.
    is_all = (*first, *last) == (0, 0, *photo.image.size)
    cut = photo.image if is_all else photo.image.crop((*first, *last))
    resampling = Image.Resampling[preprocessing.filter.upper()]
    return cut.resize(size[::-1], resampling, (x, y, x + width / step, y + height / step))
