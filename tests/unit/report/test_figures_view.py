"""The figures of a task on the page."""

from __future__ import annotations

from typing import Any

import msgspec

from edgeq.measure.figures import Figure
from edgeq.record.measured import NamedClassFigure, NamedUnlikeSample, RecordedFigures
from edgeq.report import html
from edgeq.report.cells import cells
from edgeq.report.figures_view import figures_view, main_figure
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
