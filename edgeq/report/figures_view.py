"""The view of the figures of a task: its measures, its classes, and where outputs differ. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from edgeq.config.gates import GATES, written
from edgeq.measure.figures import Figure
from edgeq.record.measured import NamedClassFigure, NamedUnlikeSample
from edgeq.record.structs import ModelRecord, VariantRecord
from edgeq.report import words
from edgeq.report.pictures import PICTURE
from edgeq.words import Kind, change, value

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
        if figure.name in GATES and GATES.get(figure.name).column == column:
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
