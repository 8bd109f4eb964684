"""Contact sheets: small pictures that show an image set as a model sees it."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq.config.structs import Preprocessing
from edgeq.io.files import sha256_bytes
from edgeq.pipeline.inputs import ModelInputs
from edgeq.record.thumbnails import Sheet
from edgeq.samples.decode import found_pixels, pixel_facts_of
from edgeq.samples.sets import ImageSet, Role
from edgeq.samples.stream import Stream
from edgeq.store.content import Store

KIND = "sheets"
FILE = "sheet.webp"
MAX_IMAGES = 24
"""Maximum number of images on a sheet."""
PER_RUN = 8
"""Maximum number of sheets in a report. It keeps a page of twenty models, each with its own
images, within the limit of 6 MB."""

COLUMNS = 8
SIDE = 48
"""Length of an image's longer side in pixels."""
MAX_BYTES = 15_000
QUALITIES = (60, 45, 30, 20, 10, 0)
"""WebP qualities to try: the first that fits into ``MAX_BYTES`` is used, or else the last."""


@dataclass(frozen=True)
class Drawn:
    """A sheet and the content of its file."""

    sheet: Sheet
    data: bytes


def sheet_of(inputs: ModelInputs, role: Role) -> Drawn | None:
    """Return the contact sheet of one of a model's sets, None if the spec names no such set.

    Raises:
        EdgeqError: The set or the baseline can't be used, or ``contact_sheet`` fails.
    """
    images = inputs.images.calibration_set if role == "calibration" else inputs.images.evaluation
    if images is None or images.arrays is not None:
        return None
    baseline = inputs.baseline
    return contact_sheet(images, baseline.preprocessing, baseline.input_size, inputs.store)


def sheet_of_samples(inputs: ModelInputs, variant: str) -> Drawn | None:
    """Return the contact sheet of a variant's own samples, None if it has none.

    The sheet shows the same scenes in the same places as that of the evaluation set.

    Raises:
        EdgeqError: The samples or the baseline can't be used, or ``contact_sheet`` fails.
    """
    samples = inputs.images.own_samples(variant)
    if samples is None:
        return None
    preprocessing, size = inputs.preprocessing_of(variant), inputs.input_size_of(variant)
    sheet = contact_sheet(samples, preprocessing, size, inputs.store)
    return Drawn(msgspec.structs.replace(sheet.sheet, variant=variant), sheet.data)


def contact_sheet(
    images: ImageSet, preprocessing: Preprocessing, size: tuple[int, int], store: Store
) -> Drawn:
    """Return the contact sheet of a set, drawn once and then read from the store.

    Models that prepare the same photographs in the same way share a sheet. Pixels that are already
    in the store are not decoded again. The size is height and width of the model's input.

    Raises:
        ImageError: A photograph can't be read or changed after the set was loaded.
        StoreError: The store can't be written.
    """
    places = evenly(len(images.photos))
    columns, tile = min(COLUMNS, len(places)), tile_of(size)
    facts = {
        "photographs": [images.photos[place].sha256 for place in places],
        "pixels": pixel_facts_of(preprocessing, size),
        "sheet": [columns, *tile, MAX_BYTES, *QUALITIES],
    }

    def make(folder: Path) -> None:
        pixels = _pixels(images, places, preprocessing, size, store)
        (folder / FILE).write_bytes(drawn(pixels, columns, tile))

    data = (store.get_or_make(KIND, facts, make).folder / FILE).read_bytes()
    sheet = Sheet(
        role=images.role,
        images=len(images.photos),
        places=places,
        columns=columns,
        tile=tile,
        sha256=sha256_bytes(data),
    )
    return Drawn(sheet, data)


def evenly(count: int) -> tuple[int, ...]:
    """Return at most ``MAX_IMAGES`` indices below ``count``, evenly spread."""
    shown = min(MAX_IMAGES, count)
    return tuple((2 * place + 1) * count // (2 * shown) for place in range(shown))


def tile_of(size: tuple[int, int]) -> tuple[int, int]:
    """Return width and height of the small picture of an input, given its height and width."""
    height, width = (max(1, round(SIDE * side / max(size))) for side in size)
    return width, height


def drawn(pixels: npt.NDArray[np.uint8], columns: int, tile: tuple[int, int]) -> bytes:
    """Return images side by side, row by row, as the content of a WebP file.

    The images have the shape ``(n, h, w, 3)``; a tile is width and height of one of them on the
    sheet.
    """
    from PIL import Image

    width, height = tile
    rows = -(-len(pixels) // columns)
    sheet = Image.new("RGB", (columns * width, rows * height))
    for place, tile_pixels in enumerate(pixels):
        small = Image.fromarray(tile_pixels).resize(tile, Image.Resampling.BICUBIC)
        sheet.paste(small, (place % columns * width, place // columns * height))
    data = b""
    for quality in QUALITIES:
        file = io.BytesIO()
        sheet.save(file, "webp", quality=quality, method=6)
        data = file.getvalue()
        if len(data) <= MAX_BYTES:
            break
    return data


def _pixels(
    images: ImageSet,
    places: tuple[int, ...],
    preprocessing: Preprocessing,
    size: tuple[int, int],
    store: Store,
) -> npt.NDArray[np.uint8]:
    whole = found_pixels(images, preprocessing, size, store)
    if whole is not None:
        return np.array(whole.array()[list(places)])
    stream = Stream(images, preprocessing, size, store)
    pieces = stream.pieces([images.photos[place] for place in places])
    return np.concatenate([piece.array() for piece in pieces])
