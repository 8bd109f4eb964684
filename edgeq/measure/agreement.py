"""What a variant says beside its baseline, image by image."""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq.errors import ImageError, ModelError
from edgeq.measure.bits import pack
from edgeq.measure.clusters import Clusters, effective, rate_interval
from edgeq.measure.divergence import Doubles, divergence
from edgeq.measure.flips import Flip, FlipCounts, WorstImage, count_flips, find_flips, worst_images
from edgeq.measure.lowest import lowest
from edgeq.measure.percentiles import percentiles
from edgeq.measure.predictions import Booleans, Integers, Predictions
from edgeq.measure.statistics import bounded_mean, unbounded_mean


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """A number per image, summed up.

    Attributes:
        mean: Over the images.
        p5: 5th percentile.
        median: 50th percentile.
        p95: 95th percentile.
        worst: The worst image's: the lowest cosine, the highest divergence or error.
        percentiles: See ``measure.percentiles``; empty if a record does not hold them.
    """

    mean: float
    p5: float
    median: float
    p95: float
    worst: float
    percentiles: tuple[float, ...] = ()


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """What a variant says beside its baseline.

    An image agrees only where the variant's greatest score is the only one and belongs to the
    baseline's class: ties, and values that are not finite, count against the variant.

    Attributes:
        images: Number of images n.
        classes: Number of classes.
        confidence: Of the intervals.
        agreeing: Images that agree.
        top1: ``agreeing / n``.
        top1_interval: Its Clopper-Pearson interval.
        ties: Images on which the variant's greatest score occurs more than once.
        baseline_ties: The same of the baseline.
        nonfinite_images: Images on which one of the two is not finite.
        top5_overlap: Mean share of the baseline's five best classes among the variant's, by
            logits; None with five classes or fewer.
        top5_interval: Its interval, see ``statistics.bounded_mean``.
        js_bits: Jensen-Shannon divergence of probabilities in bits, 0 to 1.
        cosine: Cosine of logits centred per image; its worst is an exact fact of this set.
        lowest_cosines: The lowest of them, as many as ``measure.lowest`` says; empty in a record
            of an earlier version.
        relative_error: Norm of the difference of centred logits by the baseline's norm; None
            where no image has one.
        error: Mean norm of the difference of centred logits, divided by the root mean square of
            the baseline's norms; None if no image has a finite answer of both.
        error_interval: Its interval, see ``statistics.unbounded_mean``; None for a single image.
        drift: Mean total variation distance of the probabilities, over the images whose answers
            are finite in both; None if there are none.
        drift_interval: Its interval, as of the error and not above 1; None for a single image.
        confidence_drift: Mean of the variant's greatest probability minus the baseline's, over
            images where both are finite; None if there are none.
        distinct_classes: Different classes that the variant gives.
        baseline_distinct_classes: The same of the baseline.
        logits_sources: Where the logits of baseline and variant come from.
        flip_counts: None without labels.
        flips: Every image that does not agree.
        worst_images: The ten images with the lowest cosine, the worst first.
        clusters: Where images belong together, None if each stands alone.
        agreeing_images: The images that agree, as ``measure.bits`` packs them.
    """

    images: int
    classes: int
    confidence: float
    agreeing: int
    top1: float
    top1_interval: tuple[float, float]
    ties: int
    baseline_ties: int
    nonfinite_images: int
    top5_overlap: float | None
    top5_interval: tuple[float, float] | None
    js_bits: Spread
    cosine: Spread
    relative_error: Spread | None
    error: float | None
    error_interval: tuple[float, float] | None
    confidence_drift: float | None
    distinct_classes: int
    baseline_distinct_classes: int
    logits_sources: tuple[str, str]
    flip_counts: FlipCounts | None
    flips: tuple[Flip, ...]
    worst_images: tuple[WorstImage, ...]
    clusters: Clusters | None = None
    drift: float | None = None
    drift_interval: tuple[float, float] | None = None
    lowest_cosines: tuple[float, ...] = ()
    agreeing_images: str = ""

    @property
    def worth(self) -> int:
        """How many independent images the set counts as."""
        return max(int(effective(self.images, self.clusters)), 1)


def agreement(
    baseline: Predictions,
    variant: Predictions,
    labels: npt.ArrayLike | None = None,
    *,
    confidence: float = 0.95,
    clusters: Clusters | None = None,
) -> Agreement:
    """Compare a variant's answers with its baseline's.

    Args:
        baseline: On n images, c classes.
        variant: On the same images, in the same classes.
        labels: Class of each image, shape (n,); None if there are none.
        confidence: Of the intervals, in (0, 1).
        clusters: Where images belong together.

    Raises:
        ModelError: The answers have different shapes.
        ImageError: The labels do not fit the answers.
    """
    require_same_shape(baseline, variant)
    truth = None if labels is None else checked_labels(labels, baseline)
    agrees = agreeing(baseline, variant)
    apart = divergence(baseline, variant)
    n, classes = baseline.scores.shape
    count = int(agrees.sum())
    overlap = apart.overlap
    confidences = (apart.variant_confidence - apart.baseline_confidence)[apart.usable]
    variation = apart.variation[apart.usable]
    flips = find_flips(baseline, variant, np.flatnonzero(~agrees), apart, truth)
    return Agreement(
        images=n,
        classes=classes,
        confidence=confidence,
        agreeing=count,
        top1=count / n,
        top1_interval=rate_interval(count, n, confidence, clusters),
        ties=int(variant.tied.sum()),
        baseline_ties=int(baseline.tied.sum()),
        nonfinite_images=int(n - apart.usable.sum()),
        top5_overlap=None if overlap is None else float(overlap.mean()),
        top5_interval=None
        if overlap is None
        else bounded_mean(overlap, confidence, worth=effective(n, clusters)),
        js_bits=_spread(apart.js_bits, float(apart.js_bits.max())),
        cosine=_spread(apart.cosine, float(apart.cosine.min())),
        relative_error=_spread(apart.relative_error, float(apart.relative_error.max()))
        if apart.relative_error.size
        else None,
        error=float(apart.error.mean()) if apart.error.size else None,
        error_interval=unbounded_mean(
            apart.error, confidence, worth=effective(apart.error.size, clusters)
        ),
        confidence_drift=float(confidences.mean()) if confidences.size else None,
        distinct_classes=_distinct(variant),
        baseline_distinct_classes=_distinct(baseline),
        logits_sources=(baseline.logits_source, variant.logits_source),
        flip_counts=None if truth is None else count_flips(flips),
        flips=flips,
        worst_images=worst_images(baseline, variant, agrees, apart),
        clusters=clusters,
        drift=float(variation.mean()) if variation.size else None,
        drift_interval=_share_interval(variation, confidence, clusters),
        lowest_cosines=lowest(apart.cosine, confidence, effective(n, clusters)),
        agreeing_images=pack(agrees),
    )


def _share_interval(
    values: Doubles, confidence: float, clusters: Clusters | None
) -> tuple[float, float] | None:
    """Return the interval for a mean of values in [0, 1] that are mostly near 0."""
    mean = unbounded_mean(values, confidence, worth=effective(values.size, clusters))
    return None if mean is None else (mean[0], min(mean[1], 1.0))


def agreeing(baseline: Predictions, variant: Predictions) -> Booleans:
    """Return on which images the variant gives the baseline's class, alone, shape (n,)."""
    same: Booleans = baseline.predicted == variant.predicted
    return same & baseline.finite & variant.finite & ~variant.tied


def require_same_shape(baseline: Predictions, variant: Predictions) -> None:
    """Refuse answers that can't be compared.

    Raises:
        ModelError: The answers have different shapes.
    """
    if baseline.scores.shape != variant.scores.shape:
        raise ModelError(
            f"the variant answers with the shape {variant.scores.shape}, "
            f"the baseline with {baseline.scores.shape}",
            remedy="Name the variant's own label set in the spec (`labels`)",
        )


def checked_labels(labels: npt.ArrayLike, answers: Predictions) -> Integers:
    """Return the labels as an array that fits the answers, shape (n,).

    Raises:
        ImageError: There are too many or too few, or one is not a class.
    """
    truth = np.asarray(labels, np.int64)
    n, classes = answers.scores.shape
    if truth.shape != (n,):
        raise ImageError(f"there are labels of the shape {truth.shape} for {n} images")
    wrong = np.flatnonzero((truth < 0) | (truth >= classes))
    if wrong.size:
        raise ImageError(
            f"the label {int(truth[wrong[0]])} of image {int(wrong[0])} is out of range: "
            f"the model has the classes 0 to {classes - 1}",
            remedy="Check the labels, and `labels` of the model in the spec",
        )
    return truth


def _spread(values: Doubles, worst: float) -> Spread:
    p5, median, p95 = np.quantile(values, [0.05, 0.5, 0.95])
    return Spread(
        mean=float(values.mean()),
        p5=float(p5),
        median=float(median),
        p95=float(p95),
        worst=worst,
        percentiles=percentiles(values),
    )


def _distinct(answers: Predictions) -> int:
    return int(np.unique(answers.predicted[answers.finite]).size)
