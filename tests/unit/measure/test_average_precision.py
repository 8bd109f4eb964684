from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeq.measure.average_precision import (
    LabelledPrecision,
    labelled_precision,
    match_labels,
    mean,
    mean_precision,
    precisions,
    resampled,
    resampled_interval,
)
from edgeq.measure.statistics import clopper_pearson
from edgeq.samples.box_labels import BoxLabels
from edgeq.tasks.detection.boxes import Boxes

pytest.importorskip("pycocotools")


def drawn(seed: int, images: int = 6, *, noise: float = 0.05) -> tuple[list[Boxes], BoxLabels]:
    """Return labels, and boxes that lie near most of them and elsewhere."""
    generator = np.random.default_rng(seed)
    of, corners, classes, every = [], [], [], []
    for image in range(images):
        count = int(generator.integers(0, 6))
        low = generator.uniform(0, 0.6, (count, 2))
        true = np.concatenate([low, low + generator.uniform(0.1, 0.4, (count, 2))], axis=1)
        names = generator.integers(0, 3, count)
        of += [image] * count
        corners.append(true)
        classes.append(names)
        some = generator.random(count) < 0.8
        wild = np.sort(generator.random((3, 2, 2)), axis=1).reshape(3, 4)
        near = true[some] + generator.normal(0, noise, (int(some.sum()), 4))
        given_ = np.concatenate([near, wild]).astype(np.float32)
        every.append(
            Boxes(
                given_,
                np.round(generator.random(len(given_)), 2).astype(np.float32),
                np.concatenate([names[some], generator.integers(0, 4, 3)]).astype(np.int64),
            )
        )
    crowds = generator.random(len(of)) < 0.15
    labels = BoxLabels(
        "drawn",
        "",
        np.array(of, np.int64),
        np.concatenate(corners).astype(np.float32),
        np.concatenate(classes).astype(np.int64),
        crowds,
        {},
    )
    return every, labels


def by_pycocotools(every: list[Boxes], labels: BoxLabels) -> tuple[float, float]:
    """Return mAP50-95 and mAP50 as COCOeval itself computes them."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    def entry(corners: Any) -> dict[str, Any]:
        left, top, right, bottom = (float(edge) for edge in corners)
        width, height = max(right - left, 0), max(bottom - top, 0)
        return {"bbox": [left, top, width, height], "area": width * height}

    truth, given_ = COCO(), []
    with contextlib.redirect_stdout(io.StringIO()):
        truth.dataset = {
            "images": [{"id": at + 1} for at in range(len(every))],
            "categories": [{"id": at + 1} for at in range(4)],
            "annotations": [
                {
                    **entry(labels.corners[at]),
                    "id": at + 1,
                    "image_id": int(labels.images[at]) + 1,
                    "category_id": int(labels.classes[at]) + 1,
                    "iscrowd": int(labels.crowds[at]),
                }
                for at in range(len(labels.classes))
            ],
        }
        truth.createIndex()
        for image, boxes in enumerate(every):
            given_ += [
                {
                    **entry(boxes.corners[at]),
                    "image_id": image + 1,
                    "category_id": int(boxes.classes[at]) + 1,
                    "score": float(boxes.scores[at]),
                }
                for at in range(len(boxes))
            ]
        evaluation = COCOeval(truth, truth.loadRes(given_), "bbox")
        evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, 1e10]], ["all"]
        evaluation.params.maxDets = [100]
        evaluation.evaluate()
        evaluation.accumulate()
    table = evaluation.eval["precision"][:, :, :, 0, 0]
    return float(table[table > -1].mean()), float(table[0][table[0] > -1].mean())


@pytest.mark.parametrize("seed", range(8))
def test_the_means_are_those_of_pycocotools(seed: int) -> None:
    every, labels = drawn(seed)
    found = precisions(match_labels(every, labels, len(every)), np.ones((1, len(every))))
    expected = by_pycocotools(every, labels)
    assert float(mean(found)[0]) == pytest.approx(expected[0], abs=1e-9)
    assert float(mean(found[..., :1])[0]) == pytest.approx(expected[1], abs=1e-9)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_a_weight_counts_an_image_as_often(seed: int) -> None:
    every, labels = drawn(seed, 4)
    if labels.crowds.all():
        return
    scores = np.random.default_rng(seed).permutation(sum(map(len, every)))
    end = 0
    for at, boxes in enumerate(every):  # no ties, which repeated images would order otherwise
        part = scores[end : end + len(boxes)]
        end += len(boxes)
        every[at] = Boxes(boxes.corners, ((part + 1) / 100).astype(np.float32), boxes.classes)
    weighted = precisions(match_labels(every, labels, 4), np.array([[2.0, 1.0, 0.0, 1.0]]))
    places = [0, 0, 1, 3]
    rows = [np.flatnonzero(labels.images == place) for place in places]
    repeated = BoxLabels(
        "",
        "",
        np.repeat(np.arange(4), [len(row) for row in rows]),
        labels.corners[np.concatenate(rows)],
        labels.classes[np.concatenate(rows)],
        labels.crowds[np.concatenate(rows)],
        {},
    )
    if repeated.crowds.all():
        return
    matches = match_labels([every[place] for place in places], repeated, 4)
    plain = precisions(matches, np.ones((1, 4)))
    names = [one.class_index for one in match_labels(every, labels, 4)]
    known = [names.index(one.class_index) for one in matches]
    np.testing.assert_allclose(weighted[:, known], plain, atol=1e-9)
    absent = [at for at in range(len(names)) if at not in known]
    assert np.isnan(weighted[:, absent]).all()


def test_the_drop_of_the_same_boxes_is_nothing_but_what_20_images_may_miss() -> None:
    every, labels = drawn(1, 20)
    groups = list(range(20))
    one = labelled_precision(every, labels, groups)
    found = mean_precision(one, one, groups)
    assert found.drop == 0
    missed = clopper_pearson(0, 20, 0.95)[1] * found.variant_map
    assert found.drop_interval == pytest.approx((-missed, missed))
    assert 0 < found.variant_map < found.variant_map50
    assert found.variant_interval[0] < found.variant_map < found.variant_interval[1]
    assert {one.class_index for one in found.classes} <= {0, 1, 2}
    assert sum(one.boxes for one in found.classes) == found.boxes


def test_a_variant_without_boxes_loses_everything() -> None:
    every, labels = drawn(2, 20)
    nothing = [boxes.take(np.zeros(len(boxes), bool)) for boxes in every]
    groups = list(range(20))
    found = mean_precision(
        labelled_precision(every, labels, groups),
        labelled_precision(nothing, labels, groups),
        groups,
    )
    assert found.variant_map == 0
    assert found.drop == found.baseline_map > 0


def test_crops_of_a_photograph_are_drawn_together() -> None:
    weights = resampled(["a", "a", "b", "c"], 50)
    assert (weights[:, 0] == weights[:, 1]).all()
    assert weights.sum(axis=1).min() >= 3
    assert (resampled(["a", "b"], 50).sum(axis=1) == 2).all()


def test_the_interval_is_students_with_the_resamples_deviation() -> None:
    samples = np.random.default_rng(0).normal(5, 1, 100_000)
    low, high = resampled_interval(samples, 2.0, 0.95, 10_000)
    assert (low, high) == pytest.approx((2 - 1.96, 2 + 1.96), abs=0.03)
    narrow = high - low
    low, high = resampled_interval(samples, 2.0, 0.95, 5)
    assert (high - low) / narrow == pytest.approx(2.776 / 1.96 * (5 / 4) ** 0.5, rel=0.01)
    # The resamples' bias, here 3, is an error like any other.
    low, high = resampled_interval(samples, 2.0, 0.95, 10_000, biased=True)
    assert (low + high, high - low) == pytest.approx((4.0, 2 * 1.96 * 10**0.5), abs=0.03)


def test_a_class_without_boxes_scores_nothing() -> None:
    every, labels = drawn(3)
    none = LabelledPrecision((), np.zeros((0, 10)), np.zeros(1))
    assert mean(none.whole[None]).tolist() == [0]
    blind = [boxes.take(boxes.classes != 0) for boxes in every]
    at = [one.class_index for one in match_labels(blind, labels, len(every))].index(0)
    assert not precisions(match_labels(blind, labels, len(every)), np.ones((1, len(every))))[
        0, at
    ].any()
