"""The figures of a task on the page."""

from __future__ import annotations

from typing import Any

import msgspec

from edgeq.measure.box_agreement import DrawnBox, MeanOverImages
from edgeq.measure.figures import Figure
from edgeq.record.measured import (
    NamedClassFigure,
    NamedClassPrecision,
    NamedUnlikeImage,
    NamedUnlikeSample,
    RecordedBoxes,
    RecordedFigures,
    RecordedPrecision,
)
from edgeq.report import html
from edgeq.report.cells import cells
from edgeq.report.figures_view import boxes_view, class_names, figures_view, main_figure
from edgeq.report.model_sentences import about_model
from tests.unit.report import records

FIGURES = RecordedFigures(
    images=50,
    confidence=0.95,
    figures=(
        Figure(name="mean_iou", value=0.9, interval=(0.85, 0.95), text="mean IoU", images=50),
        Figure(
            name="iou_drop",
            value=0.02,
            interval=None,
            text="mean IoU with the masks",
            images=50,
            baseline=0.7,
            variant=0.68,
        ),
    ),
    class_measure="IoU with the masks",
    class_unit="pixels",
    classes=(
        NamedClassFigure(class_index=0, count=900, variant=0.8, baseline=0.7, name="<sky>"),
        NamedClassFigure(class_index=1, count=100, variant=0.5, baseline=0.7),
    ),
    unlike=(
        NamedUnlikeSample(image=3, text="9 % differ", rows=1, columns=2, map="09", name="a<b>.jpg"),
        NamedUnlikeSample(image=4, text="1 % differ"),
    ),
)


def described(**changes: Any) -> Any:
    record = records.full_record()
    model = record.models[0]
    variant = model.variants[0]
    replaced = msgspec.structs.replace(
        variant, figures=FIGURES, agreement=None, accuracy=None, **changes
    )
    model = msgspec.structs.replace(model, task="segmentation", variants=(replaced,))
    return msgspec.structs.replace(record, models=(model, *record.models[1:]))


def test_the_view_has_figures_classes_and_maps() -> None:
    model = described().models[0]
    view = figures_view(model, model.variants[0], {3: "p3"})
    assert view is not None
    assert [figure.text for figure in view.figures] == [
        "90.0 %",
        "70.0 -> 68.0 %, 2.0 points lost",
    ]
    assert view.figures[0].interval == "85.0 to 95.0\xa0%"
    assert [row.name for row in view.classes] == ["class 1", "<sky>"]  # the greatest loss first
    first, second = view.pictures
    (cell,) = first.cells
    assert (cell.x, cell.y, cell.width) == (56, 28, 56)
    assert not second.cells
    assert view.has_maps
    assert figures_view(model, model.baseline, {}) is None


def test_the_page_escapes_names() -> None:
    page = html.render(described())
    assert "Its figures for the task segmentation" in page
    assert "&lt;sky&gt;" in page
    assert "<sky>" not in page.partition("<script")[0]


def test_the_table_shows_the_main_figures() -> None:
    model = described().models[0]
    row = cells(model, model.variants[0], is_baseline=False)
    assert row["agreement"].text == "mean IoU 90.0\xa0%"
    assert row["accuracy"].text == "IoU 2.0\xa0points lost"
    whole = cells(model, model.baseline, is_baseline=True)
    assert whole["accuracy"].text == "IoU 70.0\xa0%"
    figure = main_figure(model.variants[0], "accuracy")
    assert figure is not None
    assert figure[1] == "points"


RATE = MeanOverImages(value=0.9, interval=(0.85, 0.95), images=40)


def box(*corners: float, index: int = 1, shared: bool = False) -> DrawnBox:
    left, top, right, bottom = corners
    return DrawnBox(corners=(left, top, right, bottom), score=0.7, class_index=index, shared=shared)


BOXES = RecordedBoxes(
    images=50,
    confidence=0.95,
    score=0.25,
    baseline_boxes=100,
    variant_boxes=95,
    shared_boxes=90,
    recall=RATE,
    precision=RATE,
    shift=None,
    signed_shift=None,
    unlike=(
        NamedUnlikeImage(
            image=3,
            baseline=(box(0, 0, 0.5, 1), box(0.5, 0, 1, 1, shared=True)),
            variant=(box(0.5, 0, 1, 1, shared=True),),
            name="dog.jpg",
            sides=(200, 100),
        ),
    ),
)
PRECISION = RecordedPrecision(
    images=50,
    boxes=120,
    confidence=0.95,
    baseline_map=0.4,
    variant_map=0.38,
    baseline_map50=0.6,
    variant_map50=0.57,
    drop=0.02,
    drop_interval=(0.01, 0.03),
    variant_interval=(0.3, 0.45),
    baseline_interval=(0.3, 0.45),
    classes=(
        NamedClassPrecision(class_index=0, boxes=5, baseline=0.3, variant=0.4, name="cat"),
        NamedClassPrecision(class_index=1, boxes=10, baseline=0.5, variant=0.3, name="<dog>"),
    ),
)


def variant(**measured: Any) -> Any:
    return records.variant("int8", 900, **measured)


def test_a_model_without_boxes_has_none() -> None:
    assert boxes_view(variant(), {}, {}) is None


def test_the_figures_and_the_classes_that_lose() -> None:
    detector = variant(boxes=BOXES, precision=PRECISION)
    found = boxes_view(detector, {}, class_names(detector))
    assert found is not None
    assert "100 boxes of the baseline and 95 of the variant" in found.summary
    assert [figure.text for figure in found.figures[:3]] == ["90.0 %", "90.0 %", "not measured"]
    assert found.figures[3].interval == "drop 1.0 to 3.0 lost"
    assert [(row.name, row.boxes, row.change) for row in found.classes] == [
        ("<dog>", "10", "20.0 points lost")
    ]
    assert found.more == 1
    assert found.pictures == ()


def test_boxes_are_drawn_where_the_photograph_lies_in_its_square() -> None:
    found = boxes_view(variant(boxes=BOXES), {3: "p-1"}, {1: "dog"})
    assert found is not None
    (picture,) = found.pictures
    assert picture.caption == "baseline only: dog 0.70"
    first, second, third = picture.rectangles
    assert (first.x, first.y, first.width, first.height) == (0, 28, 56, 56)
    assert (first.side, first.alone) == ("theirs", True)
    assert (second.alone, third.side) == (False, "ours")


def test_the_page_shows_them_with_names_as_text() -> None:
    page = html.render(
        records.record((variant(boxes=BOXES, precision=PRECISION),), records.passing("int8"))
    )
    assert "Its boxes compared with the baseline" in page
    assert "&lt;dog&gt;" in page
    assert "<dog>" not in page


def test_the_head_gives_a_detector_s_map_or_else_its_recall() -> None:
    record = records.full_record()
    model = record.models[0]
    bare = msgspec.structs.replace(model.variants[0], agreement=None, accuracy=None)
    for measured, figures in (
        ({"precision": PRECISION, "boxes": BOXES}, "mAP 40.0 → 38.0 %, interval 30.0 to 45.0 %"),
        ({"boxes": BOXES}, "box recall 90.0 %, interval 85.0 to 95.0 %"),
    ):
        variant = msgspec.structs.replace(bare, **measured)
        only = msgspec.structs.replace(model, task="detection", variants=(variant,))
        sentence = about_model(msgspec.structs.replace(record, models=(only,)), only)
        assert figures in sentence.replace("\u00a0", " ")
