"""Hostile images through everything that a run does with a photograph.

``python benchmarks/robustness/images.py --count 2000``: damaged pictures of many formats, pictures
that lie about themselves, and files that are none, each in a set of its own. Every outcome must be
pixels of the right size, or one ImageError that names the file. Prints a table; the exit code is 1
where something else happened.
"""

from __future__ import annotations

import argparse
import io
import os
import random
import shutil
import struct
import sys
import tempfile
import time
import traceback
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.robustness import mutations
from edgeq.config.structs import Preprocessing
from edgeq.errors import ImageError
from edgeq.samples.photo import pillow_warnings_are_errors, read_photo
from edgeq.samples.resize import resized
from edgeq.samples.sets import NamedSet, load_set

SIZE = (16, 16)
LIMIT_S = 30.0
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "TGA", "ICO", "EPS", "PCX", "SGI")
BLIND = (mutations.flip_bits, mutations.cut, mutations.grow, mutations.swap_a_block)


def picture(draw: random.Random) -> Image.Image:
    """Return a small picture of some mode."""
    side = draw.choice((1, 2, 17, 40))
    pixels = np.random.default_rng(draw.randrange(2**32)).integers(0, 256, (side, 23, 3), np.uint8)
    return Image.fromarray(pixels).convert(draw.choice(("RGB", "L", "P", "RGBA", "CMYK", "1")))


def encoded(draw: random.Random) -> bytes:
    """Return a picture's file of some format that takes it."""
    while True:
        file = io.BytesIO()
        try:
            picture(draw).save(file, draw.choice(FORMATS))
        except (OSError, ValueError):
            continue
        return file.getvalue()


def png(width: int, height: int, data: bytes) -> bytes:
    """Return a PNG file that says it has so many pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + crc

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def damaged(path: Path, draw: random.Random) -> None:
    """Write a damaged picture."""
    path.write_bytes(draw.choice(BLIND)(encoded(draw), draw))


def whole(path: Path, draw: random.Random) -> None:
    """Write a sound picture under the ending of another format."""
    path.write_bytes(encoded(draw))


def bomb(path: Path, draw: random.Random) -> None:
    """Write a small file that claims or holds very many pixels."""
    side = draw.choice((9_500, 20_000, 2**31 - 1, 0))
    path.write_bytes(png(side, side, zlib.compress(bytes(10_000_000))))


def no_picture(path: Path, draw: random.Random) -> None:
    """Write bytes that are not a picture, or nothing."""
    path.write_bytes(draw.choice((b"", b"\0", draw.randbytes(500), b"<svg/>", b"%!PS-Adobe-3.0\n")))


def animated(path: Path, draw: random.Random) -> None:
    """Write a picture of several frames."""
    frames = [picture(draw).convert("RGB").resize((20, 20)) for _ in range(3)]
    frames[0].save(path, draw.choice(("GIF", "WEBP", "TIFF")), save_all=True, append_images=frames)


def special(path: Path, draw: random.Random) -> None:
    """Make what is in a folder and no regular file."""
    match draw.randrange(5):
        case 0:
            path.symlink_to("nowhere")
        case 1:
            path.symlink_to(path.name)
        case 2:
            path.symlink_to("/dev/zero")
        case 3:
            os.mkfifo(path)
        case _:
            path.mkdir()


MAKERS: tuple[Callable[[Path, random.Random], None], ...] = (
    *(damaged,) * 6,
    *(whole, bomb, no_picture, animated, special),
)


def outcome(folder: Path) -> str:
    """Return what becomes of a set of one file.

    Raises:
        ImageError: It is refused.
    """
    images = load_set(NamedSet(str(folder), "evaluation", folder))
    for photo in images.photos:
        with pillow_warnings_are_errors():
            pixels = np.asarray(resized(read_photo(photo.path), Preprocessing(), SIZE))
        if pixels.shape != (*SIZE, 3) or pixels.dtype != np.uint8:
            return f"pixels of {pixels.dtype} {pixels.shape}"
    return "pixels"


def fuzz(count: int, root: Path) -> tuple[Counter[str], list[str]]:
    """Return how often each outcome was seen, and what must not happen."""
    outcomes: Counter[str] = Counter()
    faults = []
    for number in range(count):
        draw = random.Random(number)  # noqa: S311
        folder = root / f"{number}"
        folder.mkdir()
        make = draw.choice(MAKERS)
        make(folder / f"a.{draw.choice(('png', 'jpg', 'webp', 'bmp', 'tiff'))}", draw)
        start = time.monotonic()
        try:
            found = outcome(folder)
        except ImageError as error:
            found = "ImageError"
            if str(folder) not in str(error) or "\n" in str(error):
                faults.append(f"{number} {make.__name__}: {error}")
        except BaseException:  # noqa: BLE001 - that is what is looked for
            found = "a fault of edgeq"
            faults.append(f"{number} {make.__name__}: {traceback.format_exc(limit=-3)}")
        if time.monotonic() - start > LIMIT_S:
            faults.append(f"{number} {make.__name__}: over {LIMIT_S:g} s")
        if found == "pixels" and make in (no_picture, special, animated):
            faults.append(f"{number} {make.__name__}: taken as a photograph")
        outcomes[f"{make.__name__}: {found}"] += 1
        shutil.rmtree(folder)
    return outcomes, faults


def main() -> int:
    """Print the table; 1 where something happened that must not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="edgeq-images-") as folder:
        outcomes, faults = fuzz(arguments.count, Path(folder))
    print("| outcome | images |\n|---|---|")
    for found, number in sorted(outcomes.items()):
        print(f"| {found} | {number} |")
    for fault in faults[:20]:
        print(f"FAULT {fault}")
    print(f"{arguments.count} images, faults: {len(faults)}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
