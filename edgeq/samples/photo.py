"""Reads a photograph as 8-bit RGB, as a person sees it.

- Greyscale is repeated in three channels; 16-bit greyscale is divided by 257 (65535 is white).
- Transparent areas are white, as in a browser.
- CMYK and YCCK are converted without a colour profile; embedded profiles are ignored.
- The EXIF orientation is applied.
- A JPEG that holds several images (a phone's MPO) yields the first, which is the photograph.
  Animations and multi-page files are refused: one label can't describe all frames.
- The format is detected from the content, not from the file's ending. Only formats used for
  photographs are read: Pillow would start another program for PostScript.
- Damaged files, files that Pillow warns about, and images of more pixels than
  ``PIL.Image.MAX_IMAGE_PIXELS`` are refused.
- A JPEG may be decoded at a half, a quarter or an eighth of its size, if the caller allows it.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from edgeq.errors import ImageError, reason_of
from edgeq.io.files import LFS_POINTER, read_whole, sha256_bytes

if TYPE_CHECKING:
    from PIL import Image

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "MPO", "PPM", "AVIF", "JPEG2000", "TGA")
JPEGS = ("JPEG", "MPO")
MAX_SCANS = 200
"""Maximum number of scans in a JPEG; encoders write 1 to 15 per image."""
MAX_BYTES = 500_000_000
"""Size limit for a file: the largest that is decoded has 270 MB of plain pixels."""
JPEG_STEPS = (8, 4, 2)
"""Factors by which the JPEG decoder can reduce both sides: it computes fewer pixels per block."""

_ORIENTATION, _UPRIGHT = 0x0112, 1
_LYING = (5, 6, 7, 8)
"""EXIF orientations whose width is the upright photograph's height."""
_16_BIT_MODES = ("I;16", "I;16L", "I;16B", "I;16N")
_MASK_MODES = ("1", "L", "P")
_REMEDY = "Replace the file or take it out of the set"


@dataclass(frozen=True)
class Decoded:
    """A decoded photograph.

    Attributes:
        image: The image: mode ``RGB``, upright, each side ``ceil(side / step)`` pixels.
        size: Width and height of the photograph itself, upright, in pixels.
        step: Factor by which the decoder reduced both sides, or 1.
    """

    image: Image.Image
    size: tuple[int, int]
    step: int = 1


@contextmanager
def pillow_warnings_are_errors() -> Iterator[None]:
    """Turn Pillow's warnings into errors, in every thread of the process."""
    with warnings.catch_warnings():
        # Damaged metadata is a UserWarning, too many pixels a RuntimeWarning.
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("error", RuntimeWarning)
        yield


def read_photo(path: Path, *, sha256: str | None = None, least: float | None = None) -> Decoded:
    """Read a photograph, inside ``pillow_warnings_are_errors``.

    Args:
        path: The file.
        sha256: Expected hash of the content, or None to accept any.
        least: Minimum pixels of the shorter side if a JPEG is decoded at reduced size, or None to
            decode at full size.

    Raises:
        ImageError: The file is not an image, is damaged or too large, its kind is refused, or the
            content has another hash.
    """
    with _opened(path, sha256) as image:
        width, height = image.size
        step = 1 if least is None else _reduce(image, least)
        image.load()
        upright = _upright_rgb(path, image)
        if _is_turned(image):
            width, height = (step * side for side in upright.size)
        return Decoded(upright, (width, height), step)


def read_mask(path: Path, *, sha256: str | None = None) -> Decoded:
    """Read a mask: its only channel, or the indices of its palette, with 8 bits per sample.

    The arguments are those of ``read_photo``.

    Raises:
        ImageError: As for ``read_photo``; or the file has several channels.
    """
    from PIL import Image, ImageOps

    with _opened(path, sha256) as image:
        image.load()
        upright = ImageOps.exif_transpose(image) if _is_turned(image) else image
        if upright.mode not in _MASK_MODES:
            raise _refused(
                path,
                f"has samples of mode {upright.mode!r}, so that its values are not class indices",
                "Save the class indices as a PNG file with one channel, or with a palette",
            )
        if upright.mode == "P":
            values = Image.frombytes("L", upright.size, upright.tobytes())
        else:
            values = upright.convert("L")
        return Decoded(values, upright.size, 1)


def size_of(path: Path, *, sha256: str | None = None) -> tuple[int, int]:
    """Return a photograph's width and height in pixels, upright; it is not decoded.

    The arguments are those of ``read_photo``.

    Raises:
        ImageError: The file is not an image, is too large, or its kind is refused.
    """
    with _opened(path, sha256) as image:
        width, height = image.size
        lies = image.getexif().get(_ORIENTATION, _UPRIGHT) in _LYING
        return (height, width) if lies else (width, height)


@contextmanager
def _opened(path: Path, sha256: str | None) -> Iterator[Image.Image]:
    """Open a photograph; what goes wrong with it inside the block is an ``ImageError``."""
    from PIL import Image, UnidentifiedImageError

    try:
        content = _content(path, sha256)
        Image.init()
        known = [name for name in FORMATS if name in Image.OPEN]
        with BytesIO(content) as file, Image.open(file, formats=known) as image:
            _refuse_many_scans(path, image, content)
            _refuse_several_frames(path, image)
            yield image
    except ImageError:
        raise
    except MemoryError as error:
        raise _refused(path, "takes too much memory to decode", "Scale it down") from error
    except FileNotFoundError as error:
        what = "is a broken symbolic link" if path.is_symlink() else "does not exist"
        raise _refused(path, what) from error
    except UnidentifiedImageError as error:
        raise _refused(
            path, f"is not an image of a format that is read ({', '.join(FORMATS)})"
        ) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _refused(
            path,
            f"has more than {Image.MAX_IMAGE_PIXELS} pixels",
            "Scale it down; it may be a decompression bomb",
        ) from error
    except Exception as error:  # Pillow's decoders raise many types on damaged files
        reason = reason_of(error)
        raise _refused(path, f"is damaged or can't be read: {reason}") from error


def _content(path: Path, sha256: str | None) -> bytes:
    """Return a file's content, read once so that the decoded bytes are the hashed ones."""
    content = read_whole(path, MAX_BYTES)
    if sha256 is not None and sha256_bytes(content) != sha256:
        raise _refused(path, "has changed since the set was loaded", "Run again")
    if not content:
        raise _refused(path, "is empty")
    if content.startswith(LFS_POINTER):
        raise _refused(
            path, "is a pointer of Git LFS, not the photograph itself", "Run git lfs pull"
        )
    return content


def _refuse_many_scans(path: Path, image: Image.Image, content: bytes) -> None:
    """Refuse a JPEG with very many scans: each scan is a pass over all its blocks.

    The marker of a scan can't occur inside one. Other embedded images, such as previews, count too.
    """
    scans = content.count(b"\xff\xda") if image.format in JPEGS else 0
    if scans > MAX_SCANS:
        raise _refused(
            path,
            f"is encoded in {scans:,} passes",
            "Save it again; it may have been crafted to take forever",
        )


def _refuse_several_frames(path: Path, image: Image.Image) -> None:
    if image.format == "MPO":
        return
    try:
        image.seek(1)  # counting them could take minutes
    except EOFError:
        image.seek(0)
        return
    raise _refused(path, "holds several frames or pages", "Save the intended one on its own")


def _reduce(image: Image.Image, least: float) -> int:
    """Let a JPEG be decoded at reduced size, and return the factor.

    If the factor does not divide a side, the right and bottom edge pixels are only partly inside
    the photograph. If rotation would move that edge, the photograph is decoded at full size.
    """
    if image.format not in JPEGS:
        return 1
    width, height = image.size
    for step in JPEG_STEPS:
        whole = width % step == height % step == 0
        if min(width, height) < step * least or (_is_turned(image) and not whole):
            continue
        draft = image.draft(None, (width // step, height // step))
        if draft is not None and image.size == (-(-width // step), -(-height // step)):
            return step
        raise ValueError(f"the decoder made {image.size} of {(width, height)}")
    return 1


def _is_turned(image: Image.Image) -> bool:
    return bool(image.getexif().get(_ORIENTATION, _UPRIGHT) != _UPRIGHT)


def _upright_rgb(path: Path, image: Image.Image) -> Image.Image:
    from PIL import Image, ImageOps

    upright = ImageOps.exif_transpose(image) if _is_turned(image) else image
    if upright.mode in _16_BIT_MODES or (upright.mode == "I" and image.format in ("PNG", "PPM")):
        if upright.has_transparency_data:
            raise _refused(path, "is 16-bit greyscale with a transparent value")
        return _from_16_bit(upright)
    if upright.mode in ("I", "F", "LAB"):
        raise _refused(
            path, f"has samples of mode {upright.mode!r}", "Save it with 8 bits per sample"
        )
    if upright.has_transparency_data:
        colours = upright.convert("RGBA")
        white = Image.new("RGBA", colours.size, "white")
        return Image.alpha_composite(white, colours).convert("RGB")
    return upright if upright.mode == "RGB" else upright.convert("RGB")


def _from_16_bit(image: Image.Image) -> Image.Image:
    import numpy as np
    from PIL import Image

    values = np.asarray(image).astype(np.uint32).clip(0, 65535)
    return Image.fromarray(((values + 128) // 257).astype(np.uint8)).convert("RGB")


def _refused(path: Path, what: str, remedy: str = _REMEDY) -> ImageError:
    return ImageError(what, where=path, remedy=remedy)
