from __future__ import annotations

import pytest

from edgeq.judge.lowest import Lowest, another_look, called
from edgeq.judge.verdict import Verdict
from edgeq.measure.clusters import find_clusters


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
