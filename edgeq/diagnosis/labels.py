"""Hypotheses about classes and labels, tested on predictions alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgeq import words
from edgeq.diagnosis.bench import Bench
from edgeq.diagnosis.cause import Cause
from edgeq.measure.renaming import renaming

LEAST_IMAGES = 5
LEAST_CLASSES = 3
CLEAR = 0.6
TWICE = 2
LOW = 0.5
RARE = 0.3
RENAMED = 0.8

Classes = npt.NDArray[np.int64]


def shifted_answers(bench: Bench) -> Cause | None:
    """Test whether the variant's classes are the baseline's plus a constant offset."""
    ours, theirs = bench.variant.baseline.predictions.predicted, bench.predictions.predicted
    best = best_offset(ours, theirs, bench.variant.baseline.predictions.scores.shape[1])
    if best is None:
        return None
    offset, share = best
    return Cause(
        "label_offset",
        f"the variant's class is the baseline's {offset:+d} on {words.share(share)} of "
        f"{len(ours)} images",
        {"offset": offset, "share": round(share, 4), "images": len(ours)},
    )


def renamed_answers(bench: Bench) -> Cause | None:
    """Test whether the variant distinguishes the baseline's classes under other names."""
    ours, theirs = bench.variant.baseline.predictions.predicted, bench.predictions.predicted
    classes = bench.variant.baseline.predictions.scores.shape[1]
    new_names = renaming(theirs, ours, classes, bench.images.groups())
    if (
        not new_names.sure
        or new_names.renamed < RENAMED * new_names.images
        or len(np.unique(theirs)) == 1
    ):
        return None
    return Cause(
        "label_order",
        f"the variant gives the baseline's class on {new_names.right:,} of {new_names.images:,} "
        f"images, with its classes renamed on {new_names.renamed:,}: they are in another order",
        {"agreeing": new_names.right, "renamed": new_names.renamed, "images": new_names.images},
    )


def wrong_labels(bench: Bench) -> Cause | None:
    """Test whether baseline and variant agree with each other, but neither with the labels."""
    images = bench.images
    if not images.labelled or not bench.variant.inputs.baseline.trained:
        return None
    labels = images.labels()
    ours, theirs = bench.variant.baseline.predictions.predicted, bench.predictions.predicted
    right, together = float((ours == labels).mean()), float((ours == theirs).mean())
    if right >= LOW or together < LOW or len(labels) < LEAST_IMAGES:
        return None
    facts: dict[str, object] = {
        "baseline_accuracy": round(right, 4),
        "agreement": round(together, 4),
        "images": len(labels),
    }
    head = (
        f"baseline and variant agree on {words.share(together)} of {len(labels)} images, but only "
        f"{words.share(right)} of the baseline's answers are right"
    )
    best = best_offset(ours, labels, bench.variant.baseline.predictions.scores.shape[1])
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
            "other images: the labels are in another order",
            {**facts, "common": round(common, 4)},
        )
    return None


def best_offset(given: Classes, expected: Classes, classes: int) -> tuple[int, float] | None:
    """Return the offset that maps most given classes to the expected ones, and their share.

    Offsets wrap around at the ends of the class range.

    Returns:
        None if the offset is 0 or not clear, or if too few classes are distinguished.
    """
    if len(given) < LEAST_IMAGES or len(np.unique(given)) < LEAST_CLASSES:
        return None
    apart = (expected - given + classes // 2) % classes - classes // 2
    offsets, counts = np.unique(apart, return_counts=True)
    most = int(counts.argmax())
    share = float(counts[most] / len(given))
    # A constant prediction also has a most frequent offset, from a frequent class.
    if offsets[most] == 0 or share < CLEAR:
        return None
    reached = len(np.unique(expected[apart == offsets[most]]))
    return (int(offsets[most]), share) if reached >= LEAST_CLASSES else None


def same_classes(given: Classes, expected: Classes) -> float:
    """Return the share of classes common to both sides, counted with their frequency."""
    size = int(max(given.max(), expected.max())) + 1
    first, second = (
        np.bincount(np.maximum(indices, 0), minlength=size) for indices in (given, expected)
    )
    return float(np.minimum(first, second).sum() / len(given))
