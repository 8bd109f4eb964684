"""Hypotheses about classes and labels, tested on predictions alone."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from edgeq import words
from edgeq.diagnosis.bench import Bench
from edgeq.diagnosis.cause import Cause
from edgeq.diagnosis.compared import offsets
from edgeq.measure.accuracy import renaming
from edgeq.measure.box_agreement import PairedClasses, paired_classes
from edgeq.pipeline.detecting import decoder_of, labelled_boxes
from edgeq.pipeline.variant import VariantUnderTest
from edgeq.tasks.detection.boxes import Boxes

MIN_IMAGES = 5
MIN_CLASSES = 3
CLEAR = 0.6
LOW = 0.5
RARE = 0.3
RENAMED = 0.8
PLACED = 0.8
"""Minimum share of boxes that lie on those of the other model if only their classes differ."""

MIN_UNRELATED = 20
"""Minimum number of boxes that can show that classes and labels are unrelated."""
DEVIATIONS = 3.0
"""Standard deviations above chance up to which two sides may be the same by chance."""

Classes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class _Pairs:
    """Classes that two sides give to the same images, or to boxes that lie on each other.

    ``theirs`` are the variant's classes, or the labels. Groups say what each shares with others of
    the same photograph.
    """

    ours: Classes
    theirs: Classes
    classes: int
    groups: Sequence[Hashable]
    noun: Literal["images", "boxes"] = "images"


def shifted_answers(bench: Bench) -> Cause | None:
    """Test whether the variant's classes are the baseline's plus a constant offset."""
    pairs = _answered(bench)
    best = best_offset(pairs.ours, pairs.theirs, pairs.classes)
    if best is None:
        return None
    offset, share = best
    return Cause(
        "label_offset",
        f"the variant's class is the baseline's {offset:+d} on {words.share(share)} of "
        f"{len(pairs.ours)} {pairs.noun}",
        {"offset": offset, "share": round(share, 4), pairs.noun: len(pairs.ours)},
    )


def renamed_answers(bench: Bench) -> Cause | None:
    """Test whether the variant distinguishes the baseline's classes under other names."""
    pairs = _answered(bench)
    if not len(pairs.ours):
        return None
    new_names = renaming(pairs.theirs, pairs.ours, pairs.classes, pairs.groups)
    if (
        not new_names.sure
        or new_names.renamed < RENAMED * new_names.images
        or len(np.unique(pairs.theirs)) == 1
    ):
        return None
    return Cause(
        "label_order",
        f"the variant gives the baseline's class on {new_names.right:,} of {new_names.images:,} "
        f"{pairs.noun}, with its classes renamed on {new_names.renamed:,}: they are in another "
        "order",
        {"agreeing": new_names.right, "renamed": new_names.renamed, pairs.noun: new_names.images},
    )


def wrong_labels(bench: Bench) -> Cause | None:
    """Test whether baseline and variant agree with each other, but neither with the labels."""
    labelled = _labelled(bench) if bench.variant.inputs.baseline.trained else None
    if labelled is None:
        return None
    answered = _answered(bench)
    ours, labels, noun = labelled.ours, labelled.theirs, labelled.noun
    right, together = (
        float((pairs.ours == pairs.theirs).mean()) if len(pairs.ours) else 0.0
        for pairs in (labelled, answered)
    )
    if right >= LOW or together < LOW or len(labels) < MIN_IMAGES:
        return None
    facts: dict[str, object] = {
        "baseline_accuracy": round(right, 4),
        "agreement": round(together, 4),
        noun: len(labels),
    }
    head = (
        f"baseline and variant agree on {words.share(together)} of {len(answered.ours)} {noun}, "
        f"but only {words.share(right)} of the baseline's answers are right"
    )
    best = best_offset(ours, labels, labelled.classes)
    if best is not None:
        offset, share = best
        return Cause(
            "label_offset",
            f"{head}: {words.share(share)} of the labels are its class {offset:+d}",
            {**facts, "offset": offset, "share": round(share, 4)},
        )
    common = same_classes(ours, labels)
    if right <= RARE and common >= CLEAR:
        return Cause(
            "label_order",
            f"{head}, although {words.share(common)} of the labels are classes that it gives to "
            f"other {noun}: the labels are in another order",
            {**facts, "common": round(common, 4)},
        )
    # A detector finds some classes more often than others, so that those in common say little.
    if noun == "boxes" and right <= RARE and are_unrelated(ours, labels):
        return Cause(
            "label_order",
            f"{head}, no more than if they had been given at random: the labels are in another "
            "order, or belong to other images",
            facts,
        )
    return None


def _answered(bench: Bench) -> _Pairs:
    """Return the baseline's and the variant's classes; none if their boxes lie elsewhere."""
    baseline, groups = bench.variant.baseline, bench.images.groups()
    if bench.variant.detects:
        ours, theirs = (list(_certain(bench, model)) for model in (baseline, bench.variant))
        pairs = paired_classes(ours, theirs)
        if len(pairs.first) < PLACED * max(sum(map(len, ours)), sum(map(len, theirs))):
            pairs = paired_classes([], [])
        return _of_boxes(pairs, bench.variant.reading.classes, groups)
    answers = baseline.predictions
    return _Pairs(answers.predicted, bench.predictions.predicted, answers.scores.shape[1], groups)


def _labelled(bench: Bench) -> _Pairs | None:
    """Return the baseline's classes and the labels, None without labels."""
    baseline, images = bench.variant.baseline, bench.images
    if bench.variant.detects:
        labels = labelled_boxes(bench.variant)
        if labels is None:
            return None
        pairs = paired_classes(_certain(bench, baseline), labels)
        return _of_boxes(pairs, bench.variant.reading.classes, images.groups())
    if not images.labelled:
        return None
    ours = baseline.predictions
    return _Pairs(ours.predicted, images.labels(), ours.scores.shape[1], images.groups())


def _of_boxes(pairs: PairedClasses, classes: int, groups: Sequence[Hashable]) -> _Pairs:
    by_box = [groups[image] for image in pairs.images]
    most = max(classes, *(1 + int(side.max(initial=0)) for side in (pairs.first, pairs.second)))
    return _Pairs(pairs.first, pairs.second, most, by_box, "boxes")


def _certain(bench: Bench, model: VariantUnderTest) -> Iterator[Boxes]:
    """Yield the boxes at the operating score of each image."""
    score = decoder_of(bench.variant).operating_score
    return (boxes.above(score) for boxes in model.detections)


def best_offset(given: Classes, expected: Classes, classes: int) -> tuple[int, float] | None:
    """Return the offset that maps most given classes to the expected ones, and their share.

    Returns:
        None if the offset is 0 or not clear, or if too few classes are distinguished.
    """
    if len(given) < MIN_IMAGES or len(np.unique(given)) < MIN_CLASSES:
        return None
    apart = offsets(expected, given, classes)
    values, counts = np.unique(apart, return_counts=True)
    most = int(counts.argmax())
    share = float(counts[most] / len(given))
    # A constant prediction also has a most frequent offset, from a frequent class.
    if values[most] == 0 or share < CLEAR:
        return None
    reached = len(np.unique(expected[apart == values[most]]))
    return (int(values[most]), share) if reached >= MIN_CLASSES else None


def are_unrelated(given: Classes, expected: Classes) -> bool:
    """Return whether two sides are the same no more often than if they were independent.

    Returns:
        False if there are too few pairs or classes to tell.
    """
    if len(given) < MIN_UNRELATED or len(np.unique(given)) < MIN_CLASSES:
        return False
    size = int(max(given.max(), expected.max())) + 1
    first, second = (np.bincount(side, minlength=size) / len(side) for side in (given, expected))
    chance = float(first @ second)
    most = chance + DEVIATIONS * (chance * (1 - chance) / len(given)) ** 0.5
    common = float(max(first.max(), second.max()))
    return common <= LOW and float((given == expected).mean()) <= most


def same_classes(given: Classes, expected: Classes) -> float:
    """Return the share of classes common to both sides, counted with their frequency."""
    size = int(max(given.max(), expected.max())) + 1
    first, second = (
        np.bincount(np.maximum(indices, 0), minlength=size) for indices in (given, expected)
    )
    return float(np.minimum(first, second).sum() / len(given))
