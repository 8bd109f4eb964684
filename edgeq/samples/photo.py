"""One photograph as 8-bit RGB, as a person sees it.

- Greyscale is repeated in three channels; 16-bit greyscale is divided by 257 (65535 is white).
- Transparent places show white, as in a browser.
- CMYK and YCCK are converted without a colour profile; embedded profiles are not applied.
- EXIF's orientation is applied.
- Of a JPEG that holds several pictures (a phone's MPO) the first, the photograph, is taken.
  Animations and files of several pages are refused: one label can't speak for all frames.
- The content decides about the format, not the file's ending. Formats that photographs come in are
  read, and no other: Pillow would start another program for PostScript.
- Damaged files, files that Pillow warns about, and pictures of more pixels than
  ``PIL.Image.MAX_IMAGE_PIXELS`` are refused.
- A JPEG may be decoded at a half, a fourth or an eighth of its size, where the caller allows it.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from edgeq.errors import ImageError
from edgeq.io.files import read_whole, sha256_bytes

if TYPE_CHECKING:
    from PIL import Image

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "MPO", "PPM", "AVIF", "JPEG2000", "TGA")
JPEGS = ("JPEG", "MPO")
MOST_SCANS = 200
"""Of a JPEG; encoders write 1 to 15 a picture."""
MOST_BYTES = 500_000_000
"""Of a file: the largest that is decoded has 270 MB of plain pixels."""
JPEG_STEPS = (8, 4, 2)
"""By how much the JPEG decoder can reduce both sides: it then computes fewer pixels of a block."""

_ORIENTATION, _UPRIGHT = 0x0112, 1
_16_BIT_MODES = ("I;16", "I;16L", "I;16B", "I;16N")
_REMEDY = "Replace the file or take it out of the set"


@dataclass(frozen=True)
class Decoded:
    """A photograph as it was decoded.

    Attributes:
        image: Mode ``RGB``, upright, each side ``ceil(side / step)`` pixels.
        size: Width and height of the photograph itself, upright.
        step: By how much the decoder reduced both sides, 1 where it did not.
    """

    image: Image.Image
    size: tuple[int, int]
    step: int = 1


class _Strictness:
    """Pillow's warnings as errors, from when the first enters until the last has left.

    Warning filters belong to the process: each thread that put back what it found would undo
    another's.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._inside = 0
        self._filters = ExitStack()

    def enter(self) -> None:
        with self._guard:
            if self._inside == 0:
                self._filters.enter_context(warnings.catch_warnings())
                # Damaged metadata is a UserWarning, too many pixels a RuntimeWarning.
                warnings.simplefilter("error", UserWarning)
                warnings.simplefilter("error", RuntimeWarning)
            self._inside += 1

    def leave(self) -> None:
        with self._guard:
            self._inside -= 1
            if self._inside == 0:
                self._filters.close()


_strictness = _Strictness()


@contextmanager
def pillow_warnings_are_errors() -> Iterator[None]:
    """Make Pillow's warnings errors, for ``read_photo`` in this and in other threads."""
    _strictness.enter()
    try:
        yield
    finally:
        _strictness.leave()


def open_photo(path: Path) -> Decoded:
    """Return a photograph.

    Raises:
        ImageError: It is not an image, damaged, too large, or of a kind that is refused.
    """
    with pillow_warnings_are_errors():
        return read_photo(path)


def read_photo(path: Path, *, sha256: str | None = None, least: float | None = None) -> Decoded:
    """As ``open_photo``, within ``pillow_warnings_are_errors``.

    Args:
        path: The file.
        sha256: Of the content that is expected; None takes any.
        least: Pixels that must be left of the shorter side where a JPEG is decoded at less than
            its size; None decodes all of it.

    Raises:
        ImageError: As ``open_photo``; or the content is another one.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        content = _content(path, sha256)
        Image.init()
        known = [name for name in FORMATS if name in Image.OPEN]
        with BytesIO(content) as file, Image.open(file, formats=known) as image:
            _refuse_many_scans(path, image, content)
            _refuse_several_frames(path, image)
            width, height = image.size
            step = 1 if least is None else _reduce(image, least)
            image.load()
            upright = _upright_rgb(path, image)
            if _is_turned(image):
                width, height = (step * side for side in upright.size)
            return Decoded(upright, (width, height), step)
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
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise _refused(path, f"is damaged or can't be read: {reason}") from error


def _content(path: Path, sha256: str | None) -> bytes:
    """Return a file's content, read once: what is decoded is what was hashed."""
    content = read_whole(path, MOST_BYTES)
    if sha256 is not None and sha256_bytes(content) != sha256:
        raise _refused(path, "has changed since the set was loaded", "Run again")
    if not content:
        raise _refused(path, "is empty")
    return content


def _refuse_many_scans(path: Path, image: Image.Image, content: bytes) -> None:
    """Refuse a JPEG that is refined again and again: each scan is a pass over all its blocks.

    The sign of a scan can't be within one. Pictures beside it, as a preview, count too.
    """
    scans = content.count(b"\xff\xda") if image.format in JPEGS else 0
    if scans > MOST_SCANS:
        raise _refused(
            path,
            f"is drawn in {scans:,} passes",
            "Save it again; it may have been crafted to take for ever",
        )


def _refuse_several_frames(path: Path, image: Image.Image) -> None:
    if image.format == "MPO":
        return
    try:
        image.seek(1)  # to count them can take minutes
    except EOFError:
        image.seek(0)
        return
    raise _refused(path, "holds several frames or pages", "Save the one that is meant as an image")


def _reduce(image: Image.Image, least: float) -> int:
    """Let a JPEG be decoded at less than its size, and return by how much.

    A step that does not divide a side leaves pixels that are in the photograph only in part, to
    the right and below; where those come to lie elsewhere, the photograph is decoded in full.
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
