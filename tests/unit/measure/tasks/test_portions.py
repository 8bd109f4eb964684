"""Measures that look at some images at a time give what they give for all at once."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np
import pytest

from edgeq.measure import figures
from edgeq.measure.figures import TaskData, TaskFigures
from edgeq.measure.tasks import label_sets, points
from edgeq.measure.tensors import Output

IMAGES, VALUES = 23, 6


def drawn() -> TaskData:
    rng = np.random.default_rng(0)
    ours, labels = rng.random((2, IMAGES, VALUES)).astype(np.float32)
    theirs = ours + rng.normal(0, 0.1, ours.shape).astype(np.float32)
    baseline, variant = ([Output("y", (VALUES,), rows)] for rows in (ours, theirs))
    return TaskData(
        baseline, variant, output=0, groups=tuple(range(IMAGES)), labels=list(np.rint(labels))
    )


@pytest.mark.parametrize(
    "measure", [points.measure_points, points.measure_values, label_sets.measure]
)
def test_some_images_at_a_time_give_the_same_figures(
    measure: Callable[[TaskData], TaskFigures], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = measure(drawn())
    monkeypatch.setattr(figures, "_VALUES", 5 * VALUES)
    sizes = [len(ours) for _, ours, _ in drawn().portions()]
    assert sizes == [5, 5, 5, 5, 3]
    some = measure(drawn())
    for one, other in zip(whole.figures, some.figures, strict=True):
        assert one.value == pytest.approx(other.value)
        assert one.interval == pytest.approx(other.interval)
    assert msgspec.structs.replace(some, figures=()) == msgspec.structs.replace(whole, figures=())


def test_a_value_s_spread_is_its_standard_deviation_over_all_images(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = drawn()
    ours, theirs = data.whole()
    expected = (np.abs(theirs - ours) / ours.std(axis=0)).mean()
    monkeypatch.setattr(figures, "_VALUES", 4 * VALUES)
    figure = points.measure_values(data).get("value_error")
    assert figure is not None
    assert figure.value == pytest.approx(expected)
