from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeq.measure.accuracy import accuracy
from edgeq.measure.agreement import agreement
from edgeq.measure.clusters import (
    difference_interval,
    effective,
    find_clusters,
    rate_interval,
)
from edgeq.measure.predictions import Predictions, make_answers
from edgeq.measure.statistics import (
    bounded_mean,
    clopper_pearson,
    mcnemar_exact,
    paired_difference,
)

COUNTS = st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
SIZES = st.lists(st.integers(1, 7), min_size=1, max_size=20)


def test_images_of_their_own_are_no_clusters() -> None:
    assert find_clusters(["a", "b", "c"]) is None
    assert effective(3, None) == 3


def test_crops_of_one_photograph_are_a_cluster() -> None:
    found = find_clusters([number // 5 for number in range(500)])
    assert found is not None
    assert (found.photographs, found.effective) == (100, 100)
    assert found.text == "500 crops of 100 photographs"


def test_clusters_of_unlike_sizes_are_worth_less_than_their_number() -> None:
    found = find_clusters([0] * 8 + [1, 2])
    assert found is not None
    assert found.effective == pytest.approx((1000 / 514) ** 0.5)


@given(SIZES)
def test_a_set_is_worth_from_one_image_to_its_photographs(sizes: list[int]) -> None:
    groups = [number for number, size in enumerate(sizes) for _ in range(size)]
    worth = effective(len(groups), find_clusters(groups))
    assert 1 <= worth <= len(sizes) + 1e-9


@given(COUNTS, st.integers(2, 9))
def test_duplicated_images_do_not_shrink_an_interval(counts: tuple[int, int], times: int) -> None:
    count, n = counts
    clusters = find_clusters([number for number in range(n) for _ in range(times)])
    found = rate_interval(count * times, n * times, 0.95, clusters)
    assert found == pytest.approx(clopper_pearson(count, n, 0.95))
    assert rate_interval(count, n, 0.95) == clopper_pearson(count, n, 0.95)


@given(COUNTS, st.integers(2, 9), st.data())
def test_nor_that_of_a_difference(counts: tuple[int, int], times: int, data: st.DataObject) -> None:
    lost, n = counts
    gained = data.draw(st.integers(0, n - lost))
    clusters = find_clusters([number for number in range(n) for _ in range(times)])
    found = difference_interval(lost * times, gained * times, n * times, 0.95, clusters)
    assert found == pytest.approx(paired_difference(lost, gained, n, 0.95), abs=1e-6)
    assert difference_interval(lost, gained, n, 0.95) == paired_difference(lost, gained, n, 0.95)
    p = mcnemar_exact(lost * times, gained * times, share=1 / times)
    assert p == pytest.approx(mcnemar_exact(lost, gained))


@given(st.lists(st.sampled_from([0.0, 0.2, 0.6, 0.8, 1.0]), min_size=1, max_size=40))
def test_nor_that_of_a_mean(values: list[float]) -> None:
    few = np.array(values)
    found = bounded_mean(np.repeat(few, 4), 0.95, worth=len(values))
    assert found == pytest.approx(bounded_mean(few, 0.95), abs=1e-9)


@given(SIZES, st.data())
def test_clusters_never_make_an_interval_narrower(sizes: list[int], data: st.DataObject) -> None:
    groups = [number for number, size in enumerate(sizes) for _ in range(size)]
    n = len(groups)
    count = data.draw(st.integers(0, n))
    low, high = rate_interval(count, n, 0.95, find_clusters(groups))
    own_low, own_high = rate_interval(count, n, 0.95)
    assert low <= own_low + 1e-9
    assert high >= own_high - 1e-9


def scores(predicted: list[int]) -> Predictions:
    return make_answers(np.eye(6, dtype=np.float32)[predicted], None, is_probability=False)


def test_agreement_and_accuracy_of_duplicates_are_those_of_the_originals() -> None:
    baseline, variant = [0, 1, 2, 3, 4, 5, 0, 1], [0, 1, 2, 3, 4, 0, 0, 2]
    labels = np.array([0, 1, 2, 3, 4, 0, 1, 1])
    once = scores(baseline), scores(variant)
    thrice = tuple(scores([one for one in told for _ in range(3)]) for told in (baseline, variant))
    clusters = find_clusters([number for number in range(8) for _ in range(3)])

    first = agreement(*once)
    second = agreement(thrice[0], thrice[1], clusters=clusters)
    assert (first.worth, second.worth, second.images) == (8, 8, 24)
    assert second.top1_interval == pytest.approx(first.top1_interval)
    assert second.top5_interval == pytest.approx(first.top5_interval)

    before = accuracy(*once, labels)
    after = accuracy(thrice[0], thrice[1], np.repeat(labels, 3), clusters=clusters)
    assert after.drop_interval == pytest.approx(before.drop_interval, abs=1e-6)
    assert after.mcnemar_p == pytest.approx(before.mcnemar_p)
    assert after.baseline_top1.interval == pytest.approx(before.baseline_top1.interval)
    assert (before.worth, after.worth) == (8, 8)


def test_intervals_of_clusters_are_those_of_so_many_images() -> None:
    # 8, 1 and 1 crops: sqrt(1000 / 514) images.
    clusters = find_clusters([0] * 8 + [1, 2])
    worth = (1000 / 514) ** 0.5
    assert clusters is not None
    assert effective(10, clusters) == pytest.approx(worth)
    assert rate_interval(4, 10, 0.9, clusters) == pytest.approx(
        clopper_pearson(0.4 * worth, worth, 0.9)
    )
    assert rate_interval(10, 10, 0.9, clusters) == clopper_pearson(worth, worth, 0.9)
    assert difference_interval(4, 3, 10, 0.9, clusters) == pytest.approx(
        paired_difference(0.4 * worth, 0.3 * worth, worth, 0.9)
    )
    assert difference_interval(10, 0, 10, 0.9, clusters)[1] == 1.0


def test_one_photograph_is_called_one() -> None:
    single = find_clusters([0] * 1200)
    assert single is not None
    assert single.text == "1,200 crops of 1 photograph"
    assert (single.images, single.photographs, single.effective) == (1200, 1, 1.0)
    many = find_clusters([number // 2 for number in range(4000)])
    assert many is not None
    assert many.text == "4,000 crops of 2,000 photographs"


def test_all_of_a_clustered_set_is_all_whatever_is_rounded() -> None:
    clusters = find_clusters([0, 0, *range(1, 9)])
    assert clusters is not None
    assert 10 * clusters.effective / 10 < clusters.effective  # what rounding does to this one
    assert rate_interval(10, 10, 0.95, clusters)[1] == 1.0
    assert difference_interval(10, 0, 10, 0.95, clusters)[1] == 1.0


def test_pairs_that_all_changed_are_no_more_than_all_whatever_is_rounded() -> None:
    clusters = find_clusters([0, 0, *range(1, 8)])
    assert clusters is not None
    worth = clusters.effective
    assert 4 * worth / 9 + 5 * worth / 9 > worth  # what rounding does to these
    assert difference_interval(4, 5, 9, 0.95, clusters) == pytest.approx(
        paired_difference(worth * 4 / 9 - 1e-12, worth * 5 / 9, worth, 0.95), abs=1e-6
    )
