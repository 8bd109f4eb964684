from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edgeq.measure import divergence as module
from edgeq.measure.divergence import (
    divergence,
    jensen_shannon,
    top_overlap,
    total_variation,
)
from edgeq.measure.predictions import Predictions, make_answers, softmax

LOGITS = hnp.arrays(
    np.float32,
    st.tuples(st.just(2), st.integers(1, 6), st.integers(2, 9)),
    elements=st.floats(-30, 30, width=32),
)


def logits(values: object) -> Predictions:
    return make_answers(np.array(values), None, is_probability=False)


def slow_cosine(a: list[float], b: list[float]) -> float:
    a = [x - sum(a) / len(a) for x in a]
    b = [x - sum(b) / len(b) for x in b]
    norms = math.sqrt(sum(x * x for x in a)) * math.sqrt(sum(x * x for x in b))
    return sum(x * y for x, y in zip(a, b, strict=True)) / norms if norms > 1e-6 else 0.0


def slow_probabilities(a: list[float]) -> list[float]:
    powers = [math.exp(x - max(a)) for x in a]
    return [x / sum(powers) for x in powers]


def slow_js(p: list[float], q: list[float]) -> float:
    total = 0.0
    for one in (p, q):
        for x, m in zip(one, [(y + z) / 2 for y, z in zip(p, q, strict=True)], strict=True):
            if x > 0:
                total += x * math.log2(x / m) / 2
    return total


@given(LOGITS)
def test_every_metric_is_its_slow_definition(pair: np.ndarray) -> None:
    found = divergence(logits(pair[0]), logits(pair[1]))
    for image in range(pair.shape[1]):
        a, b = pair[0, image].tolist(), pair[1, image].tolist()
        norm = math.sqrt(sum((x - sum(a) / len(a)) ** 2 for x in a))
        if norm > 1e-3 and np.ptp(b) > 1e-3:
            assert found.cosine[image] == pytest.approx(slow_cosine(a, b), abs=1e-6)
        p, q = slow_probabilities(a), slow_probabilities(b)
        assert found.js_bits[image] == pytest.approx(slow_js(p, q), abs=1e-9)
        assert found.baseline_confidence[image] == pytest.approx(max(p))
        assert found.variant_confidence[image] == pytest.approx(max(q))
    assert ((found.js_bits >= 0) & (found.js_bits <= 1)).all()
    assert (np.abs(found.cosine) <= 1).all()


@given(LOGITS, st.floats(-100, 100))
def test_a_common_shift_changes_nothing(pair: np.ndarray, shift: float) -> None:
    before = divergence(logits(pair[0].astype(np.float64)), logits(pair[1]))
    moved = np.round(pair[1] * 64) / 64 + np.round(shift)  # exact in float32
    after = divergence(logits(pair[0]), logits(moved))
    plain = divergence(logits(pair[0]), logits(np.round(pair[1] * 64) / 64))
    assert after.js_bits == pytest.approx(plain.js_bits, abs=1e-9)
    assert after.cosine == pytest.approx(plain.cosine, abs=1e-6)
    assert before.js_bits.shape == after.js_bits.shape


def test_identical_answers_lie_nowhere_apart() -> None:
    values = np.random.default_rng(0).normal(0, 3, (50, 20))
    found = divergence(logits(values), logits(values))
    assert found.cosine == pytest.approx(np.ones(50))
    assert found.js_bits == pytest.approx(np.zeros(50), abs=1e-12)
    assert found.relative_error.tolist() == [0.0] * 50
    assert found.overlap is not None
    assert found.overlap.tolist() == [1.0] * 50


def test_relative_error_of_doubled_logits_is_one() -> None:
    found = divergence(logits([[1.0, 2.0, 6.0]]), logits([[2.0, 4.0, 12.0]]))
    assert found.relative_error.tolist() == pytest.approx([1.0])
    assert found.cosine.tolist() == pytest.approx([1.0])


def test_disjoint_certainty_is_one_bit() -> None:
    found = divergence(logits([[2000.0, 0.0]]), logits([[0.0, 2000.0]]))
    assert found.js_bits.tolist() == [1.0]
    assert found.cosine.tolist() == pytest.approx([-1.0])


def test_values_that_are_not_finite_get_the_worst_of_everything() -> None:
    rows = [[1.0, 2, 3, 4, 5, 6], [1.0, 2, 3, 4, 5, 6]]
    broken = [[1.0, 2, 3, 4, 5, 6], [math.nan, 2, 3, 4, 5, 6]]
    for found in (
        divergence(logits(rows), logits(broken)),
        divergence(logits(broken), logits(rows)),
    ):
        assert found.cosine[1] == -1
        assert found.js_bits[1] == 1
        assert found.overlap is not None
        assert found.overlap.tolist() == [1.0, 0.0]
        assert found.relative_error.tolist() == [0.0]
        assert found.usable.tolist() == [True, False]


def test_flat_logits_have_cosine_zero_and_no_relative_error() -> None:
    found = divergence(logits([[0.1] * 7, [1.0, 0, 0, 0, 0, 0, 0]]), logits(np.eye(7)[:2]))
    assert found.cosine[0] == 0.0
    assert found.relative_error.shape == (1,)


def test_five_classes_have_no_top_5() -> None:
    assert divergence(logits(np.eye(5)), logits(np.eye(5))).overlap is None


def test_chunks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(1)
    pair = generator.normal(0, 3, (2, 23, 12))
    pair[1, 4, 2] = np.nan
    whole = divergence(logits(pair[0]), logits(pair[1]))
    monkeypatch.setattr(module, "AT_ONCE", 5)
    parts = divergence(logits(pair[0]), logits(pair[1]))
    assert np.array_equal(whole.cosine, parts.cosine)
    assert np.array_equal(whole.relative_error, parts.relative_error)


def test_a_side_with_probabilities_alone_gives_both_one_floor() -> None:
    tapped = make_answers([[0.0, 0.0, 1.0]], [[-40.0, -20.0, 0.0]], is_probability=True)
    bare = make_answers([[0.0, 0.0, 1.0]], None, is_probability=True)
    found = divergence(tapped, bare)
    assert found.cosine.tolist() == pytest.approx([1.0])
    assert found.relative_error.tolist() == pytest.approx([0.0], abs=1e-6)


@given(
    hnp.arrays(
        np.float64, st.tuples(st.integers(1, 5), st.integers(6, 12)), elements=st.floats(0, 9)
    )
)
def test_overlap_without_ties_is_that_of_sets(values: np.ndarray) -> None:
    generator = np.random.default_rng(int(values.sum() * 1000) % 2**31)
    baseline = np.argsort(generator.random(values.shape), axis=1).astype(float)
    variant = np.argsort(generator.random(values.shape), axis=1).astype(float)
    found = top_overlap(baseline, variant, 5)
    for image in range(values.shape[0]):
        first = set(np.argsort(baseline[image])[-5:].tolist())
        second = set(np.argsort(variant[image])[-5:].tolist())
        assert found[image] == pytest.approx(len(first & second) / 5)


def test_ties_at_the_last_place_count_by_chance() -> None:
    baseline = np.array([[9.0, 8, 7, 6, 5, 4, 3, 2]])
    variant = np.array([[9.0, 8, 7, 6, 1, 1, 1, 1]])  # four classes for one place, one is right
    assert top_overlap(baseline, variant, 5).tolist() == pytest.approx([(4 + 0.25) / 5])
    flat = np.zeros((1, 10))
    assert top_overlap(np.arange(10.0)[None], flat, 5).tolist() == pytest.approx([0.5])


def test_softmax_and_divergence_survive_extremes() -> None:
    p = softmax(np.array([[800.0, 0.0, -800.0]]))
    q = softmax(np.array([[0.0, 40.0, -745.0]]))
    assert np.isfinite(jensen_shannon(p, q)).all()
    tiny = np.array([[5e-324, 1.0]])
    assert np.isfinite(jensen_shannon(tiny, np.array([[0.0, 1.0]]))).all()


@given(LOGITS)
def test_the_total_variation_is_the_most_that_a_set_of_classes_gains(pair: np.ndarray) -> None:
    p, q = softmax(pair[0].astype(np.float64)), softmax(pair[1].astype(np.float64))
    gained = np.maximum(q - p, 0.0).sum(axis=1)
    assert total_variation(p, q) == pytest.approx(gained, abs=1e-12)
    assert divergence(logits(pair[0]), logits(pair[1])).variation == pytest.approx(gained, abs=1e-6)


def test_a_temperature_moves_the_probabilities_and_no_class() -> None:
    generator = np.random.default_rng(2)
    values = generator.normal(0, 3, (50, 10))
    found = divergence(logits(values), logits(values / 1.1))
    assert found.cosine == pytest.approx(np.ones(50))
    assert 0.01 < found.variation.mean() < 0.05


def test_what_is_not_finite_has_moved_altogether() -> None:
    found = divergence(logits([[1.0, 0.0]]), logits([[math.nan, 0.0]]))
    assert found.variation.tolist() == [1.0]


@pytest.mark.parametrize("classes", [6, 10, 11, 1001])
def test_a_constant_row_has_no_relative_error_whatever_the_others_are(classes: int) -> None:
    """The mean of equal logarithms of 1 / classes is not always that number."""
    rising = np.linspace(1, 2, classes)
    theirs = make_answers([rising / rising.sum()] * 2, None, is_probability=True)
    found = divergence(logits([np.zeros(classes), rising]), theirs)
    assert found.relative_error.shape == (1,)
    assert found.cosine[0] == 0.0
    assert found.cosine[1] > 0.9
