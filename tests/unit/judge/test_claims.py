from __future__ import annotations

import pytest

from edgeq.judge.claims import Claim, Measured, advice, judge_claim, sentence
from edgeq.judge.verdict import Verdict
from edgeq.measure.statistics import clopper_pearson

CLAIM = Claim(figure="top1", value=0.77)


def measured(right: int, images: int) -> Measured:
    return Measured(
        value=right / images,
        interval=clopper_pearson(right, images, 0.95),
        confidence=0.95,
        sample=f"{images} images",
        worth=images,
    )


@pytest.mark.parametrize(
    ("right", "images", "answer"),
    [
        (395, 500, Verdict.PASS),  # 79 %: the whole interval is above 75 %
        (370, 500, Verdict.INCONCLUSIVE),
        (282, 500, Verdict.FAIL),  # 56.4 %, of which 77 % were claimed
        (20, 20, Verdict.PASS),
        (15, 20, Verdict.INCONCLUSIVE),
        (7, 20, Verdict.FAIL),
    ],
)
def test_a_claim_is_judged_by_the_whole_interval(right: int, images: int, answer: Verdict) -> None:
    assert judge_claim(CLAIM, measured(right, images)) is answer


def test_what_the_figure_may_be_lower_decides() -> None:
    exact = Claim(figure="top1", value=0.77, within=0.0)
    wide = Claim(figure="top1", value=0.77, within=0.05)
    got = measured(385, 500)
    assert judge_claim(exact, got) is Verdict.INCONCLUSIVE
    assert judge_claim(wide, got) is Verdict.PASS
    assert Claim(figure="top1", value=0.01, within=0.05).limit == 0.0


def test_sentences_name_both_figures_and_the_answer() -> None:
    assert sentence(CLAIM, measured(282, 500)) == (
        "top-1: 77.0 % claimed, 56.4 % measured on 500 images, interval 51.9 to 60.8 %: the claim "
        "does not hold within 2 points"
    )
    assert sentence(CLAIM, measured(395, 500)).endswith("the claim holds within 2 points")
    assert sentence(CLAIM, measured(15, 20)).endswith(
        "these images can't tell whether the claim holds within 2 points"
    )
    detector = Claim(figure="map", value=0.3, within=0.0)
    assert sentence(detector, measured(1, 100)).startswith("mAP50-95: 30.0 % claimed, 1.0 %")


def test_only_what_is_open_needs_more_images() -> None:
    assert advice(CLAIM, measured(395, 500)) == ""
    assert advice(CLAIM, measured(282, 500)) == ""
    assert advice(CLAIM, measured(14, 20)).startswith("About ")
    assert advice(CLAIM, measured(14, 20)).endswith("in all would settle it (20 so far)")
    assert "no set settles" not in advice(CLAIM, measured(14, 20))
    assert advice(CLAIM, measured(15, 20)).endswith(
        "too close to the claim for any number of images to settle it (20 so far)"
    )
