"""Two variants on the same images: which images changed sides, and whether that is chance. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeq.errors import RecordError
from edgeq.history.snapshot import CaseFigure
from edgeq.measure.bits import Booleans, unpack
from edgeq.measure.clusters import Clusters, difference_interval
from edgeq.measure.statistics import mcnemar_exact
from edgeq.samples.sets import read_keys
from edgeq.words import names, plural

ALPHA = 0.05
"""Images that changed sides count where chance alone moves as many less often than this."""

_LABELLED = {"right_to_wrong", "wrong_to_right", "wrong_to_wrong"}
_LEAST_SHARED = 0.5

Places = npt.NDArray[np.intp]


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
        return _sentence(len(self.worse), len(self.better), self.p, self.worse)


@dataclass(frozen=True)
class Shared:
    """The images that two evaluation sets have in common, each with the same label.

    Attributes:
        first: Their places in the first set, shape (k,).
        second: Their places in the second set, shape (k,).
        counts: How many images the two sets have.
        worth: The share of them that counts as independent.
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
        """Whether no loss on them says something: they are half of the first set, or more.

        An interval is then at most 1.4 times as wide as that of the whole set.
        """
        return bool(self.first.size) and self.first.size >= _LEAST_SHARED * self.counts[0]

    @property
    def text(self) -> str:
        """Which they are, for example ``"the 500 images that both have (of 500, then 501)"``."""
        both = plural(self.first.size, "image")
        return f"the {both} that both have (of {self.counts[0]:,}, then {self.counts[1]:,})"


@dataclass(frozen=True)
class Pairs:
    """Yes or no of two sides on each image that both have.

    Attributes:
        images: Number of images, above 0.
        before: On how many the first says yes.
        after: On how many the second does.
        lost: Yes in the first and no in the second.
        gained: The reverse.
        worth: The share of the images that counts as independent.
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
        """Return what moved."""
        return _sentence(self.lost, self.gained, self.p)


def moved(before: CaseFigure, after: CaseFigure) -> Moved | None:
    """Return which images changed sides between two figures on the same images, by name.

    A variant's answer on an image that did not flip is its baseline's, so the flips by name say
    where two variants of one baseline differ. For agreement a side is right where it gives its
    baseline's class; for accuracy, where it gives the label's.

    Returns:
        None if the images are not known by name, or the gate counts no images.
    """
    earlier, two = before.variant.flips, after.variant.flips
    if earlier is None or two is None:
        return None
    if after.gate == "top1_agreement":
        worse, better = set(two) - set(earlier), set(earlier) - set(two)
    elif (
        after.gate in {"accuracy_drop", "min_accuracy"}
        and before.conditions.baseline_sha256 == after.conditions.baseline_sha256
        and {*earlier.values(), *two.values()} <= _LABELLED
    ):
        lost = _of_kind(earlier, "right_to_wrong"), _of_kind(two, "right_to_wrong")
        gained = _of_kind(earlier, "wrong_to_right"), _of_kind(two, "wrong_to_right")
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
    """Return the images that two figures have in common, None if that is not known.

    Raises:
        RecordError: The keys of a set are damaged.
    """
    earlier, two = before.conditions, after.conditions
    counts = earlier.evaluation_images or 0, two.evaluation_images or 0
    worth = _worth(before, after)
    if earlier.evaluation_sha256 is not None and earlier.evaluation_sha256 == two.evaluation_sha256:
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
    """Return two packed answers on the images that both have, None if there are none.

    Args:
        texts: Of the two sides, as ``measure.bits`` packs them.
        common: The images.

    Raises:
        RecordError: They are not of as many images as the sets have.
    """
    if not (all(texts) and common.first.size):
        return None
    try:
        earlier, two = (
            unpack(text, count)[places]
            for text, count, places in zip(
                texts, common.counts, (common.first, common.second), strict=True
            )
        )
    except ValueError as error:
        raise _damaged(error) from error
    return _pairs(earlier, two, common.worth)


def _pairs(first: Booleans, two: Booleans, worth: float) -> Pairs:
    return Pairs(
        images=first.size,
        before=int(first.sum()),
        after=int(two.sum()),
        lost=int((first & ~two).sum()),
        gained=int((two & ~first).sum()),
        worth=worth,
    )


def _worth(before: CaseFigure, after: CaseFigure) -> float:
    """Return the share of images that counts as independent: the lower one of the two sets."""
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
        f"the record is damaged: what it holds image by image does not fit: {error}",
        remedy="Run the gate again",
    )


def _of_kind(flips: dict[str, str], kind: str) -> set[str]:
    return {name for name, flip in flips.items() if flip == kind}
