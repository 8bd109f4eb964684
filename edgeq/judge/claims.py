"""Whether a claimed accuracy holds, judged from a measured rate and its interval. Pure."""

from __future__ import annotations

from typing import Literal

import msgspec

from edgeq import words
from edgeq.judge.advice import in_all
from edgeq.judge.verdict import Verdict, decide
from edgeq.measure.planning import images_needed
from edgeq.measure.statistics import Interval

Figure = Literal["top1", "map"]

WITHIN = 0.02
"""By how much a figure may be lower than claimed: other photographs of the same classes are rarely
exactly as hard as those that a claim was measured on."""

NAMES: dict[Figure, str] = {"top1": "top-1", "map": "mAP50-95"}
ANSWERS = {
    Verdict.PASS: "the claim holds",
    Verdict.FAIL: "the claim does not hold",
    Verdict.INCONCLUSIVE: "these images can't tell whether the claim holds",
}


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A figure that is claimed for a model.

    Attributes:
        figure: What is claimed: top-1 accuracy, or mAP50-95 of a detector.
        value: The claimed value, from 0 to 1.
        within: By how much the figure may be lower without contradicting the claim.
    """

    figure: Figure
    value: float
    within: float = WITHIN

    @property
    def limit(self) -> float:
        """The lowest value with which the claim holds."""
        return max(self.value - self.within, 0.0)


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured of a model.

    Attributes:
        value: The figure, from 0 to 1.
        interval: Lower and upper end of its confidence interval.
        confidence: Confidence level of the interval.
        sample: What it was measured on, for example ``"500 images"``.
        worth: Number of independent images that these count as.
    """

    value: float
    interval: Interval
    confidence: float
    sample: str
    worth: int


def judge_claim(claim: Claim, measured: Measured) -> Verdict:
    """Return PASS if a claim holds, FAIL if it does not, otherwise INCONCLUSIVE."""
    return decide(measured.value, measured.interval, claim.limit, "min")


def sentence(claim: Claim, measured: Measured) -> str:
    """Return the claim, what was measured, and whether the claim holds."""
    answer = ANSWERS[judge_claim(claim, measured)]
    within = f" within {words.distance('points', claim.within)}" if claim.within else ""
    return (
        f"{NAMES[claim.figure]}: {words.value('percent', claim.value)} claimed, "
        f"{words.value('percent', measured.value)} measured on {measured.sample}, "
        f"interval {words.interval('percent', measured.interval)}: {answer}{within}"
    )


def advice(claim: Claim, measured: Measured) -> str:
    """Return how many images would settle a claim that can't be told; empty for others."""
    if judge_claim(claim, measured) is not Verdict.INCONCLUSIVE:
        return ""
    needed = in_all(images_needed(measured.value, claim.limit, measured.confidence), measured.worth)
    so_far = f"({measured.worth:,} so far)"
    if needed is None:
        return (
            f"The figure lies too close to the claim for any number of images to settle it {so_far}"
        )
    return f"About {words.about(needed)} images in all would settle it {so_far}"
