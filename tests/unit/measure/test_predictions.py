from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest

from edgeq.errors import ImageError, ModelError
from edgeq.measure.predictions import OutputFacts, collapsed, make_answers, outputs_facts


def facts(scores: object) -> OutputFacts:
    return outputs_facts(make_answers(np.array(scores), None, is_probability=False))


def test_logits_come_from_the_tap_or_from_the_scores() -> None:
    scores = np.array([[0.2, 0.8]])
    tapped = make_answers(scores, [[1.0, 2.0]], is_probability=True)
    assert tapped.logits_source == "softmax_input"
    assert tapped.logits.tolist() == [[1.0, 2.0]]
    assert make_answers(scores, None, is_probability=False).logits_source == "scores"


def test_probabilities_alone_become_clipped_logarithms() -> None:
    answers = make_answers([[0.0, 0.25, 0.75], [0.5, 0.5, 0.0]], None, is_probability=True)
    assert answers.logits_source == "log_probabilities"
    assert answers.logits[0] == pytest.approx(np.log([0.125, 0.25, 0.75]))
    assert np.isfinite(answers.logits).all()


def test_logarithms_of_float_probabilities_go_down_to_1e_7() -> None:
    answers = make_answers(np.array([[1e-20, 1.0]]), None, is_probability=True)
    assert answers.logits[0, 0] == pytest.approx(math.log(1e-7))


def test_prediction_tie_and_finiteness_per_image() -> None:
    answers = make_answers(
        [[1.0, 3, 2], [5.0, 1, 5], [math.nan, 9, 1], [math.inf, 0, 0]], None, is_probability=False
    )
    assert answers.predicted.tolist() == [1, 0, -1, -1]
    assert answers.tied.tolist() == [False, True, False, False]
    assert answers.finite.tolist() == [True, True, False, False]


def test_a_logit_that_is_not_finite_counts() -> None:
    answers = make_answers([[0.5, 0.5]], [[math.nan, 1.0]], is_probability=True)
    assert answers.finite.tolist() == [False]


@pytest.mark.parametrize("scores", [[1.0, 2.0], [[1.0], [2.0]], [[[1.0, 2.0]]]])
def test_outputs_that_are_no_classes_are_refused(scores: object) -> None:
    with pytest.raises(ModelError, match="images, classes"):
        make_answers(np.array(scores), None, is_probability=False)


def test_no_images_are_refused() -> None:
    with pytest.raises(ImageError, match="empty"):
        make_answers(np.empty((0, 5)), None, is_probability=False)


def test_logits_of_another_shape_are_refused() -> None:
    with pytest.raises(ModelError, match=r"\(1, 3\)"):
        make_answers([[0.5, 0.5]], [[1.0, 2.0, 3.0]], is_probability=True)


def test_facts_of_healthy_outputs() -> None:
    found = facts(np.eye(4))
    assert found == OutputFacts(
        images=4,
        classes=4,
        nonfinite_images=0,
        nonfinite_values=0,
        constant=False,
        all_zero=False,
        tied_images=0,
        all_tied=False,
        distinct_classes=4,
        largest_class=0,
        largest_share=0.25,
    )


def test_facts_of_dead_outputs() -> None:
    found = facts(np.zeros((3, 5)))
    assert found.all_zero
    assert found.constant
    assert found.all_tied
    assert found.distinct_classes == 1
    assert found.largest_share == 1.0


def test_facts_of_outputs_that_are_not_finite_are_json() -> None:
    found = facts(np.full((2, 3), math.nan))
    assert (found.nonfinite_images, found.nonfinite_values) == (2, 6)
    assert (found.largest_class, found.largest_share, found.distinct_classes) == (None, 0.0, 0)
    assert not found.all_tied
    assert b"null" in msgspec.json.encode(found)


def test_one_image_is_not_constant() -> None:
    assert not facts([[1.0, 2.0]]).constant


def spread(*predicted: int) -> OutputFacts:
    return facts(np.eye(100)[list(predicted)])


@pytest.mark.parametrize(
    ("baseline", "variant", "expected"),
    [
        (range(20), [0] * 20, True),
        (range(20), [0, 1, 2, 3] * 5, True),  # 4 of 20 classes
        (range(20), [0, 1, 2, 3, 4] * 4, False),  # a quarter of them, no class on half
        (range(20), [*range(10), *[0] * 10], True),  # one class on over half
        ([0] * 15 + list(range(1, 9)), [0] * 15 + [0, *range(2, 9)], False),  # as the baseline is
        (range(7), [0] * 7, False),  # too few classes to tell
        (range(8), range(8), False),
    ],
)
def test_collapse(baseline: list[int], variant: list[int], expected: bool) -> None:
    assert collapsed(spread(*baseline), spread(*variant)) is expected


@pytest.mark.parametrize("seed", range(20))
def test_a_variant_that_mostly_agrees_never_collapses(seed: int) -> None:
    generator = np.random.default_rng(seed)
    n = int(generator.integers(8, 200))
    baseline = generator.integers(0, 40, n)
    variant = baseline.copy()
    changed = generator.choice(n, size=n // 5, replace=False)
    variant[changed] = variant[0]  # the least friendly change: all to one class
    assert not collapsed(spread(*baseline), spread(*variant))


def test_logits_take_four_bytes_each_whatever_is_given() -> None:
    wide = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert make_answers(wide, wide, is_probability=True).logits.dtype == np.float32
    assert make_answers(wide, None, is_probability=False).logits.dtype == np.float32


def test_scores_are_held_against_the_probabilities_of_their_logits() -> None:
    logits = np.log([[0.5, 0.25, 0.25], [0.1, 0.8, 0.1]])
    right = np.exp(logits)
    answers = [
        make_answers(scores, logits, is_probability=True)
        for scores in (right, np.minimum(right, 0.498), np.full((2, 3), np.nan))
    ]
    assert outputs_facts(answers[0]).beside_softmax == pytest.approx(0, abs=1e-6)
    assert outputs_facts(answers[1]).beside_softmax == pytest.approx(0.302, abs=1e-6)
    assert outputs_facts(answers[2]).beside_softmax is None
    assert outputs_facts(make_answers(right, None, is_probability=True)).beside_softmax is None
