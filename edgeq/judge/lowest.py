"""Verdict on the lowest values of a set: whether more lie below a limit than chance explains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgeq import words
from edgeq.judge.decide import decide
from edgeq.judge.verdict import Verdict
from edgeq.measure.clusters import Clusters, effective
from edgeq.measure.statistics import RARE, RARE_SHARE, rules_out_more


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
