from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edgeq.errors import ImageError, ModelError
from edgeq.measure.agreement import agreeing, agreement
from edgeq.measure.predictions import Predictions, make_answers
from edgeq.measure.statistics import clopper_pearson


def answers(scores: object) -> Predictions:
    return make_answers(np.array(scores, np.float32), None, is_probability=False)


@given(
    hnp.arrays(
        np.float32,
        st.tuples(st.just(2), st.integers(1, 8), st.integers(2, 7)),
        elements=st.one_of(st.integers(0, 3).map(float), st.just(math.nan), st.just(math.inf)),
    )
)
def test_an_image_agrees_as_a_person_would_count(pair: np.ndarray) -> None:
    found = agreeing(answers(pair[0]), answers(pair[1]))
    for image in range(pair.shape[1]):
        first, second = pair[0, image].tolist(), pair[1, image].tolist()
        expected = (
            all(map(math.isfinite, first + second))
            and second.count(max(second)) == 1
            and first.index(max(first)) == second.index(max(second))
        )
        assert bool(found[image]) is expected
    msgspec.json.encode(agreement(answers(pair[0]), answers(pair[1])))


def test_counts_ties_and_interval() -> None:
    baseline = np.eye(8)[[0, 1, 2, 3, 4]]
    variant = np.eye(8)[[0, 1, 2, 5, 4]]
    variant[4, 6] = 1.0  # a tie that holds the right class
    found = agreement(answers(baseline), answers(variant))
    assert (found.images, found.classes, found.agreeing, found.ties) == (5, 8, 3, 1)
    assert found.baseline_ties == 0
    assert found.top1 == 0.6
    assert found.top1_interval == clopper_pearson(3, 5, 0.95)
    assert [flip.image for flip in found.flips] == [3, 4]
    assert found.flip_counts is None
    assert found.distinct_classes == 5


def test_flips_by_kind_add_up() -> None:
    generator = np.random.default_rng(3)
    baseline, variant = generator.normal(0, 1, (2, 200, 6))
    variant[:3] = np.nan
    labels = generator.integers(0, 6, 200)
    found = agreement(answers(baseline), answers(variant), labels)
    assert found.flip_counts is not None
    counts = msgspec.structs.astuple(found.flip_counts)
    assert sum(counts) == found.images - found.agreeing == len(found.flips)
    assert min(counts) > 0
    for flip in found.flips:
        right_before = flip.baseline_class == flip.label
        right = flip.variant_class == flip.label
        assert (
            flip.kind
            == {
                (True, False): "right_to_wrong",
                (False, True): "wrong_to_right",
                (False, False): "wrong_to_wrong",
            }[right_before, right]
        )


def test_a_tied_right_answer_is_lost() -> None:
    found = agreement(answers([[2.0, 1, 0]]), answers([[2.0, 2, 0]]), [0])
    (flip,) = found.flips
    assert flip.kind == "right_to_wrong"
    assert flip.tied
    assert flip.variant_class == 0


def test_a_flip_says_what_both_thought() -> None:
    found = agreement(answers([[0.0, 3, 1, 2]]), answers([[5.0, 3, 1, 2]]))
    (flip,) = found.flips
    assert (flip.baseline_class, flip.variant_class) == (1, 0)
    assert [guess.class_index for guess in flip.baseline_best] == [1, 3, 2]
    assert [guess.class_index for guess in flip.variant_best] == [0, 1, 3]
    assert flip.variant_best[0].probability == pytest.approx(flip.variant_confidence)
    assert flip.label is None


def test_a_flip_without_numbers_has_no_class() -> None:
    found = agreement(answers([[0.0, 3, 1]]), answers([[math.nan, 3, 1]]))
    (flip,) = found.flips
    assert flip.variant_class is None
    assert flip.variant_best == ()
    assert found.nonfinite_images == 1
    assert found.relative_error is None
    assert found.confidence_drift is None
    assert found.cosine.worst == -1


def test_the_worst_images_come_first() -> None:
    baseline = np.random.default_rng(4).normal(0, 1, (30, 20))
    variant = baseline.copy()
    variant[17] = -baseline[17]
    variant[5] = baseline[5] + np.random.default_rng(5).normal(0, 1, 20)
    found = agreement(answers(baseline), answers(variant))
    assert [one.image for one in found.worst_images[:2]] == [17, 5]
    assert len(found.worst_images) == 10
    assert found.worst_images[0].cosine == found.cosine.worst == pytest.approx(-1)
    assert found.cosine.mean > 0.9  # the mean hides it
    assert not found.worst_images[0].agrees
    assert found.js_bits.worst >= found.js_bits.p95 >= found.js_bits.median >= found.js_bits.p5


def test_confidence_drift_has_a_sign() -> None:
    baseline = np.random.default_rng(6).normal(0, 2, (40, 10))
    found = agreement(answers(baseline), answers(baseline * 0.5))
    assert found.top1 == 1.0
    assert found.confidence_drift is not None
    assert found.confidence_drift < -0.05


def test_top_5_has_an_interval_around_it() -> None:
    generator = np.random.default_rng(7)
    baseline = generator.normal(0, 1, (60, 30))
    found = agreement(answers(baseline), answers(baseline + generator.normal(0, 0.3, (60, 30))))
    assert found.top5_overlap is not None
    assert found.top5_interval is not None
    assert 0 < found.top5_interval[0] < found.top5_overlap < found.top5_interval[1] < 1


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ModelError, match=r"\(1, 3\).*\(1, 2\)"):
        agreement(answers([[1.0, 2]]), answers([[1.0, 2, 3]]))


@pytest.mark.parametrize(
    ("labels", "message"), [([0], "2 images"), ([0, 2], "label 2 of image 1"), ([-1, 0], "-1")]
)
def test_labels_that_do_not_fit_are_refused(labels: list[int], message: str) -> None:
    with pytest.raises(ImageError, match=message):
        agreement(answers(np.eye(2)), answers(np.eye(2)), labels)
