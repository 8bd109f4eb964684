from __future__ import annotations

import pytest

from edgeq.config.methods import METHODS
from edgeq.judge import open_value
from edgeq.judge.advice import (
    OTHER_METHOD,
    SMALLER_METHOD,
    another_method,
    in_all,
    more_images,
    more_rounds,
    more_seconds,
)
from edgeq.judge.open_value import OpenValue
from edgeq.measure.clusters import find_clusters


def test_every_method_has_advice_and_no_unknown_one_has() -> None:
    assert set(OTHER_METHOD) == set(METHODS.names())
    assert set(SMALLER_METHOD) <= set(METHODS.names())


def test_advice_names_another_method_than_the_one_that_failed() -> None:
    for name in METHODS.names():
        words = another_method(name).replace(",", "").replace(":", "").split()
        assert f"Try {name}" not in " ".join(words)


def test_an_unclaimed_variant_has_advice_too() -> None:
    assert "preprocessing" in another_method(None)


def rate(value: float, limit: float = 0.93, *, half: float = 0.1) -> OpenValue:
    return open_value.of_rate("rate", value, (value - half, value + half), limit)


def ratio(value: float, limit: float = 1.1, *, half: float = 0.1) -> OpenValue:
    return open_value.of_time("ratio", "times", value, (value - half, value + half), limit)


def test_more_is_always_more_than_there_is() -> None:
    assert more_images(rate(0.95), 400, 500).startswith("About 510 images in all")
    assert "to about 65 " in more_rounds(ratio(1.0), 10, 64)
    assert "to about 380 " in more_rounds(ratio(1.0), 372, 64)
    assert (in_all(10, 64), in_all(372, 64), in_all(None, 64)) == (65, 372, None)


@pytest.mark.parametrize(("value", "verdict"), [(0.90, "FAILS"), (0.95, "PASSES")])
def test_what_more_images_would_show_is_said(value: float, verdict: str) -> None:
    assert more_images(rate(value), 340, 20) == (
        f"About 340 images in all would settle it (20 so far); if the rate stays, it {verdict}"
    )


@pytest.mark.parametrize(("value", "verdict"), [(1.2, "FAILS"), (1.0, "PASSES")])
def test_what_more_rounds_would_show_is_said(value: float, verdict: str) -> None:
    for said in (
        more_rounds(ratio(value), 200, 64),
        more_seconds(ratio(value), 200, 64, 5.0),
    ):
        assert "(64 so far)" in said
        assert "would settle it" in said
        assert said.endswith(f"; if the ratio stays, it {verdict}")


def test_a_few_images_whose_value_lies_at_the_limit_settle_nothing_and_rule_nothing_out() -> None:
    for said in (
        more_images(rate(0.93), None, 20),
        more_rounds(ratio(1.1), None, 64),
        more_seconds(ratio(1.1), None, 64, 1.0),
    ):
        assert "can't tell on which side" in said
        assert "halve" in said
        assert not said.startswith("No ")
    assert "About 80 in all" in more_images(rate(0.93), None, 20)
    assert "`latency.rounds` to about 260 " in more_rounds(ratio(1.1), None, 64)
    assert "`latency.budget_s` to about 4 " in more_seconds(ratio(1.1), None, 64, 1.0)


def test_nothing_settles_a_value_that_is_known_to_be_the_limit() -> None:
    known = rate(0.93, half=0.0005)
    assert more_images(known, None, 10**6).startswith(
        "No set of images settles this: the rate is known to lie within 0.1 points of the limit"
    )
    assert more_images(known, 9 * 10**6, 10**6) == more_images(known, None, 10**6)
    steady = ratio(1.1, half=0.005)
    for said in (more_rounds(steady, None, 640), more_seconds(steady, None, 640, 9.0)):
        assert said.startswith("No number of rounds settles this: the ratio is known")
        assert "within 0.011 of the limit" in said


def test_a_rate_of_1_is_proved_by_no_set() -> None:
    said = more_images(rate(1.0, 1.0), None, 20)
    assert said == "No number of images proves a rate of 100 %. Set a lower limit"


def test_near_1_only_a_narrower_interval_is_known_to_be_the_limit() -> None:
    assert not rate(0.999, 0.999, half=0.0005).is_known
    assert rate(0.999, 0.999, half=0.00005).is_known


def test_crops_of_the_same_photographs_do_not_count() -> None:
    clusters = find_clusters([number // 5 for number in range(100)])
    assert more_images(rate(0.95), 340, 20, clusters).startswith(
        "About 340 different photographs in all would settle it (20 so far)"
    )


def test_seconds_grow_with_the_rounds_that_are_missing() -> None:
    text = more_seconds(ratio(1.0), 4000, 1000, 60.0)
    assert "`latency.budget_s` to about 240" in text
    assert "about 4,000 rounds would settle it (1,000 so far)" in text


def test_methods_have_advice_of_their_own() -> None:
    assert another_method("dynamic_int2") == (
        "Try weight_only_int8: 2 bits are too few for these weights"
    )
    others = "Look at the flipped images, and check the variant's preprocessing"
    assert another_method(None) == another_method("unheard_of") == others


def test_all_of_what_settles_a_rate() -> None:
    assert more_images(rate(0.93), None, 2000) == (
        "The rate lies at the limit, and 2,000 images can't tell on which side. About 8,000 in all "
        "would halve the interval"
    )
    clusters = find_clusters([number // 5 for number in range(100)])
    assert more_images(rate(0.93), None, 20, clusters).startswith(
        "The rate lies at the limit, and 20 different photographs can't tell on which side."
    )
    known = more_images(rate(0.93, half=0.0005), None, 10)
    assert known == (
        "No set of images settles this: the rate is known to lie within 0.1 points of the limit. "
        "Set the limit where it matters"
    )
    assert more_images(rate(0.95), 4000, 2000) == (
        "About 4,000 images in all would settle it (2,000 so far); if the rate stays, it PASSES"
    )


def test_all_of_what_settles_a_time() -> None:
    assert more_rounds(ratio(1.0), 4000, 2000) == (
        "Set `latency.rounds` to about 4,000 on an idle machine (2,000 so far), which would settle "
        "it; if the ratio stays, it PASSES"
    )
    assert more_rounds(ratio(1.1), None, 2000) == (
        "The ratio lies at the limit, and 2,000 rounds can't tell on which side. Set "
        "`latency.rounds` to about 8,000 on an idle machine, which halves the interval"
    )
    assert more_rounds(ratio(1.1, half=0.005), None, 2000) == (
        "No number of rounds settles this: the ratio is known to lie within 0.011 of the limit. "
        "Set another limit"
    )
    assert more_seconds(ratio(1.2), 4000, 2000, 60.0) == (
        "Set `latency.budget_s` to about 120 on an idle machine: about 4,000 rounds would settle "
        "it (2,000 so far); if the ratio stays, it FAILS"
    )
    assert more_seconds(ratio(1.1), None, 1, 60.0) == (
        "The ratio lies at the limit, and 1 round can't tell on which side. Set `latency.budget_s` "
        "to about 240 on an idle machine, which halves the interval"
    )


def test_seconds_are_rounded_up_and_at_least_one() -> None:
    assert "to about 1 on" in more_seconds(ratio(1.0), 200, 100, 0.1)
    # 2.5 seconds for 100 rounds are 5.025 for 201.
    assert "to about 6 on" in more_seconds(ratio(1.0), 201, 100, 2.5)
    assert "to about 3 on" in more_seconds(ratio(1.0), 1, 100, 2.5)


def test_what_is_open_about_a_rate_a_drop_and_a_time() -> None:
    ends = (0.9, 0.96)
    assert open_value.of_rate("rate", 0.94, ends, 0.93) == OpenValue(
        "rate", "percent", 0.94, ends, 0.93, "min", 0.001, highest=1.0
    )
    # Near 1 a tenth of what is left, and nothing beyond.
    assert open_value.of_rate("rate", 0.94, ends, 0.995).fine == pytest.approx(0.0005)
    assert open_value.of_rate("rate", 0.94, ends, 1.5).fine == 0.0
    assert open_value.of_time("ratio", "times", 0.5, ends, -2.0) == OpenValue(
        "ratio", "times", 0.5, ends, -2.0, "max", 0.02
    )
