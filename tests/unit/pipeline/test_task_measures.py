"""Models of each task, from their files to the verdict."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edgeq.config.structs import TaskOptions
from edgeq.diagnosis.bench import Bench
from edgeq.errors import ImageError, SpecError
from edgeq.judge.verdict import Verdict
from edgeq.measure.tensors import fit
from edgeq.pipeline.run import Run
from edgeq.pipeline.task_measures import presence_of
from edgeq.record.structs import CaseRecord
from edgeq.results.judging import judge
from edgeq.results.recording import describe_models
from tests.unit.pipeline.test_tensors import IMAGES as ALL
from tests.unit.pipeline.test_tensors import answers, project
from tests.unit.tiny_model import Head, heads

IMAGES = 12
TAGS = Head("tags", 6, 60.0, last="LOGISTIC", seed=3)
MAP = Head("map", 256, 100.0, last="LOGISTIC", shape=(1, 16, 16, 1), seed=4)
POINTS = Head("points", 8, 50.0, seed=5)


def swapped(head: Head) -> Head:
    """Return a head with other weights, as if its values had changed places."""
    return dataclasses.replace(head, seed=head.seed + 1)


def case(run: Any, gate: str, variant: str = "good") -> tuple[CaseRecord, Any]:
    wanted = f"net/{variant}/{gate}"
    return judge(next(one for one in run.cases if one.id == wanted))


def masks(root: Path) -> str:
    """Write a mask for each photograph, and return the name of their folder."""
    folder = root / "masks"
    folder.mkdir()
    for seed in range(IMAGES):
        pixels = np.zeros((40, 40), np.uint8)
        pixels[:, : 5 + seed] = 1
        Image.fromarray(pixels).save(folder / f"{seed:02}.png")
    return "masks"


def test_label_sets_are_compared_at_the_threshold(tmp_path: Path) -> None:
    (tmp_path / "tags.csv").write_text(
        "file,labels\n" + "".join(f"{seed:02}.png,{seed % 6} 5\n" for seed in range(IMAGES))
    )
    run = project(
        tmp_path,
        heads(TAGS),
        good=heads(TAGS),
        bad=heads(swapped(TAGS)),
        model={"images": {"labels": "tags.csv"}, "task_options": {"threshold": 0.4}},
        gates={"label_overlap": 0.6, "f1_drop": 0.9, "relative_error": False},
    )
    assert run.inputs("net").reading.task == "multilabel"
    cases, errors = answers(run)
    assert not errors
    assert cases["good/label_overlap"].value == 1
    assert cases["bad/label_overlap"].value is not None
    assert cases["bad/label_overlap"].value < 0.9
    assert "at a probability of 0.4 or more" in cases["good/label_overlap"].reason
    assert cases["good/f1_drop"].value == 0
    (model,) = describe_models(run)
    (good, _) = model.variants
    assert (model.task, model.heads) == ("multilabel", 0)
    assert good.figures is not None
    assert good.figures.class_measure == "F1"


def test_maps_are_compared_with_the_baselines_and_with_masks(tmp_path: Path) -> None:
    tmp_path.mkdir(exist_ok=True)
    run = project(
        tmp_path,
        heads(MAP),
        good=heads(MAP),
        bad=heads(swapped(MAP)),
        model={"task": "segmentation", "images": {"labels": masks(tmp_path)}},
        gates={"mean_iou": 0.9, "iou_drop": 0.5, "relative_error": False},
    )
    cases, errors = answers(run)
    assert not errors
    assert cases["good/mean_iou"].value == 1
    assert cases["good/mean_iou"].status is Verdict.INCONCLUSIVE  # 12 images prove 0.73
    assert cases["bad/mean_iou"].status is Verdict.FAIL
    assert cases["good/iou_drop"].value == 0
    assert "mean IoU with the masks" in cases["bad/iou_drop"].reason
    bad = describe_models(run)[0].variants[1].figures
    assert bad is not None
    assert bad.unlike[0].name is not None
    assert bad.unlike[0].rows == 16


def test_points_and_labels_of_other_numbers(tmp_path: Path) -> None:
    (tmp_path / "points.csv").write_text(
        "file,"
        + ",".join(f"value_{at}" for at in range(8))
        + "\n"
        + "".join(f"{seed:02}.png{',1' * 8}\n" for seed in range(IMAGES))
    )
    settings = {"task": "keypoints", "images": {"labels": "points.csv"}}
    run = project(
        tmp_path,
        heads(POINTS),
        good=heads(POINTS),
        model=settings,
        gates={"point_error": 0.1, "point_error_rise": 0.1},
    )
    cases, errors = answers(run)
    assert not errors
    assert cases["good/point_error"].value == 0
    odd = project(
        tmp_path,
        heads(POINTS),
        good=heads(POINTS),
        model={**settings, "task_options": {"values_per_point": 3}},
        gates={"point_error": 0.1},
    )
    record, error = case(odd, "point_error")
    assert record.status is Verdict.MISSING
    assert isinstance(error, SpecError)
    assert "8 values are not points of 3" in str(error)


def test_a_number_that_the_task_does_not_read_is_refused(tmp_path: Path) -> None:
    run = project(
        tmp_path,
        heads(POINTS),
        good=heads(POINTS),
        model={"task": "keypoints", "task_options": {"threshold": 0.5}},
        gates={"point_error": 0.1},
    )
    _, error = case(run, "point_error")
    assert error is not None
    assert "threshold is set, but 'net' is judged as keypoints" in str(error)
    assert "multilabel, segmentation" in str(error)


def test_without_labels_a_drop_is_missing_and_says_what_to_name(tmp_path: Path) -> None:
    run = project(tmp_path, heads(MAP), good=heads(MAP), model={"task": "segmentation"}, gates={})
    record, _ = case(run, "iou_drop")
    assert record.status is Verdict.MISSING
    assert "Name masks in the spec" in str(record.next_step)
    asked = project(
        tmp_path,
        heads(MAP),
        good=heads(MAP),
        model={"task": "segmentation"},
        gates={"iou_drop": 0.1},
    )
    _, error = case(asked, "iou_drop")
    assert "Name masks in images.labels" in str(error)


def test_a_baseline_that_sees_nothing_proves_nothing(tmp_path: Path) -> None:
    blind = dataclasses.replace(MAP, gain=1.0, offset=-20.0)
    run = project(
        tmp_path,
        heads(blind),
        good=heads(blind),
        model={"task": "segmentation"},
        gates={"mean_iou": 0.9},
    )
    record, _ = case(run, "mean_iou")
    assert record.status is Verdict.INCONCLUSIVE
    assert "the same class" in record.reason


def test_every_further_head_of_a_classifier_is_judged(tmp_path: Path) -> None:
    kind = Head("kind", 4, 60.0, last="SOFTMAX", seed=6)
    other = Head("other", 5, 60.0, last="SOFTMAX", seed=7)
    run = project(
        tmp_path,
        heads(kind, other),
        good=heads(kind, other),
        bad=heads(kind, swapped(other)),
        gates={"relative_error": False},
    )
    cases, errors = answers(run)
    assert not errors
    assert cases["good/head_agreement"].value == 1
    assert cases["bad/head_agreement"].status is Verdict.FAIL
    assert "output 1 ('other')" in cases["bad/head_agreement"].reason
    assert describe_models(run)[0].heads == 1


def test_a_classifier_with_one_output_has_no_case_for_further_ones(tmp_path: Path) -> None:
    run = project(tmp_path, heads(TAGS), good=heads(TAGS), model={"task": "classification"})
    assert not [one for one in run.cases if one.gate.name == "head_agreement"]


@pytest.mark.parametrize("gate", ["class_recall_drop", "calibration_error_rise"])
def test_recall_and_calibration_are_measured_if_they_are_asked_for(
    tmp_path: Path, gate: str
) -> None:
    head = Head("kind", 2, 60.0, last="SOFTMAX", seed=6)
    run = project(
        tmp_path, heads(head), good=heads(head), labels=True, images=24, gates={gate: 0.9}
    )
    record, error = case(run, gate)
    assert error is None
    assert record.value == 0
    assert record.status in {Verdict.PASS, Verdict.INCONCLUSIVE}


def test_a_task_that_does_not_exist_is_refused_before_anything_runs(tmp_path: Path) -> None:
    run = project(tmp_path, heads(MAP), good=heads(MAP), model={"task": "segmentaton"})
    with pytest.raises(SpecError, match="unknown task 'segmentaton'") as caught:
        assert run.cases
    assert "Did you mean 'segmentation'" in str(caught.value)


def test_options_are_none_unless_the_spec_sets_them() -> None:
    assert all(getattr(TaskOptions(), name) is None for name in TaskOptions.__struct_fields__)


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
    assert 0 < len(places) < ALL
    points, shows = variant.outputs
    assert (points.images, shows.images) == (len(places), ALL)
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
    assert [fitted.images for fitted in variant.outputs] == [ALL, ALL]


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
