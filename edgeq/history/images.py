"""Two variants on the same images: which images changed sides, and whether that is chance. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from edgeq.history.side import Figure
from edgeq.measure.statistics import mcnemar_exact
from edgeq.words import names, plural

_LABELLED = {"right_to_wrong", "wrong_to_right", "wrong_to_wrong"}


@dataclass(frozen=True)
class Moved:
    """The images on which two variants of one baseline differ.

    Attributes:
        worse: Names of those that the first has right and the second wrong.
        better: The reverse.
        p: McNemar's exact two-sided p: could as many change sides by chance alone?
    """

    worse: tuple[str, ...]
    better: tuple[str, ...]
    p: float

    def sentence(self) -> str:
        """Return what moved, with the first names."""
        if not (self.worse or self.better):
            return "no image changed"
        number = len(self.worse)
        parts = [f"{plural(number, 'image')} got worse" if number else "no image got worse"]
        parts.append(f"{len(self.better):,} better" if self.better else "none better")
        shown = f": {names(self.worse)}" if self.worse else ""
        return f"{' and '.join(parts)} (exact McNemar p {self.p:.2g}){shown}"


def moved(before: Figure, after: Figure) -> Moved | None:
    """Return which images changed sides between two figures on the same images.

    A variant's answer on an image that did not flip is its baseline's, so the flips by name say
    where two variants of one baseline differ. For agreement a side is right where it gives the
    baseline's class; for accuracy, where it gives the label's.

    Returns:
        None where the images are not known by name, or the gate counts no images.
    """
    one, two = before.variant.flips, after.variant.flips
    if one is None or two is None:
        return None
    if after.gate == "top1_agreement":
        worse, better = set(two) - set(one), set(one) - set(two)
    elif after.gate == "accuracy_drop" and {*one.values(), *two.values()} <= _LABELLED:
        lost = _of_kind(one, "right_to_wrong"), _of_kind(two, "right_to_wrong")
        gained = _of_kind(one, "wrong_to_right"), _of_kind(two, "wrong_to_right")
        worse = (lost[1] - lost[0]) | (gained[0] - gained[1])
        better = (lost[0] - lost[1]) | (gained[1] - gained[0])
    else:
        return None
    return Moved(
        worse=tuple(sorted(worse)),
        better=tuple(sorted(better)),
        p=mcnemar_exact(len(worse), len(better)),
    )


def _of_kind(flips: dict[str, str], kind: str) -> set[str]:
    return {name for name, found in flips.items() if found == kind}
