from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edgeq.errors import ImageError
from edgeq.measure.accuracy import accuracy, renaming
from edgeq.measure.agreement import agreement
from edgeq.measure.clusters import find_clusters, rate_interval
from edgeq.measure.predictions import Predictions, make_answers
from edgeq.measure.statistics import clopper_pearson, mcnemar_exact, paired_difference


def answers(scores: object) -> Predictions:
    return make_answers(np.array(scores, np.float32), None, is_probability=False)


def test_lost_gained_and_drop() -> None:
    labels = [0, 1, 2, 3, 4]
    found = accuracy(
        answers(np.eye(7)[[0, 1, 2, 3, 6]]),  # right, right, right, right, wrong
        answers(np.eye(7)[[0, 1, 5, 6, 4]]),  # right, right, lost, lost, gained
        labels,
    )
    assert (found.lost, found.gained) == (2, 1)
    assert found.drop == pytest.approx(0.2)
    assert found.drop_interval == paired_difference(2, 1, 5, 0.95)
    assert found.mcnemar_p == mcnemar_exact(2, 1)
    assert found.baseline_top1.images == 4
    assert found.variant_top1.value == 0.6
    assert found.variant_top1.interval == clopper_pearson(3, 5, 0.95)
    msgspec.json.encode(found)


def test_ties_and_values_that_are_not_finite_are_wrong() -> None:
    variant = np.eye(3)
    variant[0, 2] = 1.0
    variant[1, 0] = math.nan
    found = accuracy(answers(np.eye(3)), answers(variant), [0, 1, 2])
    assert (found.lost, found.gained, found.variant_top1.images) == (2, 0, 1)


def test_top_5_counts_ties_against_the_label() -> None:
    flat = answers(np.zeros((1, 10)))
    found = accuracy(answers(np.arange(10.0)[None]), flat, [5])
    assert found.baseline_top5 is not None
    assert found.variant_top5 is not None
    assert (found.baseline_top5.images, found.variant_top5.images) == (1, 0)
    assert accuracy(answers(np.arange(10.0)[None]), flat, [4]).baseline_top5.images == 0  # type: ignore[union-attr]


def test_five_classes_have_no_top_5() -> None:
    assert accuracy(answers(np.eye(5)), answers(np.eye(5)), range(5)).baseline_top5 is None


@given(
    hnp.arrays(
        np.float32,
        st.tuples(st.just(2), st.integers(1, 6), st.integers(6, 9)),
        elements=st.one_of(st.integers(0, 4).map(float), st.just(math.nan), st.just(math.inf)),
    ),
    st.data(),
)
def test_rates_are_what_a_person_would_count(pair: np.ndarray, data: st.DataObject) -> None:
    _, n, classes = pair.shape
    labels = data.draw(st.lists(st.integers(0, classes - 1), min_size=n, max_size=n))
    first = [right(pair[0, at].tolist(), labels[at], ties=True) for at in range(n)]
    second = [right(pair[1, at].tolist(), labels[at], ties=False) for at in range(n)]
    found = accuracy(answers(pair[0]), answers(pair[1]), labels)
    assert found.baseline_top1.images == sum(first)
    assert found.variant_top1.images == sum(second)
    assert found.lost == sum(a and not b for a, b in zip(first, second, strict=True))
    assert found.gained == sum(b and not a for a, b in zip(first, second, strict=True))
    assert found.drop == pytest.approx((sum(first) - sum(second)) / n)
    for rate, scores in ((found.baseline_top5, pair[0]), (found.variant_top5, pair[1])):
        assert rate is not None
        assert rate.images == sum(
            all(map(math.isfinite, row)) and sum(value >= row[label] for value in row) - 1 < 5
            for row, label in zip(scores.tolist(), labels, strict=True)
        )


def right(scores: list[float], label: int, *, ties: bool) -> bool:
    """Return whether the greatest score is the label's: the first of several, or the only one."""
    if not all(map(math.isfinite, scores)):
        return False
    best = max(scores)
    return scores.index(best) == label and (ties or scores.count(best) == 1)


@pytest.mark.parametrize("seed", range(5))
def test_lost_and_gained_are_the_flips_of_agreement(seed: int) -> None:
    generator = np.random.default_rng(seed)
    baseline, variant = generator.integers(0, 4, (2, 100, 6))  # many ties
    labels = generator.integers(0, 6, 100)
    pair = answers(baseline), answers(variant)
    counts = agreement(*pair, labels).flip_counts
    found = accuracy(*pair, labels)
    assert counts is not None
    assert (found.lost, found.gained) == (counts.right_to_wrong, counts.wrong_to_right)


def test_labels_out_of_range_are_refused() -> None:
    with pytest.raises(ImageError, match="label 7"):
        accuracy(answers(np.eye(5)), answers(np.eye(5)), [0, 1, 2, 3, 7])


def test_crops_of_one_photograph_widen_the_interval_of_every_rate() -> None:
    scores = np.eye(7)[[number % 7 for number in range(24)]]
    crops = find_clusters([number // 4 for number in range(24)])
    labels = [number % 7 for number in range(23)] + [0]
    found = accuracy(answers(scores), answers(scores), labels, clusters=crops)
    expected = rate_interval(23, 24, 0.95, crops)
    assert expected != clopper_pearson(23, 24, 0.95)
    rates = found.baseline_top1, found.variant_top1
    assert [one.interval for one in rates] == [expected, expected]
    wide = [one for one in (found.baseline_top5, found.variant_top5) if one is not None]
    assert [one.interval for one in wide] == [rate_interval(wide[0].images, 24, 0.95, crops)] * 2


def classes_given(
    classes: int, images: int, accuracy: float, seed: int = 0
) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Return what a model of some accuracy gives, and the labels."""
    generator = np.random.default_rng(seed)
    labels = np.arange(images) % classes
    wrong = generator.integers(0, classes, images)
    given_ = np.where(generator.random(images) < accuracy, labels, wrong)
    return given_.astype(np.int64), labels.astype(np.int64)


@pytest.mark.parametrize("classes", [2, 3, 10, 100])
def test_two_classes_that_changed_places_are_seen(classes: int) -> None:
    given_, labels = classes_given(classes, 60 * classes, 0.95)
    swap = np.arange(classes)
    swap[[0, 1]] = [1, 0]
    found = renaming(swap[given_], labels, classes, range(labels.size))
    if classes <= 10:  # a hundredth of the images is less than a clear gain
        assert found.sure
        assert found.renamed > found.right
    assert not renaming(given_, labels, classes, range(labels.size)).sure


@given(st.integers(2, 30), st.floats(0.3, 1.0), st.integers(0, 50))
def test_a_model_in_the_right_order_gains_nothing(classes: int, accuracy: float, seed: int) -> None:
    given_, labels = classes_given(classes, 12 * classes, accuracy, seed)
    assert not renaming(given_, labels, classes, range(labels.size)).sure


def test_few_images_are_never_sure() -> None:
    labels = np.array([0, 1, 2, 3], np.int64)
    assert not renaming(labels[::-1].copy(), labels, 4, range(4)).sure
