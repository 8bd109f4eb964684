"""Pictures inside the page: each once, whatever number of variants show it. Pure."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from edgeq.record import ModelRecord, RunRecord
from edgeq.report import facts, words
from edgeq.report.pictures import Pictures, is_webp, named


@dataclass(frozen=True)
class PictureView:
    """One picture.

    Attributes:
        anchor: Unique in the page.
        uri: Its data.
    """

    anchor: str
    uri: str


def embedded(record: RunRecord, shown: Pictures) -> tuple[PictureView, ...]:
    """Return the pictures of a record that are there."""
    return tuple(
        PictureView(_anchor(name), f"data:image/webp;base64,{base64.b64encode(data).decode()}")
        for name in named(record)
        if (data := shown.get(name)) is not None and is_webp(data)
    )


def anchors(model: ModelRecord, shown: Pictures) -> dict[int, str]:
    """Return the anchors of a model's pictures by the image's place in the evaluation set."""
    return {
        picture.image: _anchor(picture.sha256)
        for picture in model.pictures
        if is_webp(shown.get(picture.sha256, b""))
    }


def note(model: ModelRecord, shown: Pictures) -> str:
    """Return what is to be said about photographs without a picture, empty without any."""
    gone = sum(picture.sha256 not in shown for picture in model.pictures)
    if gone:
        were = "is" if gone == 1 else "are"
        return f"{words.count(gone, 'picture')} {were} no longer beside the record"
    rows = [row for one in model.variants for row in facts.rows(one.agreement, "flips")]
    if rows and not model.pictures:
        return "No pictures of photographs were kept with this record"
    return ""


def _anchor(name: str) -> str:
    return f"p-{name[:12]}"
