"""Agreement of a variant's predictions with its baseline's, and the images on which they differ."""

from __future__ import annotations

from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq.errors import ImageError, ModelError
from edgeq.measure.clusters import Clusters, Sampled, effective, rate_interval
from edgeq.measure.divergence import Divergence, Doubles, divergence
from edgeq.measure.predictions import Booleans, Integers, Predictions, softmax
from edgeq.measure.rows import pack, release
from edgeq.measure.statistics import bounded_mean, lowest, percentiles, short, unbounded_mean

FlipKind = Literal["right_to_wrong", "wrong_to_right", "wrong_to_wrong"]

WORST_IMAGES = 10
_BEST_CLASSES = 3
_FLIPS_AT_ONCE = 32


class Guess(msgspec.Struct, frozen=True, kw_only=True):
    """A class with its probability.

    Attributes:
        class_index: Index of the class among the scores, from 0.
        probability: ``softmax(logits)`` of the class, 0 to 1.
    """

    class_index: int
    probability: float


class Flip(msgspec.Struct, frozen=True, kw_only=True):
    """An image on which the variant does not give the baseline's class.

    Attributes:
        image: Index in the evaluation set.
        baseline_class: The baseline's class as a place among the scores, None if its output is not
            finite.
        variant_class: The variant's class, None if its output is not finite; the first class if
            several tie.
        baseline_confidence: The baseline's greatest probability, 0 to 1.
        variant_confidence: The variant's greatest probability, 0 to 1.
        baseline_best: The baseline's three best classes by logits.
        variant_best: The same for the variant.
        tied: Whether the variant's greatest score occurs more than once.
        label: Class of the label, None without labels.
        kind: How the prediction changed, None without labels.
    """

    image: int
    baseline_class: int | None
    variant_class: int | None
    baseline_confidence: float
    variant_confidence: float
    baseline_best: tuple[Guess, ...]
    variant_best: tuple[Guess, ...]
    tied: bool
    label: int | None = None
    kind: FlipKind | None = None


class FlipCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Flips by kind; they add up to the images that do not agree.

    Attributes:
        right_to_wrong: Images that the baseline gets right and the variant wrong; fewer is better.
        wrong_to_right: Images that the baseline gets wrong and the variant right.
        wrong_to_wrong: Images that both get wrong, with different classes.
    """

    right_to_wrong: int
    wrong_to_right: int
    wrong_to_wrong: int


class WorstImage(msgspec.Struct, frozen=True, kw_only=True):
    """One of the images with the lowest cosine.

    Attributes:
        image: Index in the evaluation set.
        cosine: Cosine of the two models' centred logits, -1 to 1; 1 is the same direction.
        js_bits: Jensen-Shannon divergence of their probabilities in bits, 0 (the same) to 1.
        baseline_class: The baseline's class, None if its output is not finite.
        variant_class: The variant's class, None if its output is not finite.
        agrees: Whether the variant predicts the baseline's class, untied.
    """

    image: int
    cosine: float
    js_bits: float
    baseline_class: int | None
    variant_class: int | None
    agrees: bool


def _class(answers: Predictions, image: int) -> int | None:
    predicted = int(answers.predicted[image])
    return None if predicted < 0 else predicted


def find_flips(
    baseline: Predictions,
    variant: Predictions,
    images: npt.NDArray[np.int64],
    apart: Divergence,
    truth: Integers | None,
) -> tuple[Flip, ...]:
    """Return the flips for the images that do not agree."""
    flips = []
    for place, image in enumerate(images.tolist()):
        if place % _FLIPS_AT_ONCE == 0:  # the system maps more pages than the rows that are read
            release(baseline.logits)
            release(variant.logits)
        label = None if truth is None else int(truth[image])
        classes = _class(baseline, image), _class(variant, image)
        tied = bool(variant.tied[image])
        flips.append(
            Flip(
                image=image,
                baseline_class=classes[0],
                variant_class=classes[1],
                baseline_confidence=_short(apart.baseline_confidence[image]),
                variant_confidence=_short(apart.variant_confidence[image]),
                baseline_best=_best(baseline, image),
                variant_best=_best(variant, image),
                tied=tied,
                label=label,
                kind=None
                if label is None
                else _kind(
                    right_before=classes[0] == label, right=classes[1] == label and not tied
                ),
            )
        )
    return tuple(flips)


def _kind(*, right_before: bool, right: bool) -> FlipKind:
    if right_before:
        return "right_to_wrong"
    return "wrong_to_right" if right else "wrong_to_wrong"


def count_flips(flips: tuple[Flip, ...]) -> FlipCounts:
    """Count labelled flips by kind."""
    kinds = [flip.kind for flip in flips]
    return FlipCounts(
        right_to_wrong=kinds.count("right_to_wrong"),
        wrong_to_right=kinds.count("wrong_to_right"),
        wrong_to_wrong=kinds.count("wrong_to_wrong"),
    )


def _short(probability: float) -> float:
    """Return a probability rounded to keep records small."""
    return short([probability])[0]


def _best(answers: Predictions, image: int) -> tuple[Guess, ...]:
    """Return the best classes of one image; empty if its output is not finite."""
    if not answers.finite[image]:
        return ()
    probabilities = softmax(answers.logits[image].astype(np.float64))
    order = np.argsort(-probabilities, kind="stable")[:_BEST_CLASSES]
    return tuple(
        Guess(class_index=int(index), probability=_short(probabilities[index])) for index in order
    )


def worst_images(
    baseline: Predictions, variant: Predictions, agrees: Booleans, apart: Divergence
) -> tuple[WorstImage, ...]:
    """Return the images with the lowest cosine, worst first."""
    order = np.argsort(apart.cosine, kind="stable")[:WORST_IMAGES]
    return tuple(
        WorstImage(
            image=image,
            cosine=float(apart.cosine[image]),
            js_bits=float(apart.js_bits[image]),
            baseline_class=_class(baseline, image),
            variant_class=_class(variant, image),
            agrees=bool(agrees[image]),
        )
        for image in order.tolist()
    )


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """Summary of a number that each image has.

    Attributes:
        mean: Mean over the images, in the unit of the number.
        p5: 5th percentile over the images.
        median: 50th percentile over the images.
        p95: 95th percentile over the images.
        worst: The worst image's value: the lowest cosine, or the highest divergence or error.
        percentiles: Percentiles 0 to 100 over the images, see ``measure.percentiles``; empty if the
            record lacks them.
    """

    mean: float
    p5: float
    median: float
    p95: float
    worst: float
    percentiles: tuple[float, ...] = ()


class Agreement(Sampled, msgspec.Struct, frozen=True, kw_only=True):
    """How well a variant's predictions agree with its baseline's.

    An image agrees only if the variant's greatest score is unique and belongs to the baseline's
    class. Ties and values that are not finite count against the variant.

    Attributes:
        images: Number of images n.
        classes: Number of classes.
        confidence: Confidence level of the intervals.
        agreeing: Number of images that agree; more is better.
        top1: Share of the images that agree, ``agreeing / n``, 0 to 1; higher is better.
        top1_interval: Clopper-Pearson interval of ``top1``.
        ties: Number of images on which the variant's greatest score occurs more than once.
        baseline_ties: Number of images on which the baseline's greatest score occurs more than
            once.
        nonfinite_images: Number of images on which an output of either model is not finite.
        top5_overlap: Mean share of the baseline's five best classes among the variant's, by logits,
            0 to 1; higher is better. None with five classes or fewer.
        top5_interval: Interval of ``top5_overlap``, see ``statistics.bounded_mean``.
        js_bits: Jensen-Shannon divergence of probabilities in bits, 0 to 1.
        cosine: Cosine of logits centred per image. Its worst value is exact for this set.
        lowest_cosines: The lowest cosines, as many as ``statistics.lowest`` returns; empty in
            records of earlier versions.
        relative_error: Norm of the difference of centred logits divided by the baseline's norm;
            None if it is defined for no image.
        error: Mean norm of the difference of centred logits, divided by the root mean square of the
            baseline's norms; 0 means none. None if no image has finite outputs from both models.
        error_interval: Interval of ``error``, see ``statistics.unbounded_mean``; None for a single
            image.
        drift: Mean total variation distance of the probabilities, 0 (the same) to 1, over the
            images whose outputs are finite in both models; None if there are none.
        drift_interval: Interval of ``drift``, computed like the one of ``error`` and capped at 1;
            None for a single image.
        confidence_drift: Mean of the variant's greatest probability minus the baseline's, -1 to 1,
            over the images whose outputs are finite in both models; below 0 the variant is less
            sure. None if there are none.
        distinct_classes: Number of different classes that the variant predicts.
        baseline_distinct_classes: Number of different classes that the baseline predicts.
        logits_sources: Where the logits of the baseline and of the variant come from.
        flip_counts: Flips by kind; None without labels.
        flips: Every image that does not agree.
        worst_images: The ten images with the lowest cosine, worst first.
        clusters: Which images belong together; None if all are independent.
        agreeing_images: The images that agree, as ``measure.rows`` packs them.
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


def agreement(
    baseline: Predictions,
    variant: Predictions,
    labels: npt.ArrayLike | None = None,
    *,
    confidence: float = 0.95,
    clusters: Clusters | None = None,
) -> Agreement:
    """Compare a variant's predictions with its baseline's.

    Args:
        baseline: The baseline's predictions on n images, c classes.
        variant: The variant's predictions on the same images and classes.
        labels: Class of each image, shape (n,); None if there are none.
        confidence: Confidence level of the intervals, in (0, 1).
        clusters: Which images belong together.

    Raises:
        ModelError: The predictions have different shapes.
        ImageError: The labels do not fit the predictions.
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
    """Return on which images the variant predicts the baseline's class, untied, shape (n,)."""
    same: Booleans = baseline.predicted == variant.predicted
    return same & baseline.finite & variant.finite & ~variant.tied


def require_same_shape(baseline: Predictions, variant: Predictions) -> None:
    """Raise if the predictions can't be compared.

    Raises:
        ModelError: The predictions have different shapes.
    """
    if baseline.scores.shape != variant.scores.shape:
        raise ModelError(
            f"the variant's output has the shape {variant.scores.shape}, "
            f"the baseline's {baseline.scores.shape}",
            remedy="Name the variant's own label set in the spec (`labels`)",
        )


def checked_labels(labels: npt.ArrayLike, answers: Predictions) -> Integers:
    """Return the labels as an array that fits the predictions, shape (n,).

    Raises:
        ImageError: There are too many or too few labels, or one is not a class.
    """
    truth = np.asarray(labels, np.int64)
    n, classes = answers.scores.shape
    if truth.shape != (n,):
        raise ImageError(f"the labels have the shape {truth.shape}, but there are {n} images")
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
