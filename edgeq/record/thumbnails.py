"""The small pictures that a record refers to; each is a file next to the record."""

from __future__ import annotations

import msgspec


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """A small picture of an evaluation photograph, in a file next to the record.

    Attributes:
        image: Index of the photograph in the evaluation set.
        sha256: Hash of the picture's file.
    """

    image: int
    sha256: str


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """A contact sheet: small pictures of a set's images in one file next to the record.

    Attributes:
        role: Role of the set, ``"calibration"`` or ``"evaluation"``.
        images: Number of images in the set.
        places: Indices in the set of the images that are shown, row by row.
        columns: Number of pictures in a row.
        tile: Width and height of one picture in pixels.
        sha256: Hash of the sheet's file.
        variant: Name of the variant whose own samples are shown; ``""`` for a set of the model.
    """

    role: str
    images: int
    places: tuple[int, ...]
    columns: int
    tile: tuple[int, int]
    sha256: str
    variant: str = ""
