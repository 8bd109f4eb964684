from __future__ import annotations

import pytest

from edgeq.judge.sampled import (
    Lowest,
    SampledValue,
    another_look,
    called,
    counted,
    judged,
    of_drop,
    of_interval,
    of_rate,
    sample,
)
from edgeq.judge.verdict import Judgement, Sense, Verdict
from edgeq.measure.clusters import find_clusters
from edgeq.measure.statistics import clopper_pearson
from edgeq.words import Kind


def test_the_counts_that_decide_a_rate() -> None:
    said = of_rate(500, 0.93, 0.95)
    assert said == (
        "these 500 images can prove 99.3 % at best: PASS with up to 23 that differ, FAIL from 48"
    )
    assert clopper_pearson(477, 500, 0.95)[0] >= 0.93 > clopper_pearson(476, 500, 0.95)[0]
    assert clopper_pearson(453, 500, 0.95)[1] >= 0.93 > clopper_pearson(452, 500, 0.95)[1]


def test_too_few_images_say_what_they_cant() -> None:
    assert "83.2 % at best: no PASS is possible, FAIL from 4" in of_rate(20, 0.95, 0.95)
    assert of_rate(1, 0.0, 0.95).startswith("this 1 image can")
    assert of_rate(1, 0.0, 0.95).endswith("no FAIL is possible")


def test_a_drop_is_named_in_points_of_accuracy() -> None:
    assert of_drop(500, 0.02, 0.0, 0.95) == (
        "these 500 images can show a drop of 1.8 points (at least 80 % of such sets would)"
    )


def test_an_allowed_drop_is_told_from_a_greater_one() -> None:
    said = of_drop(500, 0.03, 0.03, 0.95)
    assert "with 3 points allowed, a FAIL takes a drop of 6.1 points" in said
    assert "no drop is large enough" in of_drop(12, 0.0, 0.5, 0.95)
    assert of_drop(5, 0.0, 0.0, 0.95) == "these 5 images can't show any drop"


@pytest.mark.parametrize(
    ("interval", "said"), [((0.9, 1.1), "differ by 0.1 or more"), (None, "can't tell")]
)
def test_samples_resolve_half_their_interval(
    interval: tuple[float, float] | None, said: str
) -> None:
    assert said in of_interval(64, "round", "times", interval)


def test_clusters_are_named_with_what_they_count_as() -> None:
    clusters = find_clusters([number // 5 for number in range(500)])
    assert counted(clusters, "these 100 images can show a drop") == (
        "500 crops of 100 photographs count as 100 images: these 100 images can show a drop"
    )
    assert counted(None, "said") == "said"


def test_all_that_a_rate_resolves() -> None:
    assert of_rate(20, 0.95, 0.95) == (
        "these 20 images can prove 83.2 % at best: no PASS is possible, FAIL from 4"
    )
    assert of_rate(5000, 0.5, 0.9, others="are wrong") == (
        "these 5,000 images can prove 99.9 % at best: PASS with up to 2,441 that are wrong, FAIL "
        "from 2,559"
    )
    assert clopper_pearson(5000 - 2441, 5000, 0.9)[0] >= 0.5
    assert clopper_pearson(5000 - 2442, 5000, 0.9)[0] < 0.5
    assert sample(1200, None) == "1,200 images"
    assert sample(1, None) == "1 image"
    clusters = find_clusters([number // 5 for number in range(500)])
    assert sample(500, clusters) == "500 crops of 100 photographs"


def test_all_that_a_drop_resolves() -> None:
    often = "(at least 80 % of such sets would)"
    assert of_drop(500, 0.03, 0.03, 0.95) == (
        f"these 500 images can show a drop of 2.2 points {often}; with 3 points allowed, a FAIL "
        "takes a drop of 6.1 points"
    )
    assert of_drop(12, 0.0, 0.5, 0.95) == (
        f"these 12 images can show a drop of 65 points {often}; with 50 points allowed, no drop "
        "is large enough for a FAIL"
    )
    assert of_drop(500, 0.03, -0.01, 0.95).endswith(often)
    assert of_drop(500, 0.03, 0.001, 0.95).endswith(
        "; with 0.1 points allowed, a FAIL takes a drop of 2.3 points"
    )
    # With less confidence less is needed: 2.486 standard deviations in place of 2.802.
    assert of_drop(500, 0.03, 0.0, 0.9) == f"these 500 images can show a drop of 1.9 points {often}"


def test_all_that_an_interval_resolves() -> None:
    assert of_interval(1, "image", "percent", None) == ("this 1 image can't tell any difference")
    assert of_interval(64, "round", "ms", (9.0, 10.0)) == (
        "these 64 rounds tell values apart that differ by 0.5 ms or more"
    )


def test_a_cluster_counts_as_one_image_at_least() -> None:
    one = find_clusters([0] * 9)
    assert counted(one, "x") == "9 crops of 1 photograph count as 1 image: x"
    uneven = find_clusters([0] * 8 + [1, 2])
    assert counted(uneven, "x").startswith("10 crops of 3 photographs count as 1 image: ")


def open_judgement(
    value: float, interval: tuple[float, float], limit: float, *, sense: Sense, kind: Kind
) -> Judgement:
    judgement = judged(
        SampledValue(
            noun="figure",
            kind=kind,
            sense=sense,
            value=value,
            interval=interval,
            limit=limit,
            images=500,
            clusters=None,
        ),
        "something on 500 images",
        {},
    )
    assert judgement.status is Verdict.INCONCLUSIVE
    return judgement


def test_a_value_that_equals_its_limit_practically_is_written_in_its_own_unit() -> None:
    step = open_judgement(0.0301, (0.0295, 0.0305), 0.03, sense="max", kind="points").next_step
    assert step is not None
    assert step.startswith("No set of images settles this: ")
    assert "point" in step


@pytest.mark.parametrize(("value", "verdict"), [(20.5, "FAILS"), (21.5, "PASSES")])
def test_a_value_that_must_reach_its_limit_and_is_not_a_rate_has_no_highest_value(
    value: float, verdict: str
) -> None:
    step = open_judgement(value, (18.0, 24.0), 21.0, sense="min", kind="number").next_step
    assert step is not None
    assert "would settle it" in step
    assert step.endswith(f"it {verdict}")


def low(*values: float, images: int = 500, limit: float = 0.8) -> Lowest:
    return Lowest(values, images, limit, 0.95)


@pytest.mark.parametrize(
    ("values", "images", "verdict"),
    [
        ((0.9,), 20, Verdict.PASS),
        ((0.8,), 20, Verdict.PASS),
        ((0.3,), 20, Verdict.FAIL),
        ((0.9, 0.92), 500, Verdict.PASS),
        ((0.3, 0.92), 500, Verdict.INCONCLUSIVE),
        ((0.3, 0.5), 500, Verdict.FAIL),
        ((0.3, 0.9, 0.92), 600, Verdict.PASS),
        ((0.3, 0.5, 0.92), 600, Verdict.INCONCLUSIVE),
        ((0.3, 0.5, 0.6, 0.81), 1300, Verdict.PASS),
        ((0.3, 0.5, 0.6, 0.79), 1300, Verdict.FAIL),
    ],
)
def test_verdicts(values: tuple[float, ...], images: int, verdict: Verdict) -> None:
    found = low(*values, images=images)
    assert found.verdict is verdict
    assert (another_look(found, "image 3", "Try another.") is None) is (verdict is Verdict.PASS)


def test_a_crop_of_one_photograph_in_many_is_no_more_than_the_photograph() -> None:
    clusters = find_clusters([number // 5 for number in range(600)])
    assert Lowest((0.3, 0.9), 600, 0.8, 0.95).verdict is Verdict.PASS
    assert Lowest((0.3, 0.9), 600, 0.8, 0.95, clusters).verdict is Verdict.INCONCLUSIVE


def test_the_sentence_says_what_is_judged() -> None:
    assert low(0.9, images=20).reason("cosine", "image 4", ", mean 0.98") == (
        "lowest cosine on 20 images (at image 4, mean 0.98): 0.900 (limit: at least 0.8)"
    )
    assert low(0.3, 0.92).reason("cosine", "image 4", ", mean 0.98") == (
        "2nd lowest cosine on 500 images (lowest 0.300 at image 4, mean 0.98): "
        "0.920 (limit: at least 0.8); 1 below"
    )


def test_the_evidence_says_it_too() -> None:
    found = low(0.3, 0.92).evidence()
    assert found["lowest"] == 0.3
    assert found["judged"] == "the 2nd lowest"
    assert (found["below_limit"], found["allowed_by_chance"]) == (1, 1)
    assert "more than 0.048% of images" in str(found["interval_method"])


def test_an_open_verdict_sends_to_the_image() -> None:
    assert another_look(low(0.3, 0.92), "image 4", "Try another.") == (
        "Look at image 4: 1 image of 500 may be an accident or one of many. Evaluate more images"
    )
    assert another_look(low(0.3, 0.5), "image 4", "Try another.") == (
        "Look at image 4 and the other worst images. Try another."
    )


def test_all_of_the_evidence_of_the_lowest() -> None:
    assert low(0.3, 0.5, 0.92, images=600).evidence() == {
        "lowest": 0.3,
        "judged": "the 3rd lowest",
        "below_limit": 2,
        "allowed_by_chance": 2,
        "interval_method": "Clopper-Pearson: FAIL if more than 0.048% of images lie below the "
        "limit; if some do, PASS if no more than 1%",
        "confidence": 0.95,
    }


def test_a_value_at_the_limit_is_not_below_it() -> None:
    found = low(0.8, 0.9)
    assert found.below == 0
    assert found.verdict is Verdict.PASS
    assert found.reason("cosine", "image 4", "") == (
        "2nd lowest cosine on 500 images (lowest 0.800 at image 4): 0.900 (limit: at least 0.8)"
    )


def test_what_lies_below_is_counted_unless_the_judged_value_does_too() -> None:
    many = low(0.3, 0.5, 0.92, images=6000)
    assert many.reason("cosine", "image 4", "").endswith(
        "3rd lowest cosine on 6,000 images (lowest 0.300 at image 4): 0.920 (limit: at least "
        "0.8); 2 below"
    )
    failed = low(0.3, 0.5).reason("cosine", "image 4", "")
    assert failed.endswith("0.500 (limit: at least 0.8)")
    assert low(0.3, images=2000).reason("cosine", "image 4", "") == (
        "lowest cosine on 2,000 images (at image 4): 0.300 (limit: at least 0.8)"
    )


def test_an_open_verdict_counts_the_images_below() -> None:
    open_ = Lowest((0.3, 0.5, 0.92), 1200, 0.8, 0.9999)
    assert open_.verdict is Verdict.INCONCLUSIVE
    assert another_look(open_, "image 4", "Try another.") == (
        "Look at image 4: 2 images of 1,200 may be an accident or one of many. Evaluate more images"
    )
    assert another_look(low(0.9), "image 4", "Try another.") is None


def test_an_image_is_called_by_its_name_if_it_has_one() -> None:
    assert called(1, ("0/a.png", "1/b.png")) == "1/b.png"
    assert called(1, ()) == "image 1"
