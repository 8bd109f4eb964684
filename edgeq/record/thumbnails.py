"""The small pictures of photographs that a record names; each is a file beside it."""

from __future__ import annotations

import msgspec


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """A small picture of an evaluation photograph, kept in a file beside the record.

    Attributes:
        image: Index in the evaluation set.
        sha256: Of the picture's file.
    """

    image: int
    sha256: str


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """A contact sheet: small pictures of a set's images in one file beside the record.

    Attributes:
        role: Of the set, ``"calibration"`` or ``"evaluation"``.
        images: Number of images in the set.
        places: Which images are shown, as indices in the set, row by row.
        columns: Number of pictures in a row.
        tile: Width and height of one picture in pixels.
        sha256: Of the file.
        variant: Name of the variant whose own samples are shown, ``""`` for a set of its model.
    """

    role: str
    images: int
    places: tuple[int, ...]
    columns: int
    tile: tuple[int, int]
    sha256: str
    variant: str = ""
