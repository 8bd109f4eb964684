"""Landmarks are compared on the samples on which the baseline sees what they belong to."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeq.diagnosis.bench import Bench
from edgeq.errors import ImageError, SpecError
from edgeq.judge.verdict import Verdict
from edgeq.measure.tensors import fit
from edgeq.pipeline.presence import presence_of
from edgeq.pipeline.run import Run
from edgeq.results.judging import judge
from tests.unit.pipeline.test_tensors import IMAGES, project
from tests.unit.tiny_model import Head, heads

POINTS = Head("points", 8, 50.0, seed=5)
SHOWS = Head("shows", 1, 20.0, last="LOGISTIC", seed=7)
OTHER = dataclasses.replace(POINTS, offset=0.4, gain=45.0)


def seen(root: Path, **options: Any) -> Run:
    return project(
        root,
        heads(POINTS, SHOWS),
        other=heads(OTHER, SHOWS),
        model={"task": "keypoints", "output": "points", "task_options": options},
        gates={"point_error": 0.5},
    )


def test_only_samples_with_something_to_see_count_for_points(tmp_path: Path) -> None:
    values = seen(tmp_path).baseline("net").tensors[1].rows[:, :][:, 0]
    threshold = float(np.median(values))
    (variant,) = seen(tmp_path, presence="shows", presence_threshold=threshold).variants
    places = np.flatnonzero(values >= threshold)
    assert 0 < len(places) < IMAGES
    points, shows = variant.outputs
    assert (points.images, shows.images) == (len(places), IMAGES)
    sides = [side.tensors[0].part(places) for side in (variant.baseline, variant)]
    alone = fit(*sides, output=0)
    assert alone.worst_error_image is not None
    assert points.error == pytest.approx(alone.error)
    assert points.worst_error_image == places[alone.worst_error_image]
    (error,) = variant.figures.figures
    assert error.images == len(places)
    assert {sample.image for sample in variant.figures.unlike} <= set(places.tolist())
    assert set(Bench(variant).chosen) <= set(places)


def test_all_samples_count_if_no_output_is_named(tmp_path: Path) -> None:
    (variant,) = seen(tmp_path).variants
    assert presence_of(variant) is None
    assert [fitted.images for fitted in variant.outputs] == [IMAGES, IMAGES]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"presence": "hides"}, SpecError, "hides"),
        ({"presence": "points"}, SpecError, "does not say in one value"),
        ({"presence": "shows", "presence_threshold": 1.5}, ImageError, "sees nothing on any of 12"),
    ],
)
def test_an_output_that_tells_nothing_is_refused(
    tmp_path: Path, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    run = seen(tmp_path, **options)
    case = next(case for case in run.cases if case.gate.name == "relative_error")
    record, raised = judge(case)
    assert record.status is Verdict.MISSING
    assert isinstance(raised, error)
    assert message in str(raised)


def test_a_threshold_without_an_output_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="presence_threshold is set without `presence`"):
        seen(tmp_path, presence_threshold=0.5)
