"""Further measures of classifiers: recall by class, calibration, and further heads."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from edgeq.measure.clusters import effective, rate_interval
from edgeq.measure.figures import ClassFigure, Doubles, Figure, TaskData, TaskFigures
from edgeq.measure.predictions import Predictions, softmax
from edgeq.measure.statistics import paired_difference

Booleans = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]

BINS = 15
"""Bins of the calibration error, as in Guo et al., ICML 2017, section 4.2."""

MIN_OF_CLASS = 10
"""Minimum number of images of a class whose recall is judged."""


def measure(
    data: TaskData,
    baseline: Predictions,
    variant: Predictions,
    labels: Integers | None,
    heads: Sequence[int] = (),
) -> TaskFigures:
    """Return the figures of a classifier beside its agreement and accuracy.

    - ``class_recall_drop``: with labels, the greatest drop of a class's recall. The interval holds
      for all classes at once (Bonferroni).
    - ``calibration_error_rise``: with labels, the variant's expected calibration error minus the
      baseline's, from ``BINS`` bins of the greatest probability.
    - ``head_agreement``: the lowest share of images on which a further output with class scores
      gives the baseline's class, its interval likewise for all of them at once.

    Args:
        data: All outputs of both models, for the further heads.
        baseline: The baseline's predictions.
        variant: The variant's predictions.
        labels: Class of each image, shape ``(n,)``; None if there are none.
        heads: Indices of the further outputs with class scores among the data's.
    """
    figures, absent, classes = list[Figure](), dict[str, str](), tuple[ClassFigure, ...]()
    if heads:
        figures.append(_heads(data, heads))
    else:
        absent["head_agreement"] = "no further output holds class scores"
    if labels is not None:
        before, after = baseline.predicted == labels, (variant.predicted == labels) & ~variant.tied
        classes = _recalls(labels, before, after)
        judged = [row for row in classes if row.count >= MIN_OF_CLASS]
        if judged:
            figures.append(_recall_drop(data, labels, before, after, judged))
        else:
            absent["class_recall_drop"] = f"no class has {MIN_OF_CLASS} images"
        figures.append(
            data.drop(
                "calibration_error_rise",
                partial(calibration_error, *_confidence(baseline), before),
                partial(calibration_error, *_confidence(variant), after),
                "expected calibration error",
                rise=True,
            )
        )
    return data.figures(
        *figures, absent=absent, class_measure="Recall" if classes else "", classes=classes
    )


def calibration_error(
    confidence: Doubles,
    usable: Booleans,
    right: Booleans,
    weights: Doubles,
) -> Doubles:
    """Return the expected calibration error for each row of weights, ``(b,)``.

    It is the mean over bins of equal width of ``|accuracy - mean confidence|``, weighed by the
    images in each. Source: Guo et al., On Calibration of Modern Neural Networks, ICML 2017,
    equation 3.

    Args:
        confidence: The greatest probability of each image, shape ``(n,)``.
        usable: Whether an image's output is finite, shape ``(n,)``.
        right: Whether the greatest probability is the label's, shape ``(n,)``.
        weights: Weight of each image, shape ``(b, n)``.
    """
    bins = np.clip((confidence * BINS).astype(np.int64), 0, BINS - 1)
    apart = np.where(usable, right - confidence, 1.0)  # what is not finite is as wrong as can be
    total = np.zeros(len(weights))
    for at in range(BINS):
        inside = bins == at
        total += np.abs(weights[:, inside] @ apart[inside])
    error: Doubles = total / weights.sum(axis=1)
    return error


def _confidence(predictions: Predictions) -> tuple[Doubles, Booleans]:
    """Return the greatest probability of each image, and whether it is finite, ``(n,)`` each."""
    scores = np.nan_to_num(np.asarray(predictions.scores, np.float64))
    if not predictions.is_probability and (scores.min() < 0 or scores.max() > 1):
        scores = softmax(scores)
    return np.clip(scores.max(axis=1), 0, 1), predictions.finite


def _recalls(labels: Integers, before: Booleans, after: Booleans) -> tuple[ClassFigure, ...]:
    return tuple(
        ClassFigure(
            class_index=int(name),
            count=int((labels == name).sum()),
            variant=float(after[labels == name].mean()),
            baseline=float(before[labels == name].mean()),
        )
        for name in np.unique(labels)
    )


def _recall_drop(
    data: TaskData,
    labels: Integers,
    before: Booleans,
    after: Booleans,
    judged: Sequence[ClassFigure],
) -> Figure:
    worst = max(judged, key=lambda row: (row.baseline or 0.0) - row.variant)
    share, ends = effective(data.images, data.clusters) / data.images, []
    confidence = 1 - (1 - data.confidence) / len(judged)
    for row in judged:
        own = labels == row.class_index
        lost, gained = int((before & ~after)[own].sum()), int((after & ~before)[own].sum())
        ends.append(paired_difference(lost * share, gained * share, row.count * share, confidence))
    return Figure(
        name="class_recall_drop",
        value=(worst.baseline or 0.0) - worst.variant,
        interval=(max(low for low, _ in ends), max(high for _, high in ends)),
        text=f"greatest drop of a class's recall, of {len(judged):,} classes with {MIN_OF_CLASS} "
        f"images or more, is class {worst.class_index}'s on {worst.count:,} images: recall",
        images=data.images,
        method="Gaffke's bounds of paired differences, for all classes at once",
        baseline=worst.baseline,
        variant=worst.variant,
    )


def _heads(data: TaskData, heads: Sequence[int]) -> Figure:
    confidence, rates = 1 - (1 - data.confidence) / len(heads), []
    for head in heads:
        ours, theirs = (
            np.nan_to_num(side[head].rows[:, :], nan=-np.inf)
            for side in (data.baseline, data.variant)
        )
        same = _decided(ours) == _decided(theirs)
        ends = rate_interval(int(same.sum()), data.images, confidence, data.clusters)
        rates.append((float(same.mean()), ends, head))
    rate, _, head = min(rates)
    return Figure(
        name="head_agreement",
        value=rate,
        interval=(min(ends[0] for _, ends, _ in rates), min(ends[1] for _, ends, _ in rates)),
        text=f"lowest agreement of a further output, output {head} ({data.baseline[head].name!r}),",
        images=data.images,
        method="Clopper-Pearson, for all further outputs at once",
    )


def _decided(scores: npt.NDArray[np.float32]) -> Integers:
    """Return the class of each image, ``(n,)``; one sigmoid decides at a half."""
    if scores.shape[1] == 1:
        return (scores[:, 0] >= 0.5).astype(np.int64)
    classes: Integers = scores.argmax(axis=1)
    return classes
