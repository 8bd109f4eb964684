"""The view of a task's figures: its measures, classes, boxes, and where outputs differ. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from edgeq.config.gates import GATES, written
from edgeq.config.structs import Preprocessing
from edgeq.measure.box_agreement import DrawnBox, MeanOverImages
from edgeq.measure.figures import Figure
from edgeq.record.measured import (
    NamedClassFigure,
    NamedClassPrecision,
    NamedUnlikeImage,
    NamedUnlikeSample,
    RecordedBoxes,
    RecordedPrecision,
)
from edgeq.record.structs import ModelRecord, VariantRecord
from edgeq.report import words
from edgeq.report.pictures import PICTURE
from edgeq.samples.resize import place_of_photo
from edgeq.words import Kind, change, plural, value

_ACRONYMS = {"iou": "IoU", "psnr": "PSNR", "ssim": "SSIM", "f1": "F1"}

SHOWN_CLASSES = 10
"""Classes in the table: those that lose most."""


@dataclass(frozen=True)
class FigureRow:
    """One figure.

    Attributes:
        text: The figure, or that of both models.
        interval: Its interval; empty if there is none.
    """

    name: str
    text: str
    interval: str


@dataclass(frozen=True)
class ClassRow:
    """The figure of one class.

    Attributes:
        name: Name or index of the class.
        count: How often it occurs.
        baseline, variant: The figure of each model; the baseline's is empty without labels.
    """

    name: str
    count: str
    baseline: str
    variant: str


@dataclass(frozen=True)
class Cell:
    """A cell of a map of differences, drawn over a picture.

    Attributes:
        x, y, width, height: Place and size in the units of the picture.
        opacity: How much of the cell differs, from 0 to 1.
    """

    x: float
    y: float
    width: float
    height: float
    opacity: float


@dataclass(frozen=True)
class UnlikePicture:
    """An image on which variant and baseline differ.

    Attributes:
        anchor: Anchor of the picture; empty if there is none.
        text: How they differ.
        cells: Where they differ, if the output is a map.
    """

    anchor: str
    name: str
    text: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class FiguresView:
    """The figures of a task.

    Attributes:
        class_measure: Name of the figure of each class.
        class_unit: What is counted for each class, with a capital letter.
        classes: The classes with the lowest figures, or that lose most.
        pictures: The images on which variant and baseline differ most.
        has_maps: Whether the pictures show where.
    """

    task: str
    figures: tuple[FigureRow, ...]
    class_measure: str
    class_unit: str
    classes: tuple[ClassRow, ...]
    more: int
    pictures: tuple[UnlikePicture, ...]
    has_maps: bool


def figures_view(
    model: ModelRecord, variant: VariantRecord, pictures: Mapping[int, str]
) -> FiguresView | None:
    """Return the view of the figures of a variant's task, None if none were measured.

    ``pictures`` are anchors by the image's index in the evaluation set.
    """
    figures = variant.figures
    if figures is None:
        return None
    classes = sorted(figures.classes, key=_loss)[:SHOWN_CLASSES]
    unlike = tuple(_picture(row, pictures.get(row.image, "")) for row in figures.unlike)
    return FiguresView(
        task=model.task.replace("_", " "),
        figures=tuple(_row(figure) for figure in figures.figures),
        class_measure=figures.class_measure,
        class_unit=figures.class_unit.capitalize(),
        classes=tuple(_class(row) for row in classes),
        more=len(figures.classes) - len(classes),
        pictures=unlike,
        has_maps=any(picture.cells for picture in unlike),
    )


def main_figure(variant: VariantRecord, column: str) -> tuple[Figure, Kind] | None:
    """Return the first figure whose limit a column of the table shows; None if there is none."""
    for figure in () if variant.figures is None else variant.figures.figures:
        gate = GATES.find(figure.name)
        if gate is not None and gate.column == column:
            return figure, written(figure.name, "ratio")
    return None


def short_name(name: str, kind: Kind = "points") -> str:
    """Return the name of a figure for a table.

    ``kind`` is how its value is written: points say themselves that they were lost.
    """
    plain = name.removesuffix("_drop").removesuffix("_rise") if kind == "points" else name
    return " ".join(_ACRONYMS.get(word, word) for word in plain.split("_"))


def _row(figure: Figure) -> FigureRow:
    kind = written(figure.name, "ratio")
    text, both = value(kind, figure.value), ""
    if figure.baseline is not None and figure.variant is not None:
        of_both: Kind = "percent" if kind == "points" else kind
        both = f" {change(of_both, figure.baseline, figure.variant)},"
    summary = GATES.get(figure.name).summary if figure.name in GATES else figure.text
    name = summary.removesuffix("; applies only if you set it")
    interval = words.span(kind, figure.interval)
    return FigureRow(words.sentence(name), f"{both} {text}".strip(), interval)


def _loss(row: NamedClassFigure) -> float:
    return row.variant if row.baseline is None else row.variant - row.baseline


def _class(row: NamedClassFigure) -> ClassRow:
    return ClassRow(
        name=row.name or f"class {row.class_index}",
        count=f"{row.count:,}",
        baseline="" if row.baseline is None else value("percent", row.baseline),
        variant=value("percent", row.variant),
    )


def _picture(row: NamedUnlikeSample, anchor: str) -> UnlikePicture:
    return UnlikePicture(
        anchor=anchor,
        name=row.name or f"image {row.image:,}",
        text=row.text,
        cells=tuple(_cells(row)) if anchor else (),
    )


def _cells(row: NamedUnlikeSample) -> Iterator[Cell]:
    """Yield the cells of a map that differ, over the picture, which keeps its proportions."""
    if not row.map or len(row.map) != row.rows * row.columns:
        return
    side = PICTURE / max(row.rows, row.columns)
    left, top = (PICTURE - side * row.columns) / 2, (PICTURE - side * row.rows) / 2
    for at, digit in enumerate(row.map):
        if digit in "123456789":
            down, across = divmod(at, row.columns)
            yield Cell(
                x=round(left + across * side, 2),
                y=round(top + down * side, 2),
                width=round(side, 2),
                height=round(side, 2),
                opacity=round(0.1 + 0.5 * int(digit) / 9, 2),
            )


"""Classes in the table: those that lose most."""

PICTURED = Preprocessing(resize="letterbox", filter="bilinear")
"""How a photograph becomes a square picture."""


@dataclass(frozen=True)
class BoxClassRow:
    """Average precision for one class.

    Attributes:
        name: Name or index of the class.
        boxes: Number of labelled boxes.
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
    classes: tuple[BoxClassRow, ...]
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
        classes=tuple(_box_class(row) for row in classes),
        more=0 if precision is None else len(precision.classes) - len(classes),
        pictures=tuple(
            _box_picture(image, pictures[image.image], names)
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


def _box_class(row: NamedClassPrecision) -> BoxClassRow:
    return BoxClassRow(
        name=row.name or f"class {row.class_index}",
        boxes=f"{row.boxes:,}",
        baseline=value("percent", row.baseline),
        variant=value("percent", row.variant),
        change=value("points", row.baseline - row.variant),
    )


def _box_picture(image: NamedUnlikeImage, anchor: str, names: Mapping[int, str]) -> BoxedPicture:
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
