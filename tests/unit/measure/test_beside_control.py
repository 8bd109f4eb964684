from __future__ import annotations

import msgspec
import numpy as np
import pytest

from edgeq.errors import ImageError, ModelError
from edgeq.measure.accuracy import accuracy
from edgeq.measure.agreement import agreement
from edgeq.measure.beside_control import Three, ThreeOutputs, beside_control
from edgeq.measure.clusters import find_clusters
from edgeq.measure.predictions import Predictions, make_answers
from edgeq.measure.tensors import Output, fit, image_errors

IMAGES, CLASSES = 60, 7


def answers(seed: int, noise: float) -> Predictions:
    logits = np.random.default_rng(0).normal(0, 2, (IMAGES, CLASSES))
    logits = logits + np.random.default_rng(seed).normal(0, noise, logits.shape)
    powers = np.exp(logits)
    scores = powers / powers.sum(axis=1, keepdims=True)
    return make_answers(scores, logits, is_probability=True)


def output(seed: int, noise: float) -> Output:
    rows = np.random.default_rng(3).normal(5, 1, (IMAGES, 12))
    rows = rows + np.random.default_rng(seed).normal(0, noise, rows.shape)
    return Output("boxes", (3, 4), rows.astype(np.float32))


THREE = Three(answers(0, 0.0), answers(1, 0.6), answers(2, 0.3))


def test_figures_are_those_of_each_beside_the_baseline() -> None:
    labels = np.random.default_rng(9).integers(0, CLASSES, IMAGES)
    found = beside_control(THREE, [], labels)
    ours = agreement(THREE.baseline, THREE.variant, labels)
    theirs = agreement(THREE.baseline, THREE.control, labels)
    assert found.drift is not None
    assert found.agreement is not None
    assert found.accuracy is not None
    assert [one.label for one in found.errors] == ["logits"]
    assert (found.errors[0].variant, found.errors[0].control) == (ours.error, theirs.error)
    assert found.errors[0].variant_interval == ours.error_interval
    assert (found.drift.variant, found.drift.control) == (ours.drift, theirs.drift)
    assert (found.agreement.variant, found.agreement.control) == (ours.top1, theirs.top1)
    right = [
        accuracy(THREE.baseline, one, labels).variant_top1.value
        for one in (THREE.variant, THREE.control)
    ]
    assert [found.accuracy.variant, found.accuracy.control] == right
    control = accuracy(THREE.baseline, THREE.control, labels)
    assert found.agreement_of_control == theirs.top1_interval
    assert found.loss_of_control is not None
    assert (found.loss_of_control.shortfall, found.loss_of_control.interval) == (
        control.drop,
        control.drop_interval,
    )
    msgspec.json.encode(found)


def test_outputs_without_classes_are_compared_as_tensors() -> None:
    baseline, variant, control = output(0, 0.0), output(1, 0.4), output(2, 0.2)
    found = beside_control(None, [ThreeOutputs("output 0 ('boxes')", baseline, variant, control)])
    assert (found.drift, found.agreement, found.accuracy) == (None, None, None)
    assert found.errors[0].variant == pytest.approx(fit(baseline, variant, output=0).error)
    assert found.errors[0].ratio == pytest.approx(2.0, rel=0.1)


def test_the_errors_of_single_images_are_those_of_the_fit() -> None:
    baseline, variant = output(0, 0.0), output(1, 0.4)
    errors = image_errors(baseline, variant)
    whole = fit(baseline, variant, output=0)
    assert errors.mean() == pytest.approx(whole.error)
    assert (errors.max(), int(errors.argmax())) == (
        pytest.approx(whole.worst_error),
        whole.worst_error_image,
    )


def test_images_that_are_not_finite_or_say_nothing_have_no_error() -> None:
    baseline, variant = output(0, 0.0), output(1, 0.4)
    rows = np.array(variant.rows[:, :])
    rows[4] = np.nan
    errors = image_errors(baseline, Output("boxes", (3, 4), rows))
    assert np.flatnonzero(np.isnan(errors)).tolist() == [4]
    zeros = Output("boxes", (3, 4), np.zeros((IMAGES, 12), np.float32))
    assert np.isnan(image_errors(zeros, variant)).all()
    nothing = Output("boxes", (3, 4), np.full((IMAGES, 12), np.nan, np.float32))
    assert np.isnan(image_errors(baseline, nothing)).all()
    assert beside_control(None, [ThreeOutputs("x", zeros, variant, variant)]).errors == ()


def test_what_does_not_belong_together_is_refused() -> None:
    other = make_answers(np.eye(5), None, is_probability=False)
    with pytest.raises(ModelError, match="shape"):
        beside_control(Three(THREE.baseline, THREE.variant, other), [])
    with pytest.raises(ImageError, match="labels"):
        beside_control(THREE, [], [1, 2])
    short = Output("boxes", (1,), np.zeros((2, 1), np.float32))
    with pytest.raises(ValueError, match="can't be compared"):
        image_errors(output(0, 0.0), short)


def test_crops_of_one_photograph_widen_every_interval() -> None:
    labels = np.random.default_rng(9).integers(0, CLASSES, IMAGES)
    boxes = [ThreeOutputs("boxes", output(0, 0.0), output(1, 0.4), output(2, 0.2))]
    single = beside_control(THREE, boxes, labels)
    crops = beside_control(
        THREE, boxes, labels, clusters=find_clusters([number // 5 for number in range(IMAGES)])
    )
    for alone, together in zip(single.errors, crops.errors, strict=True):
        assert (together.variant, together.control) == (alone.variant, alone.control)
        assert width(together.variant_interval) > width(alone.variant_interval)
        assert width(together.ratio_interval) > width(alone.ratio_interval)
    assert single.drift is not None
    assert crops.drift is not None
    assert width(crops.drift.variant_interval) > width(single.drift.variant_interval)
    for alone_pair, pair in (
        (single.agreement, crops.agreement),
        (single.accuracy, crops.accuracy),
    ):
        assert alone_pair is not None
        assert pair is not None
        assert width(pair.interval) > width(alone_pair.interval)


def width(interval: tuple[float, float | None] | None) -> float:
    assert interval is not None
    assert interval[1] is not None
    return interval[1] - interval[0]
