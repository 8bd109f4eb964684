"""The view of a detector's boxes compared with the baseline's and with labels. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from edgeq.config.structs import Preprocessing
from edgeq.measure.box_agreement import DrawnBox, MeanOverImages
from edgeq.record.measured import (
    NamedClassPrecision,
    NamedUnlikeImage,
    RecordedBoxes,
    RecordedPrecision,
)
from edgeq.record.structs import VariantRecord
from edgeq.report import words
from edgeq.report.figures_view import FigureRow
from edgeq.report.pictures import PICTURE
from edgeq.samples.resize import place_of_photo
from edgeq.words import Kind, change, plural, value

SHOWN_CLASSES = 10
"""Classes in the table: those that lose most."""

PICTURED = Preprocessing(resize="letterbox", filter="bilinear")
"""How a photograph becomes a square picture."""


@dataclass(frozen=True)
class ClassRow:
    """Average precision for one class.

    Attributes:
        name: Name or index of the class.
        boxes: Number of labelled boxes.
        baseline, variant: Average precision of each model.
        change: What the variant loses or gains, in points.
    """

    name: str
    boxes: str
    baseline: str
    variant: str
    change: str


@dataclass(frozen=True)
class Rectangle:
    """A box drawn over a picture.

    Attributes:
        x, y, width, height: Place and size in the units of the picture.
        side: ``"theirs"`` for the baseline's, ``"ours"`` for the variant's.
        alone: Whether the other model lacks it.
    """

    x: float
    y: float
    width: float
    height: float
    side: str
    alone: bool


@dataclass(frozen=True)
class BoxedPicture:
    """A photograph with the boxes of both models.

    The caption says what differs, without a full stop.
    """

    anchor: str
    name: str
    caption: str
    rectangles: tuple[Rectangle, ...]


@dataclass(frozen=True)
class BoxesView:
    """A detector's boxes.

    Attributes:
        summary: What was compared, without a full stop.
        classes: The classes that lose most.
        pictures: The photographs on which the boxes differ most.
    """

    summary: str
    figures: tuple[FigureRow, ...]
    classes: tuple[ClassRow, ...]
    more: int
    pictures: tuple[BoxedPicture, ...]


def boxes_view(
    variant: VariantRecord, pictures: Mapping[int, str], names: Mapping[int, str]
) -> BoxesView | None:
    """Return the view of a detector's boxes, None if none were compared.

    ``pictures`` are anchors by the image's index in the evaluation set.
    """
    boxes, precision = variant.boxes, variant.precision
    if boxes is None:
        return None
    classes = () if precision is None else _losers(precision)
    return BoxesView(
        summary=f"{plural(boxes.baseline_boxes, 'box', 'boxes')} of the baseline and "
        f"{boxes.variant_boxes:,} of the variant with a score of {boxes.score:g} or more on "
        f"{plural(boxes.images, 'image')}; they share {boxes.shared_boxes:,}",
        figures=(*_agreement(boxes), *(() if precision is None else _precision(precision))),
        classes=tuple(_class(row) for row in classes),
        more=0 if precision is None else len(precision.classes) - len(classes),
        pictures=tuple(
            _picture(image, pictures[image.image], names)
            for image in boxes.unlike
            if image.image in pictures
        ),
    )


def class_names(variant: VariantRecord) -> dict[int, str]:
    """Return the names of the classes that a variant's record knows, by index."""
    rows = () if variant.precision is None else variant.precision.classes
    return {row.class_index: row.name for row in rows if row.name}


def _agreement(boxes: RecordedBoxes) -> Iterator[FigureRow]:
    yield _mean("Recall: the baseline's boxes that the variant also finds", boxes.recall, "percent")
    yield _mean(
        "Precision: the variant's boxes that the baseline also has", boxes.precision, "percent"
    )
    yield _mean("Distance of the scores of shared objects", boxes.shift, "number")


def _mean(name: str, mean: MeanOverImages | None, kind: Kind) -> FigureRow:
    if mean is None:
        return FigureRow(name, words.ABSENT, "")
    return FigureRow(name, value(kind, mean.value), words.span(kind, mean.interval))


def _precision(precision: RecordedPrecision) -> Iterator[FigureRow]:
    yield FigureRow(
        "mAP50-95",
        change("percent", precision.baseline_map, precision.variant_map),
        f"drop {words.span('points', precision.drop_interval)}",
    )
    yield FigureRow(
        "mAP50", change("percent", precision.baseline_map50, precision.variant_map50), ""
    )


def _losers(precision: RecordedPrecision) -> tuple[NamedClassPrecision, ...]:
    """Return the classes that lose most, weighed by their labelled boxes."""
    order = sorted(precision.classes, key=lambda row: (row.variant - row.baseline) * row.boxes)
    return tuple(row for row in order if row.variant < row.baseline)[:SHOWN_CLASSES]


def _class(row: NamedClassPrecision) -> ClassRow:
    return ClassRow(
        name=row.name or f"class {row.class_index}",
        boxes=f"{row.boxes:,}",
        baseline=value("percent", row.baseline),
        variant=value("percent", row.variant),
        change=value("points", row.baseline - row.variant),
    )


def _picture(image: NamedUnlikeImage, anchor: str, names: Mapping[int, str]) -> BoxedPicture:
    lost = [box for box in image.baseline if not box.shared]
    new = [box for box in image.variant if not box.shared]
    parts = [
        f"{what}: {', '.join(_box(box, names) for box in some[:3])}"
        + (f" and {len(some) - 3} more" if len(some) > 3 else "")
        for what, some in (("baseline only", lost), ("variant only", new))
        if some
    ]
    sides = image.sides or (PICTURE, PICTURE)
    place = place_of_photo(sides, PICTURED, (PICTURE, PICTURE))
    return BoxedPicture(
        anchor=anchor,
        name=image.name or f"image {image.image:,}",
        caption="; ".join(parts),
        rectangles=tuple(
            _rectangle(box, place, side)
            for side, some in (("theirs", image.baseline), ("ours", image.variant))
            for box in some
        ),
    )


def _box(box: DrawnBox, names: Mapping[int, str]) -> str:
    return f"{names.get(box.class_index, f'class {box.class_index}')} {box.score:.2f}"


def _rectangle(box: DrawnBox, place: tuple[float, float, float, float], side: str) -> Rectangle:
    left, top, width, height = (PICTURE * part for part in place)
    x, y = left + box.corners[0] * width, top + box.corners[1] * height
    return Rectangle(
        x=round(x, 1),
        y=round(y, 1),
        width=round((box.corners[2] - box.corners[0]) * width, 1),
        height=round((box.corners[3] - box.corners[1]) * height, 1),
        side=side,
        alone=not box.shared,
    )
