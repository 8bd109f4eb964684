"""The verdict on the lowest values of a set: whether more lie below a limit than by chance."""

from __future__ import annotations

from dataclasses import dataclass

from edgeq import words
from edgeq.judge.decide import decide
from edgeq.judge.verdict import Verdict
from edgeq.measure.clusters import Clusters, effective
from edgeq.measure.lowest import FEW, RARE, rules_out_more


@dataclass(frozen=True)
class Lowest:
    """The lowest values of a set beside a limit.

    Attributes:
        values: In ascending order; all but the last may lie below the limit by chance.
        images: Number of images.
        limit: The least that is allowed.
        confidence: With which more than chance is seen.
        clusters: Where images belong together.
    """

    values: tuple[float, ...]
    images: int
    limit: float
    confidence: float
    clusters: Clusters | None = None

    @property
    def value(self) -> float:
        """The value that is held to the limit."""
        return self.values[-1]

    @property
    def below(self) -> int:
        """How many of the values lie below the limit."""
        return sum(value < self.limit for value in self.values)

    @property
    def verdict(self) -> Verdict:
        """FAIL if more lie below than may by chance.

        With one or more below, PASS only if the set shows that few do. With none it is PASS.
        """
        if decide(self.value, None, self.limit, "min") is Verdict.FAIL:
            return Verdict.FAIL
        worth = effective(self.images, self.clusters)
        shown = rules_out_more(self.below, self.images, worth, self.confidence)
        return Verdict.PASS if shown else Verdict.INCONCLUSIVE

    def reason(self, what: str, image: int | None, facts: str) -> str:
        """Return the sentence of the verdict.

        Args:
            what: What the values are, for example ``"cosine"``.
            image: The image of the lowest.
            facts: What else to say about the lowest, or about all values.
        """
        comparison = words.against("number", self.value, self.limit, "min")
        if len(self.values) == 1:
            return f"lowest {what} at image {image} of {self.images:,}{facts}: {comparison}"
        least = words.value("number", self.values[0])
        rank = words.ordinal(len(self.values))
        below = f"; {self.below:,} below" if self.below and self.verdict is not Verdict.FAIL else ""
        return (
            f"{rank} lowest {what} of {self.images:,} images, {least} the lowest at image "
            f"{image}{facts}: {comparison}{below}"
        )

    def evidence(self) -> dict[str, object]:
        """Return what the verdict rests on."""
        return {
            "lowest": self.values[0],
            "judged": f"the {words.ordinal(len(self.values))} lowest",
            "below_limit": self.below,
            "allowed_by_chance": len(self.values) - 1,
            "interval_method": f"Clopper-Pearson: FAIL if more than {RARE:.3%} of images lie below "
            f"the limit; if some do, PASS if no more than {FEW:.0%}",
            "confidence": self.confidence,
        }


def another_look(lowest: Lowest, image: int | None, advice: str) -> str | None:
    """Return what to do about the images that lie below, None if the variant passes.

    Args:
        lowest: The values.
        image: The image of the lowest.
        advice: What to try if the variant fails.
    """
    if lowest.verdict is Verdict.PASS:
        return None
    if lowest.verdict is Verdict.FAIL:
        return f"Look at image {image} beside the other worst ones. {advice}"
    return (
        f"Look at image {image}: {words.plural(lowest.below, 'image')} of {lowest.images:,} may be "
        "an accident or one of many. Evaluate more images"
    )
