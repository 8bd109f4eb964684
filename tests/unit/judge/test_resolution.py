from __future__ import annotations

import pytest

from edgeq.judge.resolution import of_drop, of_interval, of_rate, worth
from edgeq.measure.clusters import find_clusters
from edgeq.measure.statistics import clopper_pearson


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
    assert "where 3 points may be lost, one of 6.1 points is a FAIL as often" in said
    assert "none is large enough" in of_drop(12, 0.0, 0.5, 0.95)
    assert of_drop(5, 0.0, 0.0, 0.95) == "these 5 images can't show any drop"


@pytest.mark.parametrize(
    ("interval", "said"), [((0.9, 1.1), "differ by 0.1 or more"), (None, "too few")]
)
def test_samples_resolve_half_their_interval(
    interval: tuple[float, float] | None, said: str
) -> None:
    assert said in of_interval(64, "round", "times", interval)


def test_clusters_are_named_with_what_they_count_as() -> None:
    clusters = find_clusters([number // 5 for number in range(500)])
    assert worth(clusters, "these 100 images can show a drop") == (
        "500 crops of 100 photographs count as 100 images: these 100 images can show a drop"
    )
    assert worth(None, "said") == "said"
