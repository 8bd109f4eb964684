"""Accuracy against the labels, and whether the classes match them after renaming."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq.measure.agreement import checked_labels, require_same_shape
from edgeq.measure.clusters import (
    Clusters,
    Sampled,
    difference_interval,
    effective,
    find_clusters,
    numbered,
    rate_interval,
)
from edgeq.measure.predictions import Booleans, Floats, Integers, Predictions
from edgeq.measure.rows import by_rows, pack
from edgeq.measure.statistics import mcnemar_exact

_BEST = 5


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """A share of the images.

    Attributes:
        images: Number of images that count.
        value: Their share of all images, 0 to 1; higher is better.
        interval: Clopper-Pearson interval of the share.
    """

    images: int
    value: float
    interval: tuple[float, float]


class Accuracy(Sampled, msgspec.Struct, frozen=True, kw_only=True):
    """Top-1 and top-5 accuracy of both models, and the paired drop of top-1.

    The baseline is right if its first greatest score is the label's. The variant is right only if
    no other score is as great: ties count against it, as in ``agreement``.

    Attributes:
        images: Number of labelled images n.
        classes: Number of classes.
        confidence: Confidence level of the intervals.
        baseline_top1: Share of the images whose label is the baseline's class.
        variant_top1: The same for the variant.
        baseline_top5: Share of the images with fewer than five other classes at or above the
            label's logit; None with five classes or fewer.
        variant_top5: The same for the variant.
        lost: Number of images right in the baseline and wrong in the variant; fewer is better.
        gained: Number of images wrong in the baseline and right in the variant.
        drop: ``(lost - gained) / n``: top-1 of the baseline minus that of the variant, as a share;
            lower is better, and below 0 the variant is the better one.
        drop_interval: Interval of ``drop``, see ``statistics.paired_difference``.
        mcnemar_p: McNemar's exact two-sided p for the lost and gained images.
        clusters: Which images belong together; None if all are independent.
        baseline_right: The images that the baseline gets right, as ``measure.rows`` packs them.
        variant_right: The same for the variant.
    """

    images: int
    classes: int
    confidence: float
    baseline_top1: Rate
    variant_top1: Rate
    baseline_top5: Rate | None
    variant_top5: Rate | None
    lost: int
    gained: int
    drop: float
    drop_interval: tuple[float, float]
    mcnemar_p: float
    clusters: Clusters | None = None
    baseline_right: str = ""
    variant_right: str = ""


def accuracy(
    baseline: Predictions,
    variant: Predictions,
    labels: npt.ArrayLike,
    *,
    confidence: float = 0.95,
    clusters: Clusters | None = None,
) -> Accuracy:
    """Compare the accuracy of two models on the same labelled images.

    Args:
        baseline: The baseline's predictions on n images, c classes.
        variant: The variant's predictions on the same images and classes.
        labels: Class of each image, shape (n,).
        confidence: Confidence level of the intervals, in (0, 1).
        clusters: Which images belong together.

    Raises:
        ModelError: The predictions have different shapes.
        ImageError: The labels do not fit the predictions.
    """
    require_same_shape(baseline, variant)
    truth = checked_labels(labels, baseline)
    n = truth.size
    before = baseline.predicted == truth
    after = (variant.predicted == truth) & ~variant.tied
    lost, gained = int((before & ~after).sum()), int((after & ~before).sum())
    wide = baseline.scores.shape[1] > _BEST
    return Accuracy(
        images=n,
        classes=baseline.scores.shape[1],
        confidence=confidence,
        baseline_top1=_rate(before, confidence, clusters),
        variant_top1=_rate(after, confidence, clusters),
        baseline_top5=_rate(_among_best(baseline, truth), confidence, clusters) if wide else None,
        variant_top5=_rate(_among_best(variant, truth), confidence, clusters) if wide else None,
        lost=lost,
        gained=gained,
        drop=(lost - gained) / n,
        drop_interval=difference_interval(lost, gained, n, confidence, clusters),
        mcnemar_p=mcnemar_exact(lost, gained, share=effective(n, clusters) / n),
        clusters=clusters,
        baseline_right=pack(before),
        variant_right=pack(after),
    )


def _rate(right: Booleans, confidence: float, clusters: Clusters | None) -> Rate:
    count, n = int(right.sum()), right.size
    interval = rate_interval(count, n, confidence, clusters)
    return Rate(images=count, value=count / n, interval=interval)


def _among_best(answers: Predictions, truth: Integers) -> Booleans:
    """Return which images have the label among the five best classes; ties count against it."""
    among: Booleans = by_rows(_is_among_best, answers.logits, truth) & answers.finite
    return among


def _is_among_best(logits: Floats, truth: Integers) -> Booleans:
    own = np.take_along_axis(logits, truth[:, None], axis=1)
    among: Booleans = (logits >= own).sum(axis=1) - 1 < _BEST
    return among


RENAMING_LEVEL = 0.001
RENAMING_GAIN = 0.05


class Renaming(msgspec.Struct, frozen=True, kw_only=True):
    """The effect on a baseline's accuracy of a renaming of classes learnt on other images.

    Attributes:
        images: Number of labelled images n.
        right: Number of images whose label is the class that the baseline predicts.
        renamed: Number of images whose label is the renamed class that the baseline predicts.
        sure: Whether the gain is large and not due to chance.
    """

    images: int
    right: int
    renamed: int
    sure: bool


def renaming(
    given: Integers, labels: Integers, classes: int, groups: Sequence[Hashable]
) -> Renaming:
    """Return what the best one-to-one renaming of the classes gains.

    It is learnt on each half of the images and tested on the other, so that overfitting to the few
    images of a class gains nothing. Images that belong together are in the same half.
    """
    places = numbered(groups)
    order = np.random.default_rng(0).permutation(int(places.max()) + 1)
    half = order[places] % 2 > 0
    renamed = np.empty_like(given)
    for learnt in (half, ~half):
        renamed[~learnt] = _best_names(given[learnt], labels[learnt], classes)[given[~learnt]]
    before, after = given == labels, renamed == labels
    n = given.size
    lost, gained = int((before & ~after).sum()), int((after & ~before).sum())
    p = mcnemar_exact(lost, gained, share=effective(n, find_clusters(groups)) / n)
    return Renaming(
        images=n,
        right=int(before.sum()),
        renamed=int(after.sum()),
        sure=gained - lost >= RENAMING_GAIN * n and p <= RENAMING_LEVEL,
    )


def _best_names(given: Integers, labels: Integers, classes: int) -> Integers:
    """Return the one-to-one renaming that is right most often; ties keep the name."""
    from scipy.optimize import linear_sum_assignment

    counts = np.zeros((classes, classes))
    np.add.at(counts, (given, labels), 1.0)
    counts[np.diag_indices(classes)] += 0.5 / classes
    rows, names = linear_sum_assignment(counts, maximize=True)
    order = np.empty(classes, np.int64)
    order[rows] = names
    return order
