"""Verdicts on sampled values: what the samples prove, what they can resolve, how to settle them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edgeq import words
from edgeq.judge import open_value
from edgeq.judge.advice import another_method, in_all, more_images
from edgeq.judge.open_value import FINE_RATE, OpenValue
from edgeq.judge.verdict import Judgement, Sense, Verdict, decide, half_towards
from edgeq.measure.clusters import Clusters, Sampled, effective, independent
from edgeq.measure.planning import POWER, drop_to_see, samples_needed
from edgeq.measure.statistics import (
    RARE,
    RARE_SHARE,
    Interval,
    best_provable_rate,
    differing_at_limit,
    rules_out_more,
)
from edgeq.words import Kind, plural, share

_OFTEN = f"at least {words.percentage(POWER)} of such sets would"


@dataclass(frozen=True)
class SampledValue(Sampled):
    """A value measured on images, and its limit.

    The noun names the value in advice. The interval is None if a single image can't tell.
    """

    noun: str
    kind: Kind
    sense: Sense
    value: float
    interval: Interval | None
    limit: float
    images: int
    clusters: Clusters | None

    @classmethod
    def share(
        cls, noun: str, value: float, interval: Interval | None, limit: float, of: Sampled
    ) -> SampledValue:
        """Return a share of some images, which must reach its limit."""
        return cls(noun, "percent", "min", value, interval, limit, of.images, of.clusters)

    @classmethod
    def drop(
        cls, kind: Kind, value: float, interval: Interval | None, limit: float, of: Sampled
    ) -> SampledValue:
        """Return a drop on some images, which must not exceed its limit."""
        return cls("drop", kind, "max", value, interval, limit, of.images, of.clusters)

    @property
    def verdict(self) -> Verdict:
        """The verdict by the limit alone."""
        if self.interval is None:
            return Verdict.INCONCLUSIVE
        return decide(self.value, self.interval, self.limit, self.sense)


def judged(
    measured: SampledValue,
    about: str,
    evidence: dict[str, object],
    *,
    method: str | None = None,
    if_failing: str = "",
    status: Verdict | None = None,
    needed: Callable[[], int | None] | None = None,
    resolved: str | None = None,
) -> Judgement:
    """Return the judgement of a sampled value.

    Args:
        measured: The value and its limit.
        about: What the value is about, as the beginning of the reason.
        evidence: The facts behind the value.
        method: The variant's method, in place of which another one is advised if it fails.
        if_failing: What to do if it fails, if not that.
        status: The verdict, if more than the value and its limit decide it.
        needed: Returns the total number of images that would settle it, None if unknown; without
            it, they are estimated from the width of the interval.
        resolved: What the images can resolve, if the width of the interval does not say it.
    """
    value, interval, limit, kind = measured.value, measured.interval, measured.limit, measured.kind
    status = status or measured.verdict
    step, settling = None, dict[str, object]()
    if status is Verdict.FAIL:
        step = if_failing or another_method(method)
    elif status is Verdict.INCONCLUSIVE and interval is None:
        step = "Evaluate more images: a single one can't settle it"
    elif status is Verdict.INCONCLUSIVE and interval is not None:
        step, total = _settling(measured, interval, needed)
        settling = {} if total is None else {"images_needed": total}
    if resolved is None:
        resolved = of_interval(measured.worth, "image", kind, interval)
    return Judgement(
        status=status,
        reason=f"{about}: {words.against(kind, value, limit, measured.sense, interval)}",
        value=value,
        limit=limit,
        interval=interval,
        next_step=step,
        evidence={
            **evidence,
            "resolution": counted(measured.clusters, resolved),
            **cluster_facts(measured.clusters),
            **settling,
        },
    )


def _settling(
    measured: SampledValue, interval: Interval, needed: Callable[[], int | None] | None
) -> tuple[str, int | None]:
    """Return how to settle an open value, and with how many images in all; None if unknown."""
    noun, value, limit, have = measured.noun, measured.value, measured.limit, measured.worth
    if measured.sense == "min" and measured.kind == "percent":
        open_ = open_value.of_rate(noun, value, interval, limit)
    else:
        open_ = OpenValue(noun, measured.kind, value, interval, limit, measured.sense, FINE_RATE)
    half = half_towards(value, interval, limit)
    plan = samples_needed(value, half, have, limit) if needed is None else needed()
    step = more_images(open_, plan, have, measured.clusters)
    return step, None if open_.is_known or open_.is_unreachable else in_all(plan, have)


def cluster_facts(clusters: Clusters | None) -> dict[str, object]:
    """Return facts for the evidence about images that belong together; empty if none do."""
    if clusters is None:
        return {}
    return {
        "photographs": clusters.photographs,
        "effective_images": clusters.effective,
        "cluster_method": "as many equal clusters as have the third cumulant, alike within each",
    }


def sample(images: int, clusters: Clusters | None) -> str:
    """Return how many images there are, for example ``"500 crops of 100 photographs"``."""
    return plural(images, "image") if clusters is None else clusters.text


def counted(clusters: Clusters | None, text: str) -> str:
    """Return what a set resolves, preceded by how many images its clusters count as."""
    if clusters is None:
        return text
    count = independent(clusters.images, clusters)
    return f"{clusters.text} count as {plural(count, 'image')}: {text}"


def of_rate(images: int, limit: float, confidence: float, *, others: str = "differ") -> str:
    """Return what images can prove about a rate: the highest rate, and the decisive counts."""
    passing, failing = differing_at_limit(images, limit, confidence)
    best = f"{_these(images)} can prove {share(best_provable_rate(images, confidence))} at best"
    yes = "no PASS is possible" if passing is None else f"PASS with up to {passing:,} that {others}"
    no = "no FAIL is possible" if failing is None else f"FAIL from {failing:,}"
    return f"{best}: {yes}, {no}"


def of_drop(images: int, flips: float, limit: float, confidence: float) -> str:
    """Return which accuracy drops images can show."""
    least = drop_to_see(images, flips, confidence=confidence)
    if least is None:
        return f"{_these(images)} can't show any drop"
    shown = f"{_these(images)} can show a drop of {words.distance('points', least)} ({_OFTEN})"
    if limit <= 0.0:
        return shown
    beyond = drop_to_see(images, flips, allowed=limit, confidence=confidence)
    allowed = f"with {words.distance('points', limit)} allowed"
    if beyond is None:
        return f"{shown}; {allowed}, no drop is large enough for a FAIL"
    return f"{shown}; {allowed}, a FAIL takes a drop of {words.distance('points', beyond)}"


def of_interval(count: int, noun: str, kind: Kind, interval: Interval | None) -> str:
    """Return what samples can resolve, given the width of their interval."""
    who = _these(count, noun)
    if interval is None:
        return f"{who} can't tell any difference"
    half = words.distance(kind, (interval[1] - interval[0]) / 2)
    return f"{who} tell values apart that differ by {half} or more"


def _these(count: int, noun: str = "image") -> str:
    return f"{'this' if count == 1 else 'these'} {plural(count, noun)}"


@dataclass(frozen=True)
class Lowest:
    """The lowest values of a set and their limit.

    The values are in ascending order; all but the last may lie below the limit by chance.
    """

    values: tuple[float, ...]
    images: int
    limit: float
    confidence: float
    clusters: Clusters | None = None

    @property
    def value(self) -> float:
        """The value that is compared with the limit."""
        return self.values[-1]

    @property
    def below(self) -> int:
        """Number of the values that lie below the limit."""
        return sum(value < self.limit for value in self.values)

    @property
    def verdict(self) -> Verdict:
        """FAIL if more values lie below the limit than chance explains.

        If some do, it is PASS only if the set proves that few do. If none does, it is PASS.
        """
        if decide(self.value, None, self.limit, "min") is Verdict.FAIL:
            return Verdict.FAIL
        worth = effective(self.images, self.clusters)
        shown = rules_out_more(self.below, self.images, worth, self.confidence)
        return Verdict.PASS if shown else Verdict.INCONCLUSIVE

    def reason(self, what: str, image: str, facts: str) -> str:
        """Return the reason for the verdict."""
        comparison = words.against("number", self.value, self.limit, "min")
        images = words.plural(self.images, "image")
        if len(self.values) == 1:
            return f"lowest {what} on {images} (at {image}{facts}): {comparison}"
        least = words.value("number", self.values[0])
        rank = words.ordinal(len(self.values))
        below = f"; {self.below:,} below" if self.below and self.verdict is not Verdict.FAIL else ""
        return (
            f"{rank} lowest {what} on {images} (lowest {least} at {image}{facts}): "
            f"{comparison}{below}"
        )

    def evidence(self) -> dict[str, object]:
        """Return the facts behind the verdict."""
        return {
            "lowest": self.values[0],
            "judged": f"the {words.ordinal(len(self.values))} lowest",
            "below_limit": self.below,
            "allowed_by_chance": len(self.values) - 1,
            "interval_method": f"Clopper-Pearson: FAIL if more than {RARE:.3%} of images lie below "
            f"the limit; if some do, PASS if no more than {RARE_SHARE:.0%}",
            "confidence": self.confidence,
        }


def called(image: int | None, names: Sequence[str]) -> str:
    """Return what an image is called: its name, or its number if there are no names."""
    return names[image] if names and image is not None else f"image {image}"


def another_look(lowest: Lowest, image: str, advice: str) -> str | None:
    """Return what to do about the images below the limit; None if the variant passes."""
    if lowest.verdict is Verdict.PASS:
        return None
    if lowest.verdict is Verdict.FAIL:
        return f"Look at {image} and the other worst images. {advice}"
    return (
        f"Look at {image}: {words.plural(lowest.below, 'image')} of {lowest.images:,} may be "
        "an accident or one of many. Evaluate more images"
    )
