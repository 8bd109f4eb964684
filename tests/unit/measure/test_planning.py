from __future__ import annotations

import functools
import math
import operator

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import norm

from edgeq.measure import planning
from edgeq.measure.planning import (
    LOOKS,
    MAX_ROUNDS,
    POWER,
    drop_to_see,
    images_needed,
    images_needed_for_drop,
    look_confidence,
    rounds_at,
    samples_needed,
)
from edgeq.measure.statistics import best_provable_rate, clopper_pearson, paired_difference


def test_a_perfect_rate_needs_the_closed_form() -> None:
    # every image agrees: (0.05 / 2) ** (1 / n) >= 0.97 from n = 122 on
    assert images_needed(1.0, 0.97, 0.95) == 122
    assert best_provable_rate(122, 0.95) >= 0.97 > best_provable_rate(121, 0.95)


def test_a_rate_at_its_limit_is_never_settled() -> None:
    assert images_needed(0.93, 0.93, 0.95) is None
    assert images_needed_for_drop(0.03, 0.01, 0.02, 0.95) is None
    assert samples_needed(0.5, 0.1, 64, 0.5) is None


def test_a_rate_beside_its_limit_needs_more_than_any_set() -> None:
    assert images_needed(0.93, 0.93 + 1e-6, 0.95) is None


@given(st.floats(0.05, 1.0), st.floats(0.05, 0.95))
def test_the_number_settles_the_rate_and_one_less_does_not(rate: float, limit: float) -> None:
    assume(abs(rate - limit) > 0.01)
    n = images_needed(rate, limit, 0.95)
    assert n is not None

    def settled(images: int) -> bool:
        low, high = clopper_pearson(rate * images, images, 0.95)
        return low >= limit if rate > limit else high < limit

    assert settled(n)
    assert n == 1 or not settled(n - 1)


def test_the_number_settles_a_drop() -> None:
    n = images_needed_for_drop(0.02, 0.01, 0.03, 0.95)
    assert n is not None
    assert paired_difference(0.02 * n, 0.01 * n, n, 0.95)[1] <= 0.03
    assert paired_difference(0.02 * (n - 1), 0.01 * (n - 1), n - 1, 0.95)[1] > 0.03


def test_a_lost_case_is_settled_too() -> None:
    n = images_needed_for_drop(0.1, 0.0, 0.02, 0.95)
    assert n is not None
    assert paired_difference(0.1 * n, 0.0, n, 0.95)[0] > 0.02


def test_half_the_width_needs_four_times_the_samples() -> None:
    assert samples_needed(0.95, 0.02, 100, 0.94) == pytest.approx(400, abs=1)


@pytest.mark.parametrize(("images", "about"), [(3100, 0.01), (770, 0.02)])
def test_seeing_a_drop_with_five_percent_flips(images: int, about: float) -> None:
    assert drop_to_see(images, 0.05, confidence=0.90) == pytest.approx(about, rel=0.02)


@given(st.integers(10, 5000), st.floats(0.0, 0.3))
def test_the_drop_that_images_show_is_connors(n: int, flips: float) -> None:
    drop = drop_to_see(n, flips, confidence=0.95)
    assert drop is not None
    z = norm.ppf(0.975) + norm.ppf(POWER)
    assert z * z * max(flips, drop) / (drop * drop) == pytest.approx(n)


@pytest.mark.parametrize(
    ("flips", "allowed", "most"), [(0.0, 0.03, 0.95), (0.2, 0.0, 0.83), (0.2, 0.03, 0.83)]
)
def test_a_drop_that_can_be_seen_fails_as_often_as_said(
    flips: float, allowed: float, most: float
) -> None:
    drop = drop_to_see(500, flips, allowed=allowed, confidence=0.95)
    assert drop is not None
    gained = max(0.0, (flips - drop) / 2)
    rates = [drop + gained, gained, 1 - drop - 2 * gained]
    drawn = np.random.default_rng(1).multinomial(500, rates, 1500)[:, :2].tolist()
    seen = [paired_difference(lost, won, 500, 0.95)[0] > allowed for lost, won in drawn]
    assert POWER - 0.03 <= np.mean(seen) <= most


def test_no_drop_shows_on_a_handful_of_images() -> None:
    assert drop_to_see(5, 0.0, confidence=0.95) is None
    assert drop_to_see(500, 0.02, allowed=-0.1, confidence=0.95) == drop_to_see(
        500, 0.02, confidence=0.95
    )


@given(
    st.integers(10, 5000), st.floats(0.0, 0.3), st.floats(0.0, 0.2), st.sampled_from([0.9, 0.95])
)
def test_the_drop_to_see_reaches_what_is_allowed_and_the_noise(
    n: int, flips: float, allowed: float, confidence: float
) -> None:
    drop = drop_to_see(n, flips, allowed=allowed, confidence=confidence)
    z = norm.ppf(0.5 + confidence / 2) + norm.ppf(0.8)
    # The drop beyond what is allowed is z standard deviations of the flips, or of the drop itself.
    least = allowed + z * math.sqrt(flips / n)
    own = (z * z + math.sqrt(z**4 + 4 * n * z * z * allowed)) / (2 * n)
    assert n * own**2 == pytest.approx(z * z * (allowed + own))
    share = max(least, allowed + own)
    assert drop == (pytest.approx(share) if share <= 1 else None)


def test_a_drop_of_all_is_the_most_that_can_be_seen() -> None:
    # z ** 2 images without flips show a drop of all, and no fewer.
    square = (norm.ppf(0.975) + norm.ppf(0.8)) ** 2
    assert drop_to_see(math.ceil(square), 0.0, confidence=0.95) == pytest.approx(square / 8)
    assert drop_to_see(math.floor(square), 0.0, confidence=0.95) is None


def test_samples_needed_grow_with_the_square() -> None:
    assert samples_needed(0.5, 0.25, 100, 0.375) == 400
    assert samples_needed(0.375, 0.25, 100, 0.5) == 400
    assert samples_needed(0.5, 0.25, 101, 0.375) == 404
    assert samples_needed(0.5, 0.25, 3, 0.125) == 2  # 1.33 of 3
    assert samples_needed(0.5, 1.0, 10_000_000, 1.5) == 10_000_000
    assert samples_needed(0.5, 1.0, 10_000_001, 1.5) is None
    assert samples_needed(-0.5, 0.25, 100, 0.5) == 7


@pytest.mark.parametrize("confidence", [0.8, 0.99])
def test_the_confidence_counts_in_every_plan(confidence: float) -> None:
    tail = (1 - confidence) / 2
    assert images_needed(1.0, 0.97, confidence) == math.ceil(math.log(tail) / math.log(0.97))
    assert images_needed(0.0, 0.03, confidence) == math.ceil(math.log(tail) / math.log(0.97))
    # Without gains, the drop's interval is that of a rate: none lost of n.
    assert images_needed_for_drop(0.0, 0.0, 0.03, confidence) == math.ceil(
        math.log(tail) / math.log(0.97)
    )
    n = images_needed_for_drop(0.1, 0.04, 0.02, confidence)
    assert n is not None
    assert paired_difference(0.1 * n, 0.04 * n, n, confidence)[0] > 0.02
    fewer = paired_difference(0.1 * (n - 1), 0.04 * (n - 1), n - 1, confidence)
    assert fewer[0] <= 0.02


def test_plans_end_at_ten_million_images(monkeypatch: pytest.MonkeyPatch) -> None:
    assert planning._least(lambda n: n >= 8_388_608) == 8_388_608
    assert planning._least(lambda n: n >= 8_388_609) is None  # 16,777,216 is not tried
    monkeypatch.setattr(planning, "MAX_IMAGES", 16)
    found = [planning._least(functools.partial(operator.le, at)) for at in range(1, 18)]
    assert found == [*range(1, 17), None]


def test_each_number_is_tried_by_halving_once() -> None:
    asked: list[int] = []

    def settled(n: int) -> bool:
        asked.append(n)
        return n >= 11

    assert planning._least(settled) == 11
    assert asked == [1, 2, 4, 8, 16, 12, 10, 11]


def test_an_end_at_the_limit_settles_what_may_be_the_limit() -> None:
    # A rate must reach its limit and a drop must not exceed it: both may be the limit itself.
    reached = clopper_pearson(5, 5, 0.95)[0]
    assert images_needed(1.0, reached, 0.95) == 5
    missed = clopper_pearson(0, 5, 0.95)[1]
    assert images_needed(0.0, missed, 0.95) == 6
    kept = paired_difference(0, 0, 5, 0.95)[1]
    assert images_needed_for_drop(0.0, 0.0, kept, 0.95) == 5
    lost = paired_difference(5, 0, 5, 0.95)[0]
    assert images_needed_for_drop(1.0, 0.0, lost, 0.95) == 6


def test_numbers_of_images_are_whole() -> None:
    for at in (1, 2, 11):
        assert type(planning._least(functools.partial(operator.le, at))) is int


def test_a_drop_by_all_may_be_what_shows() -> None:
    assert drop_to_see(10**40, 0.0, allowed=1.0, confidence=0.95) == 1.0


@given(st.floats(0.5, 0.999), st.integers(1, 50))
def test_the_errors_of_all_looks_add_up_to_that_of_the_answer(
    confidence: float, looks: int
) -> None:
    assert looks * (1 - look_confidence(confidence, looks)) == pytest.approx(1 - confidence)


def test_a_single_look_needs_no_correction() -> None:
    assert look_confidence(0.95, 1) == pytest.approx(0.95)
    assert look_confidence(0.95) == pytest.approx(1 - 0.05 / LOOKS)


def test_every_look_doubles_the_rounds_until_there_are_many() -> None:
    assert [rounds_at(look, 64) for look in range(1, LOOKS + 1)] == [
        64, 128, 256, 512, 1024, 2048, 4096, 8192,
    ]  # fmt: skip
    assert rounds_at(2, 10_000) == MAX_ROUNDS
    assert rounds_at(2, 2 * MAX_ROUNDS) == 2 * MAX_ROUNDS
