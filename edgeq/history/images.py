"""Compares two variants on the same images: which images changed, and whether by chance. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeq.errors import RecordError
from edgeq.history.snapshot import CaseFigure
from edgeq.measure.clusters import Clusters, difference_interval
from edgeq.measure.rows import unpack
from edgeq.measure.statistics import mcnemar_exact
from edgeq.samples.sets import read_keys
from edgeq.words import names, plural

ALPHA = 0.05
"""Significance level: changes count if chance alone produces as many less often than this."""

_LABELLED = {"right_to_wrong", "wrong_to_right", "wrong_to_wrong"}
_MIN_SHARED = 0.5

Places = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Moved:
    """The images that the first of two variants of one baseline has right and the second wrong.

    ``better`` is the reverse, and ``p`` McNemar's exact two-sided probability of as many changes by
    chance.
    """

    worse: tuple[str, ...]
    better: tuple[str, ...]
    p: float

    def sentence(self) -> str:
        """Describe what changed, with the first names."""
        return _sentence(len(self.worse), len(self.better), self.p, self.worse)


@dataclass(frozen=True)
class Shared:
    """The images that two evaluation sets have in common, with the same labels.

    Their positions in both sets have the shape ``(k,)``; ``worth`` is the share of them that counts
    as independent.
    """

    first: Places
    second: Places
    counts: tuple[int, int]
    worth: float

    @property
    def is_whole(self) -> bool:
        """Whether the two sets have the same images."""
        return self.first.size == self.counts[0] == self.counts[1]

    @property
    def is_enough(self) -> bool:
        """Whether their showing no loss is informative: they are at least half of the first set.

        An interval is then at most 1.4 times as wide as for the whole set.
        """
        return bool(self.first.size) and self.first.size >= _MIN_SHARED * self.counts[0]

    @property
    def text(self) -> str:
        """A description, for example ``"the 500 images that both have (of 500, then 501)"``."""
        both = plural(self.first.size, "image")
        return f"the {both} that both have (of {self.counts[0]:,}, then {self.counts[1]:,})"


@dataclass(frozen=True)
class Pairs:
    """Yes or no from two sides on each image that both have.

    ``lost`` counts images with yes on the first side alone, ``gained`` on the second alone;
    ``worth`` is the share of the images that counts as independent.
    """

    images: int
    before: int
    after: int
    lost: int
    gained: int
    worth: float

    @property
    def p(self) -> float:
        """McNemar's exact two-sided p."""
        return mcnemar_exact(self.lost, self.gained, share=self.worth)

    @property
    def drop(self) -> tuple[float, float]:
        """The interval of the first rate minus the second."""
        worth = self.images * self.worth
        clusters = None
        if self.worth < 1.0:
            clusters = Clusters(images=self.images, photographs=round(worth), effective=worth)
        return difference_interval(self.lost, self.gained, self.images, 1.0 - ALPHA, clusters)

    def sentence(self) -> str:
        """Describe what changed."""
        return _sentence(self.lost, self.gained, self.p)


def moved(before: CaseFigure, after: CaseFigure) -> Moved | None:
    """Return which images changed between two figures on the same images, by name.

    On an image that did not flip, a variant's prediction is its baseline's, so the named flips show
    where two variants of one baseline differ. For agreement, right means the baseline's class; for
    accuracy, the label's.

    Returns:
        None if the images are not known by name, or the gate counts no images.
    """
    earlier, later = before.variant.flips, after.variant.flips
    if earlier is None or later is None:
        return None
    if after.gate == "top1_agreement":
        worse, better = set(later) - set(earlier), set(earlier) - set(later)
    elif (
        after.gate in {"accuracy_drop", "min_accuracy"}
        and before.conditions.baseline_sha256 == after.conditions.baseline_sha256
        and {*earlier.values(), *later.values()} <= _LABELLED
    ):
        lost = _of_kind(earlier, "right_to_wrong"), _of_kind(later, "right_to_wrong")
        gained = _of_kind(earlier, "wrong_to_right"), _of_kind(later, "wrong_to_right")
        worse = (lost[1] - lost[0]) | (gained[0] - gained[1])
        better = (lost[0] - lost[1]) | (gained[1] - gained[0])
    else:
        return None
    return Moved(
        worse=tuple(sorted(worse)),
        better=tuple(sorted(better)),
        p=mcnemar_exact(len(worse), len(better), share=_worth(before, after)),
    )


def shared(before: CaseFigure, after: CaseFigure) -> Shared | None:
    """Return the images that two figures have in common, or None if unknown.

    Raises:
        RecordError: The keys of a set are damaged.
    """
    earlier, later = before.conditions, after.conditions
    counts = earlier.evaluation_images or 0, later.evaluation_images or 0
    worth = _worth(before, after)
    sha256 = earlier.evaluation_sha256
    if sha256 is not None and sha256 == later.evaluation_sha256:
        same = np.arange(counts[0])
        return Shared(same, same, counts, worth)
    if not (before.image_keys and after.image_keys):
        return None
    try:
        keys = read_keys(before.image_keys, counts[0])
        others = read_keys(after.image_keys, counts[1])
    except ValueError as error:
        raise _damaged(error) from error
    _, first, second = np.intersect1d(keys, others, return_indices=True)
    return Shared(first, second, counts, worth)


def pairs(texts: tuple[str, str], common: Shared) -> Pairs | None:
    """Unpack predictions of two sides on the shared images, or return None if there are none.

    Predictions are packed by ``measure.rows``.

    Raises:
        RecordError: The predictions do not match the number of images.
    """
    if not (all(texts) and common.first.size):
        return None
    try:
        earlier = unpack(texts[0], common.counts[0])[common.first]
        later = unpack(texts[1], common.counts[1])[common.second]
    except ValueError as error:
        raise _damaged(error) from error
    return Pairs(
        images=earlier.size,
        before=int(earlier.sum()),
        after=int(later.sum()),
        lost=int((earlier & ~later).sum()),
        gained=int((later & ~earlier).sum()),
        worth=common.worth,
    )


def _worth(before: CaseFigure, after: CaseFigure) -> float:
    """Return the share of images that counts as independent, the lower of the two sets'."""
    shares = (
        side.evaluation_worth / side.evaluation_images
        for side in (before.conditions, after.conditions)
        if side.evaluation_worth is not None and side.evaluation_images
    )
    return min((1.0, *shares))


def _sentence(lost: int, gained: int, p: float, examples: tuple[str, ...] = ()) -> str:
    if not (lost or gained):
        return "no image changed"
    parts = [f"{plural(lost, 'image')} got worse" if lost else "no image got worse"]
    parts.append(f"{gained:,} better" if gained else "none better")
    shown = f": {names(examples)}" if examples else ""
    return f"{' and '.join(parts)} (exact McNemar p {p:.2g}){shown}"


def _damaged(error: ValueError) -> RecordError:
    return RecordError(
        f"the record is damaged: its data per image does not fit: {error}",
        remedy="Run the gate again",
    )


def _of_kind(flips: dict[str, str], kind: str) -> set[str]:
    return {name for name, flip in flips.items() if flip == kind}
