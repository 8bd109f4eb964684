from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.stats import binom

from edgeq.measure import statistics
from edgeq.measure.statistics import (
    FARTHEST,
    RARE,
    RARE_SHARE,
    WHOLE,
    best_provable_rate,
    binomial_tail,
    bounded_mean,
    chance_below_zero,
    clopper_pearson,
    differing_at_limit,
    lowest,
    mcnemar_exact,
    most_by_chance,
    paired_difference,
    percentiles,
    rules_out_more,
    short,
    unbounded_mean,
)


@given(st.integers(1, 600).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_clopper_pearson_is_scipys_exact_interval(counts: tuple[int, int]) -> None:
    expected = stats.binomtest(*counts).proportion_ci(0.95, method="exact")
    assert clopper_pearson(*counts, 0.95) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_clopper_pearson_inverts_the_binomial_tails_by_brute_force() -> None:
    low, high = clopper_pearson(10, 20, 0.95)

    def tail(rate: float, counts: range) -> float:
        return sum(math.comb(20, k) * rate**k * (1 - rate) ** (20 - k) for k in counts)

    assert tail(low, range(10, 21)) == pytest.approx(0.025)
    assert tail(high, range(11)) == pytest.approx(0.025)


@given(st.integers(1, 400), st.floats(0.0, 1.0))
def test_the_counts_at_a_limit_are_where_the_verdict_turns(n: int, limit: float) -> None:
    passing, failing = differing_at_limit(n, limit, 0.95)
    for differing in range(n + 1):
        low, high = clopper_pearson(n - differing, n, 0.95)
        assert (low >= limit) is (passing is not None and differing <= passing)
        assert (high < limit) is (failing is not None and differing >= failing)


@pytest.mark.parametrize("confidence", [0.8, 0.99])
def test_the_confidence_counts_in_what_a_set_proves(confidence: float) -> None:
    tail = (1 - confidence) / 2
    assert best_provable_rate(50, confidence) == pytest.approx(tail ** (1 / 50))
    counts = differing_at_limit(200, 0.9, confidence)
    inside = [clopper_pearson(200 - k, 200, confidence) for k in range(201)]
    assert counts == (
        max(k for k in range(201) if inside[k][0] >= 0.9),
        min(k for k in range(201) if inside[k][1] < 0.9),
    )


def test_limits_that_every_count_or_none_reaches() -> None:
    assert differing_at_limit(5, 0.0, 0.95) == (5, None)
    assert differing_at_limit(5, 1.0, 0.95) == (None, 1)
    assert differing_at_limit(1, 0.5, 0.95) == (None, None)
    # All of 200 differ: the high end is 1.8 %, the last count that can fail.
    high = 1 - 0.025 ** (1 / 200)
    assert differing_at_limit(200, high + 1e-9, 0.95)[1] == 200


@pytest.mark.parametrize("arguments", [(1, 0, 0.95), (3, 2, 0.95), (-1, 2, 0.95), (1, 2, 1.0)])
def test_clopper_pearson_refuses_impossible_counts(arguments: tuple[int, int, float]) -> None:
    with pytest.raises(ValueError, match=r"rate|confidence"):
        clopper_pearson(*arguments)


def test_paired_difference_of_no_change_is_as_wide_as_a_rate_of_none() -> None:
    high = 1 - 0.025 ** (1 / 20)
    assert paired_difference(0, 0, 20, 0.95) == pytest.approx((-high, high))


@given(st.integers(1, 600).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_without_gains_the_high_end_is_that_of_a_rate(counts: tuple[int, int]) -> None:
    lost, n = counts
    expected = clopper_pearson(lost, n, 0.95)[1]
    assert paired_difference(lost, 0, n, 0.95)[1] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("counts", "confidence", "tango"),
    [
        # Fagerland, Lydersen, Laake: Statistical Analysis of Contingency Tables (2017), chapter 8,
        # Cavo 2012, as their R package contingencytables computes it
        ((6, 16, 161), 0.95, (-0.1240, -0.0054)),
        # R package PropCIs: scoreci.mp(25, 28, 618, 0.90), whose order is the reverse
        ((28, 25, 618), 0.90, (-0.0148, 0.0247)),
    ],
)
def test_paired_difference_is_hardly_wider_than_tangos(
    counts: tuple[int, int, int], confidence: float, tango: tuple[float, float]
) -> None:
    low, high = paired_difference(*counts, confidence)
    assert tango[0] - 1 / counts[2] < low < tango[0] + 1e-3
    assert tango[1] - 1e-3 < high < tango[1] + 1 / counts[2]


@given(
    st.integers(1, 200).flatmap(
        lambda n: st.tuples(st.integers(0, n), st.just(n)).flatmap(
            lambda pair: st.tuples(
                st.just(pair[0]), st.integers(0, pair[1] - pair[0]), st.just(pair[1])
            )
        )
    )
)
def test_paired_difference_holds_its_estimate_and_mirrors(counts: tuple[int, int, int]) -> None:
    lost, gained, n = counts
    low, high = paired_difference(lost, gained, n, 0.95)
    assert -1 <= low <= (lost - gained) / n <= high <= 1
    mirrored = paired_difference(gained, lost, n, 0.95)
    assert mirrored == pytest.approx((-high, -low), abs=1e-12)


def test_the_ends_are_quantiles_of_randomly_weighted_means() -> None:
    generator = np.random.default_rng(3)
    values = generator.choice([1.0, 0.8, 0.6, 0.0], 40)
    weights = generator.dirichlet(np.ones(41), 200_000)
    low, high = bounded_mean(values, 0.95)
    assert low == pytest.approx(np.quantile(weights @ np.append(values, 0.0), 0.025), abs=1e-3)
    assert high == pytest.approx(np.quantile(weights @ np.append(values, 1.0), 0.975), abs=1e-3)
    errors = generator.lognormal(0, 0.5, 40)
    ends = unbounded_mean(errors, 0.95)
    assert ends is not None
    farthest = FARTHEST * errors.max()
    assert ends[0] == pytest.approx(np.quantile(weights @ np.append(errors, 0), 0.025), rel=5e-3)
    assert ends[1] == pytest.approx(
        np.quantile(weights @ np.append(errors, farthest), 0.975), rel=5e-3
    )


def test_many_values_are_joined_without_moving_the_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    errors = np.random.default_rng(1).lognormal(0, 0.6, 700)
    joined = unbounded_mean(errors, 0.95)
    monkeypatch.setattr(statistics, "_MAX_DISTINCT", 1000)
    assert joined == pytest.approx(unbounded_mean(errors, 0.95), rel=1e-4)


@given(st.lists(st.floats(0, 50), min_size=2, max_size=60), st.floats(0.6, 0.999))
def test_an_unbounded_mean_lies_within_its_ends(values: list[float], confidence: float) -> None:
    errors = np.array(values)
    ends = unbounded_mean(errors, confidence)
    assert ends is not None
    mean = errors.mean()
    assert 0 <= ends[0] <= mean + 1e-9
    assert mean - 1e-9 <= ends[1] <= (FARTHEST * errors.max() or WHOLE) + 1e-9


@pytest.mark.parametrize("counts", [(-1, 0, 5), (3, 3, 5), (0, 0, 0)])
def test_paired_difference_refuses_impossible_counts(counts: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="impossible"):
        paired_difference(*counts, 0.95)


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_the_two_sided_binomial_test(lost: int, gained: int) -> None:
    changed = lost + gained
    expected = stats.binomtest(lost, changed).pvalue if changed else 1.0
    assert mcnemar_exact(lost, gained) == pytest.approx(expected)


def test_bounded_mean_of_equal_values_has_a_width() -> None:
    low, high = bounded_mean(np.ones(20), 0.95)
    assert (low, high) == pytest.approx((0.025 ** (1 / 20), 1.0))


def test_bounded_mean_of_one_value_is_wide() -> None:
    low, high = bounded_mean(np.array([0.8]), 0.95)
    assert (low, high) == pytest.approx((0.025 * 0.8, 1 - 0.025 * 0.2))


@pytest.mark.parametrize("values", [[], [1.2], [math.nan]])
def test_bounded_mean_refuses_values_outside(values: list[float]) -> None:
    with pytest.raises(ValueError, match="needed"):
        bounded_mean(np.array(values), 0.95)


@given(
    st.integers(1, 600).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
    st.floats(0.001, 0.999),
)
def test_the_binomial_tail_is_scipys(counts: tuple[int, int], chance: float) -> None:
    expected = stats.binom.sf(counts[0] - 1, counts[1], chance)
    assert binomial_tail(*counts, chance) == pytest.approx(expected, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("arguments", [(1, 0, 0.5), (3, 2, 0.5), (-1, 2, 0.5), (1, 2, 1.1)])
def test_the_binomial_tail_refuses_impossible_counts(
    arguments: tuple[float, float, float],
) -> None:
    with pytest.raises(ValueError, match="not a binomial"):
        binomial_tail(*arguments)


def chance_below(points: list[float]) -> float:
    """Return how likely a mean of distinct points with Dirichlet's uniform weights is below 0.

    In closed form: the mean's distribution is a B-spline with the points as its knots.
    """
    return sum(
        (-low) ** (len(points) - 1)
        / math.prod(other - low for at, other in enumerate(points) if at != place)
        for place, low in enumerate(points)
        if low < 0
    )


SPREAD = st.lists(st.integers(1, 39), min_size=2, max_size=6, unique=True).map(
    lambda numbers: [number / 40 for number in numbers]
)
CONFIDENCES = st.sampled_from([0.8, 0.9, 0.95, 0.99])


@given(SPREAD, CONFIDENCES)
def test_the_ends_of_a_bounded_mean_leave_half_of_the_error_on_each_side(
    values: list[float], confidence: float
) -> None:
    low, high = bounded_mean(np.array(values), confidence)
    tail = (1 - confidence) / 2
    assert chance_below([value - low for value in [*values, 0.0]]) == pytest.approx(tail, rel=1e-4)
    above = chance_below([high - value for value in [*values, 1.0]])
    assert above == pytest.approx(tail, rel=1e-4)


@given(SPREAD, CONFIDENCES)
def test_the_ends_of_an_unbounded_mean_leave_half_of_the_error_on_each_side(
    values: list[float], confidence: float
) -> None:
    ends = unbounded_mean(np.array(values), confidence)
    assert ends is not None
    tail = (1 - confidence) / 2
    below = chance_below([value - ends[0] for value in [*values, 0.0]])
    above = chance_below([ends[1] - value for value in [*values, 3 * max(values)]])
    assert below == pytest.approx(tail, rel=1e-4)
    assert above == pytest.approx(tail, rel=1e-4)


@pytest.mark.parametrize("worth", [None, 2.0, 3.5, 20.0])
def test_equal_values_have_an_interval_in_closed_form(worth: float | None) -> None:
    # The mean is v B, with B of the distribution Beta(n, 1), whose quantiles are roots.
    root = 0.025 ** (1 / (20 if worth is None else worth))
    values = np.full(20, 0.5)
    assert bounded_mean(values, 0.95, worth=worth) == pytest.approx(
        (0.5 * root, 1 - 0.5 * root), abs=1e-7
    )
    ends = unbounded_mean(4 * values, 0.95, worth=worth)
    assert ends == pytest.approx((2 * root, 6 - 4 * root), abs=1e-6)


def test_two_independent_values_are_the_fewest_that_tell_how_values_vary() -> None:
    assert unbounded_mean(np.array([1.0]), 0.95) is None
    assert unbounded_mean(np.array([1.0]), 0.95, worth=2.0) is None
    assert unbounded_mean(np.array([1.0, 2.0]), 0.95) is not None
    assert unbounded_mean(np.array([1.0, 2.0]), 0.95, worth=1.99) is None
    assert unbounded_mean(np.array([1.0, 2.0]), 0.95, worth=2.0) is not None


@given(
    st.integers(1, 30),
    st.floats(0.05, 5.0),
    st.floats(0.05, 5.0),
    st.sampled_from([None, 2.5, 7.0]),
)
def test_the_chance_of_a_mean_below_0_in_closed_form(
    n: int, value: float, unseen: float, worth: float | None
) -> None:
    # v B - u (1 - B) lies below 0 if B lies below u / (u + v).
    found = chance_below_zero(np.full(n, value), -unseen, worth=worth)
    expected = (unseen / (unseen + value)) ** (n if worth is None else worth)
    assert found == pytest.approx(expected, abs=1e-6)


@given(SPREAD, st.floats(0.05, 0.95))
def test_the_chance_of_a_mean_of_unlike_values_below_0(values: list[float], zero: float) -> None:
    offsets = [value - zero for value in values]
    if max(offsets) > 0.01:
        found = chance_below_zero(np.array(offsets), -zero)
        assert found == pytest.approx(chance_below([*offsets, -zero]), abs=1e-4)


def test_means_of_values_on_one_side_of_0_are_certain() -> None:
    assert chance_below_zero(np.array([1.0, 2.0]), 0.0) == 0.0
    assert chance_below_zero(np.array([1.0, 0.0]), 0.5) == 0.0
    assert chance_below_zero(np.array([-1.0, -2.0]), -1.0) == 1.0
    assert chance_below_zero(np.array([-1.0, 0.0]), 0.0) == 1.0
    assert chance_below_zero(np.array([0.0, 0.0]), -1.0) == 1.0
    assert chance_below_zero(np.array([0.0, 0.0]), 0.0) == 0.0


def test_values_in_the_middle_alone_are_joined() -> None:
    values = np.arange(1000.0)
    distinct, weights = statistics._weighed(values, None)
    assert distinct.size == weights.size == 160
    assert distinct[:32].tolist() == values[:32].tolist()
    assert distinct[-32:].tolist() == values[-32:].tolist()
    assert weights[:32].tolist() == weights[-32:].tolist() == [1.0] * 32
    assert set(weights[32:-32]) == {9.0, 10.0}
    assert weights.sum() == 1000
    assert (weights * distinct).sum() == pytest.approx(values.sum())
    assert (np.diff(distinct) > 0).all()
    halves = statistics._weighed(values, 500.0)
    assert halves[0].tolist() == pytest.approx(distinct.tolist())
    assert halves[1].tolist() == pytest.approx((weights / 2).tolist())


def test_up_to_160_distinct_values_stay_as_they_are() -> None:
    for count, left in ((160, 160), (161, 160)):
        distinct, weights = statistics._weighed(np.repeat(np.arange(float(count)), 2), None)
        assert (distinct.size, weights.sum()) == (left, 2 * count)
    values = np.array([3.0, 1.0, 3.0])
    distinct, weights = statistics._weighed(values, 1.5)
    assert (distinct.tolist(), weights.tolist()) == ([1.0, 3.0], [0.5, 1.0])


@given(st.integers(1, 300), st.floats(0.5, 0.999))
def test_a_paired_difference_of_one_kind_is_a_rate(n: int, confidence: float) -> None:
    # All lost: 1 - 2 (1 - B) with B of Beta(n, 1) at the low end, and 1 itself at the high one.
    root = ((1 - confidence) / 2) ** (1 / n)
    assert paired_difference(n, 0, n, confidence) == pytest.approx((2 * root - 1, 1), abs=1e-7)
    assert paired_difference(0, n, n, confidence) == pytest.approx((-1, 1 - 2 * root), abs=1e-7)


@pytest.mark.parametrize(
    "counts", [(1, 2, 3), (3, 0, 3), (0, 3, 3), (0.5, 0.25, 0.75), (0, 0, 0.5)]
)
def test_paired_difference_takes_all_counts_that_can_be(counts: tuple[float, ...]) -> None:
    lost, gained, n = counts
    low, high = paired_difference(lost, gained, n, 0.95)
    assert low < (lost - gained) / n + 1e-9
    assert high > (lost - gained) / n - 1e-9


@pytest.mark.parametrize("counts", [(0, -1, 5), (-0.5, 0, 5), (2, 3.5, 5), (0, 0, -1)])
def test_paired_difference_refuses_what_can_not_be(counts: tuple[float, ...]) -> None:
    lost, gained, n = counts
    with pytest.raises(ValueError, match="impossible"):
        paired_difference(lost, gained, n, 0.95)


@pytest.mark.parametrize("confidence", [0.0, 1.0, -0.1, 1.1])
def test_every_interval_refuses_a_confidence_that_is_none(confidence: float) -> None:
    values = np.array([0.25, 0.5])
    asks: list[Callable[[], object]] = [
        lambda: clopper_pearson(1, 2, confidence),
        lambda: paired_difference(1, 0, 2, confidence),
        lambda: bounded_mean(values, confidence),
        lambda: unbounded_mean(values, confidence),
    ]
    for ask in asks:
        with pytest.raises(ValueError, match=f"confidence.*{confidence}"):
            ask()


def test_fewer_trials_than_one_are_trials() -> None:
    low, high = clopper_pearson(0.25, 0.5, 0.95)
    assert low == pytest.approx(stats.beta.ppf(0.025, 0.25, 1.25))
    assert high == pytest.approx(stats.beta.ppf(0.975, 1.25, 0.25))
    assert clopper_pearson(0, 0.5, 0.9) == pytest.approx((0, stats.beta.ppf(0.95, 1, 0.5)))
    assert clopper_pearson(0.5, 0.5, 0.9) == pytest.approx((stats.beta.ppf(0.05, 0.5, 1), 1))
    assert binomial_tail(0.5, 0.5, 0.25) == pytest.approx(stats.beta.cdf(0.25, 0.5, 1))


def test_chances_of_0_and_1_are_chances() -> None:
    assert binomial_tail(0, 3, 0.0) == binomial_tail(3, 3, 1.0) == 1.0
    assert binomial_tail(1, 3, 0.0) == 0.0
    assert binomial_tail(3, 3, 0.5) == pytest.approx(0.125)
    with pytest.raises(ValueError, match="not a binomial"):
        binomial_tail(1, 2, -0.1)


def test_mcnemar_counts_pairs_as_their_share() -> None:
    # 2 and 8 of pairs that count half: 1 and 4.
    assert mcnemar_exact(2, 8, share=0.5) == pytest.approx(mcnemar_exact(1, 4))
    assert mcnemar_exact(1, 4) == pytest.approx(2 * (1 + 5) / 32)
    assert mcnemar_exact(0, 1) == mcnemar_exact(5, 5) == 1.0
    assert mcnemar_exact(0, 6) == pytest.approx(2 / 64)


def test_quantiles_of_the_normal_distribution() -> None:
    assert statistics.normal_quantile(0.975) == pytest.approx(stats.norm.ppf(0.975))
    assert statistics.normal_quantile(0.2) == pytest.approx(stats.norm.ppf(0.2))


def test_the_values_of_a_bounded_mean_may_be_0_and_1() -> None:
    low, high = bounded_mean(np.array([0.0, 1.0, 1.0]), 0.95)
    assert (low, high) == pytest.approx(clopper_pearson(2, 3, 0.95), abs=1e-7)
    with pytest.raises(ValueError, match="needed"):
        bounded_mean(np.array([0.5, -0.1]), 0.95)


def test_no_trials_are_refused() -> None:
    with pytest.raises(ValueError, match="is not a rate"):
        clopper_pearson(0, 0, 0.95)
    with pytest.raises(ValueError, match="not a binomial"):
        binomial_tail(0, 0, 0.5)


def test_percentiles_rise_from_the_least_to_the_greatest() -> None:
    found = percentiles(np.random.default_rng(0).permutation(np.arange(1001.0)))
    assert found[:2] == (0.0, 10.0)
    assert found[50] == 500.0
    assert found[-1] == 1000.0
    assert len(found) == 101


def test_numbers_are_short() -> None:
    assert short([1 / 3, 123456.789, 1e-9 / 3]) == (0.33333, 123460.0, 3.3333e-10)


def test_narrow_numbers_are_interpolated_as_finely_as_wide_ones() -> None:
    assert percentiles(np.array([0.3, 1000], np.float16))[50] == 500.15


def test_the_counts_that_the_documentation_names() -> None:
    counts = [most_by_chance(n, 0.95) for n in (1, 52, 53, 500, 504, 505, 1289, 1290)]
    assert counts == [0, 0, 1, 1, 1, 2, 2, 3]


@given(st.integers(1, 60_000))
def test_one_more_than_chance_allows_is_rare_in_a_good_variant(n: int) -> None:
    """Exactly: the chance of more images below the limit, where a share of RARE lies there."""
    assert binom.sf(most_by_chance(n, 0.95), n, RARE) <= 0.025


@pytest.mark.parametrize("n", [500, 1300, 5000, 50_000])
def test_a_share_of_a_hundredth_is_seen(n: int) -> None:
    assert binom.sf(most_by_chance(n, 0.95), n, RARE_SHARE) >= 0.7


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=400), st.integers(1, 5))
def test_the_lowest_values_are_the_first_of_all_sorted(values: list[float], crops: int) -> None:
    low = lowest(np.array(values), 0.95)
    assert list(low) == sorted(values)[: len(low)]
    assert len(low) == most_by_chance(len(values), 0.95) + 1
    repeated = lowest(np.repeat(values, crops), 0.95, worth=len(values))
    assert repeated[-1] == low[-1]  # crops of one photograph are ruined together


def test_few_of_many_are_known_to_be_few() -> None:
    assert rules_out_more(0, 1, 1, 0.95)
    assert not rules_out_more(1, 554, 554, 0.95)
    assert rules_out_more(1, 555, 555, 0.95)
    assert not rules_out_more(5, 2775, 500, 0.95)


def test_the_value_of_a_good_variant_does_not_fall_with_the_size_of_the_set() -> None:
    """A tail in which 1 in 500 lies below 0.926, and 1 in 1,300 below 0.838, as was measured."""
    generator = np.random.default_rng(0)
    index = np.log((1 - 0.838) / (1 - 0.926)) / np.log(1300 / 500)
    failed = {}
    for n in (500, 1300, 5000, 20_000):
        ranks = generator.random((400, n))
        cosines = 1 - (1 - 0.926) * (500 * ranks) ** -index
        low = [lowest(np.maximum(row, -1.0), 0.95)[-1] < 0.75 for row in cosines]
        failed[n] = float(np.mean(low)), float(np.mean(cosines.min(axis=1) < 0.75))
    held, alone = zip(*failed.values(), strict=True)
    assert max(held) <= 0.025 + 2 * 0.008  # and two standard errors of so many sets
    assert alone[0] > 0.15
    assert alone[-1] > 0.99  # the lowest alone fails nearly always on the larger sets
