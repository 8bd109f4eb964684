"""Pictures: chosen, read and written next to a record, and placed inside the page, each once."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path

import msgspec

from edgeq.io.files import read_text, read_whole, sha256_bytes, sha256_file, write_bytes
from edgeq.measure.agreement import FlipKind
from edgeq.record.measured import NamedFlip, RecordedAgreement
from edgeq.record.structs import ModelRecord, RunRecord
from edgeq.record.thumbnails import Sheet
from edgeq.report.embedded_record import MAX_PAGE_BYTES
from edgeq.report.words import sentence
from edgeq.words import plural

PICTURE = 112
"""Side of a photograph's picture, in the units of the page's drawings."""
FOLDER = "pictures"
SUFFIX = ".webp"

_OWN = re.compile(r"[0-9a-f]{64}\.webp")
_EMBEDDED = re.compile(r'href="data:image/webp;base64,([A-Za-z0-9+/=]+)"')
_HASH = re.compile(r"[0-9a-f]{64}")
_MAX_BYTES = 40_000

Pictures = Mapping[str, bytes]
"""WebP files by their sha256."""
PER_MODEL = 24
PER_RUN = 144
"""Maximum number of pictures in a report. At about 4 kB each, it keeps the page of a dozen models
below 1.5 MB."""

KINDS: tuple[FlipKind, ...] = ("right_to_wrong", "wrong_to_right", "wrong_to_wrong")


@dataclass(frozen=True)
class PictureView:
    """One picture.

    Attributes:
        anchor: Anchor of the picture, unique in the page.
        width, height: Size in the units of the page's drawings.
    """

    anchor: str
    uri: str
    width: int
    height: int


@dataclass(frozen=True)
class SheetView:
    """A contact sheet.

    Attributes:
        width, height: Size of the sheet in the units of the page's drawings.
        gaps: Path of the lines between the images.
        blank: Left, top, width and height of the empty end of the last row; None if it is full.
    """

    anchor: str
    caption: str
    description: str
    width: int
    height: int
    gaps: str
    blank: tuple[int, int, int, int] | None


def embedded(record: RunRecord, shown: Pictures) -> tuple[PictureView, ...]:
    """Return the pictures of a record that exist."""
    sizes = {sheet.sha256: _size(sheet) for model in record.models for sheet in model.sheets}
    return tuple(
        PictureView(
            _anchor(name),
            f"data:image/webp;base64,{base64.b64encode(data).decode()}",
            *sizes.get(name, (PICTURE, PICTURE)),
        )
        for name in named(record)
        if (data := shown.get(name)) is not None and is_webp(data)
    )


def anchors(model: ModelRecord, shown: Pictures) -> dict[int, str]:
    """Return the anchors of a model's pictures, by the image's index in the evaluation set."""
    return {
        picture.image: _anchor(picture.sha256)
        for picture in model.pictures
        if is_webp(shown.get(picture.sha256, b""))
    }


def note(model: ModelRecord, shown: Pictures) -> str:
    """Return a note on photographs without a picture, empty if there are none."""
    gone = sum(picture.sha256 not in shown for picture in model.pictures)
    if gone:
        were = "is" if gone == 1 else "are"
        return f"{plural(gone, 'picture')} {were} no longer beside the record"
    agreements = (variant.agreement for variant in model.variants)
    changed = any(agreement is not None and agreement.flips for agreement in agreements)
    if changed and not model.pictures:
        return "No pictures of photographs were kept with this record"
    return ""


def sheets(model: ModelRecord, shown: Pictures) -> tuple[SheetView, ...]:
    """Return the contact sheets of a model's image sets that exist."""
    return tuple(
        _sheet(model.name, sheet)
        for sheet in model.sheets
        if is_webp(shown.get(sheet.sha256, b""))
        and sheet.places
        and min(sheet.columns, *sheet.tile) > 0
    )


def _sheet(model: str, sheet: Sheet) -> SheetView:
    (width, height), (across, down) = _size(sheet), sheet.tile
    number, noun = len(sheet.places), "own sample" if sheet.variant else f"{sheet.role} image"
    every = plural(sheet.images, noun)
    extent = f"all {every}" if number == sheet.images else f"{number} of {every}, evenly spread"
    of = f"{model}/{sheet.variant}" if sheet.variant else model
    sees = f"{sheet.variant} sees them" if sheet.variant else "the model sees them"
    rest = -number % sheet.columns
    columns = "".join(f"M{x} 0V{height}" for x in range(across, width, across))
    rows = "".join(f"M0 {y}H{width}" for y in range(down, height, down))
    return SheetView(
        anchor=_anchor(sheet.sha256),
        caption=f"{sentence(extent)}, as {sees}",
        description=f"Contact sheet of {of}: {extent}",
        width=width,
        height=height,
        gaps=columns + rows,
        blank=(width - rest * across, height - down, rest * across, down) if rest else None,
    )


def _size(sheet: Sheet) -> tuple[int, int]:
    rows = -(-len(sheet.places) // max(1, sheet.columns))
    return sheet.columns * sheet.tile[0], rows * sheet.tile[1]


def _anchor(name: str) -> str:
    return f"p-{name[:12]}"


def named(record: RunRecord) -> tuple[str, ...]:
    """Return the hashes of the pictures that a record refers to, each once."""
    hashes = [picture.sha256 for model in record.models for picture in model.pictures]
    hashes += [sheet.sha256 for model in record.models for sheet in model.sheets]
    return tuple(dict.fromkeys(sha256 for sha256 in hashes if _HASH.fullmatch(sha256)))


def read(record: RunRecord, file: Path) -> dict[str, bytes]:
    """Return those of a record's pictures that still exist unchanged.

    ``file`` is the record's file, with the pictures next to it, or a page, which contains them.
    """
    known = named(record)
    if file.suffix == ".html":
        return {name: data for name, data in _in_page(file).items() if name in known}
    pictures = {}
    for name in known:
        with suppress(OSError):
            path = file.parent / FOLDER / f"{name}{SUFFIX}"
            data = read_whole(path, _MAX_BYTES)
            if is_webp(data) and sha256_bytes(data) == name:
                pictures[name] = data
    return pictures


def _in_page(file: Path) -> dict[str, bytes]:
    pictures = {}
    with suppress(OSError, UnicodeDecodeError):
        for text in _EMBEDDED.findall(read_text(file, MAX_PAGE_BYTES)):
            with suppress(ValueError):
                data = base64.b64decode(text, validate=True)
                if is_webp(data):
                    pictures[sha256_bytes(data)] = data
    return pictures


def write(pictures: Pictures, folder: Path) -> None:
    """Write pictures next to a record, and remove those of the previous record.

    Raises:
        StoreError: The folder can't be written.
    """
    place = folder / FOLDER
    for name, data in pictures.items():
        path = place / f"{name}{SUFFIX}"
        if not path.is_file() or sha256_file(path) != sha256_bytes(data):
            write_bytes(path, data)
    if not place.is_dir():
        return
    for path in place.iterdir():
        if _OWN.fullmatch(path.name) and path.stem not in pictures:
            path.unlink(missing_ok=True)
    if not pictures:
        with suppress(OSError):
            place.rmdir()


def is_webp(data: bytes) -> bool:
    """Return whether bytes are a WebP file, and not something that a browser might run."""
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"


def chosen(record: RunRecord) -> dict[str, tuple[int, ...]]:
    """Return the images to show, as indices in the evaluation set, by the name of the model.

    Variants alternate, each with its next most harmful flip, so that a collapsed variant does not
    displace all others. The images with the lowest cosine fill the remaining places.
    """
    if not record.models:
        return {}
    most = min(PER_MODEL, max(1, PER_RUN // len(record.models)))
    return {model.name: _of_model(model, most) for model in record.models}


def lean(model: ModelRecord) -> ModelRecord:
    """Return a model without the best classes of flips that no report shows.

    They stay for flips with a picture and for each variant's most harmful flips.
    """
    pictured = {picture.image for picture in model.pictures}
    variants = tuple(
        variant
        if variant.agreement is None
        else msgspec.structs.replace(variant, agreement=_lean(variant.agreement, pictured))
        for variant in model.variants
    )
    return msgspec.structs.replace(model, variants=variants)


def _lean(agreement: RecordedAgreement, pictured: AbstractSet[int]) -> RecordedAgreement:
    harmful = ordered(agreement.flips)[:PER_MODEL]
    shown = pictured | {flip.image for flip in harmful}
    flips = tuple(
        flip
        if flip.image in shown
        else msgspec.structs.replace(flip, baseline_best=None, variant_best=None)
        for flip in agreement.flips
    )
    return msgspec.structs.replace(agreement, flips=flips)


def ordered(flips: Iterable[NamedFlip]) -> tuple[NamedFlip, ...]:
    """Return the flips, the most harmful first, by kind and then by the baseline's confidence."""

    def harm(flip: NamedFlip) -> tuple[int, float]:
        return (0 if flip.kind is None else KINDS.index(flip.kind), -flip.baseline_confidence)

    return tuple(sorted(flips, key=harm))


def _of_model(model: ModelRecord, most: int) -> tuple[int, ...]:
    agreements = [variant.agreement for variant in model.variants if variant.agreement is not None]
    flips = [[flip.image for flip in ordered(agreement.flips)] for agreement in agreements]
    worst = [[worst.image for worst in agreement.worst_images] for agreement in agreements]
    unlike = [
        [image.image for image in variant.boxes.unlike]
        for variant in model.variants
        if variant.boxes is not None
    ]
    unlike += [
        [row.image for row in variant.figures.unlike]
        for variant in model.variants
        if variant.figures is not None
    ]
    turns = chain(*zip_longest(*flips), *zip_longest(*worst), *zip_longest(*unlike))
    return tuple(dict.fromkeys(image for image in turns if image is not None))[:most]
