"""Crops and resizes a photograph to a model's input size in the decoder's child; imports little."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Protocol

from edgeq.samples.photo import Decoded, read_mask, read_photo

if TYPE_CHECKING:
    from PIL import Image


GREY = 114
"""Level of the padding of a letterbox."""


class Geometry(Protocol):
    """The part of ``Preprocessing`` that determines which pixels are used."""

    @property
    def resize(self) -> str:
        """``"whole"``, ``"centre_crop"`` or ``"letterbox"``."""

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

    ``sha256`` is that of its content when the set was loaded; the size is height and width. It is
    read inside ``pillow_warnings_are_errors``.

    Raises:
        ImageError: The photograph can't be used, or changed after the set was loaded.
    """
    least = preprocessing.jpeg_scaling * max(size) or None
    if least is not None and preprocessing.resize == "centre_crop":
        least /= preprocessing.crop_fraction
    return resized(read_photo(path, sha256=sha256, least=least), preprocessing, size)


def read_indices(
    path: Path, sha256: str, preprocessing: Geometry, size: tuple[int, int], padding: int
) -> Image.Image:
    """Return a mask cropped or padded, and resized to the nearest pixel, so that no value is new.

    As ``read_resized``; ``padding`` is the value of the padding of a letterbox.

    Raises:
        ImageError: The mask can't be used, changed after the set was loaded, or has colours.
    """
    geometry = SimpleNamespace(
        resize=preprocessing.resize, filter="nearest", crop_fraction=preprocessing.crop_fraction
    )
    return resized(read_mask(path, sha256=sha256), geometry, size, padding)


def resized(
    photo: Decoded, preprocessing: Geometry, size: tuple[int, int], padding: int = GREY
) -> Image.Image:
    """Return a photograph cropped or padded, and resized with Pillow's filter.

    The centre crop is that of the EfficientNet checkpoints: the central square with a side of
    ``int(crop_fraction * shorter side)`` pixels. The letterbox is that of Ultralytics: the whole
    photograph in the middle of grey of level 114. The size is height and width, ``padding`` the
    level of a letterbox's padding.
    """
    from PIL import Image

    if preprocessing.resize == "letterbox":
        left, top, width, height = letterbox(photo.size, size)
        inside = _scaled(photo, preprocessing, (0, 0, *photo.size), (height, width))
        mode = photo.image.mode
        padded = Image.new(mode, size[::-1], (padding,) * len(mode))
        padded.paste(inside, (left, top))
        return padded
    area = (0, 0, *photo.size)
    if preprocessing.resize == "centre_crop":
        area = centre_crop(photo.size, preprocessing.crop_fraction)
    return _scaled(photo, preprocessing, area, size)


def centre_crop(photo: tuple[int, int], fraction: float) -> tuple[int, int, int, int]:
    """Return left and top edge, width and height in pixels of the part that a crop leaves."""
    width, height = photo
    side = max(1, int(fraction * min(photo)))
    return (width - side + 1) // 2, (height - side + 1) // 2, side, side


def letterbox(photo: tuple[int, int], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return left and top edge, width and height in pixels of a photograph within its padding.

    As ``letterbox`` in ``utils/augmentations.py`` of github.com/ultralytics/yolov5, without
    stretching to a stride. The photograph's size is width and height, the input's height and width.
    """
    scale = min(size[1] / photo[0], size[0] / photo[1])
    width, height = (max(1, round(side * scale)) for side in photo)
    left, top = ((whole - part) / 2 for whole, part in ((size[1], width), (size[0], height)))
    return round(left - 0.1), round(top - 0.1), width, height


def place_of_photo(
    photo: tuple[int, int], preprocessing: Geometry, size: tuple[int, int]
) -> tuple[float, float, float, float]:
    """Return left and top edge, width and height of a photograph relative to the model's input.

    It is ``(0, 0, 1, 1)`` for a photograph that fills the input, larger for one that was cropped,
    and smaller for one that was padded. The photograph's size is width and height, the input's
    height and width.
    """
    if preprocessing.resize == "letterbox":
        left, top, width, height = letterbox(photo, size)
        return left / size[1], top / size[0], width / size[1], height / size[0]
    if preprocessing.resize == "centre_crop":
        left, top, side, _ = centre_crop(photo, preprocessing.crop_fraction)
        return -left / side, -top / side, photo[0] / side, photo[1] / side
    return 0.0, 0.0, 1.0, 1.0


def _scaled(
    photo: Decoded,
    preprocessing: Geometry,
    area: tuple[int, int, int, int],
    size: tuple[int, int],
) -> Image.Image:
    """Return a part of a photograph at another size."""
    from PIL import Image

    left, top, width, height = area
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
