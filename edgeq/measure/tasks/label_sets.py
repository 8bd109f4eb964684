"""Measures of multi-label classification: the sets of labels that apply to an image."""

from __future__ import annotations

from functools import partial

import numpy as np
import numpy.typing as npt

from edgeq.measure.figures import (
    ClassFigure,
    Doubles,
    OutputReading,
    TaskData,
    TaskFigures,
    UnlikeSample,
    doubt,
    worst,
)

Booleans = npt.NDArray[np.bool_]


def measure(data: TaskData) -> TaskFigures:
    """Return the figures of multi-label classification.

    - ``label_overlap``: the mean over images of the labels that both models give, divided by those
      that at least one of them gives (Jaccard's index), on images to which one gives a label.
    - ``f1_drop``: with labels, the baseline's F1 minus the variant's, over all labels and images
      together (micro-averaged).

    Args:
        data: Both models' probabilities; a label is 1 for each class that applies, else 0.
    """
    threshold = data.threshold
    ours, theirs = np.zeros((2, data.images, int(np.prod(data.shape))), np.bool_)
    for rows, *sides in data.portions():
        ours[rows], theirs[rows] = (np.nan_to_num(values) >= threshold for values in sides)
    both, either = (ours & theirs).sum(axis=1), (ours | theirs).sum(axis=1)
    some = either > 0
    figures, absent = [], dict[str, str]()
    if some.any():
        labels = f"{int(ours.sum()):,} labels of the baseline and {int(theirs.sum()):,} of its own"
        figures.append(
            data.mean(
                "label_overlap",
                both[some] / either[some],
                f"{labels} at a probability of {threshold:g} or more; mean overlap",
            )
        )
    else:
        absent["label_overlap"] = f"no label has a probability of {threshold:g} or more"
    truth = None
    if data.labels is not None:
        truth = np.stack([np.asarray(label) > 0 for label in data.labels])
        if truth.shape != ours.shape:
            raise ValueError(f"labels of {truth.shape[1]} classes, outputs of {ours.shape[1]}")
        before, after = (partial(_f1, *_counts(side, truth)) for side in (ours, theirs))
        figures.append(data.drop("f1_drop", before, after, "F1 over all labels"))
    return data.figures(
        *figures,
        reading=OutputReading(values="probabilities", threshold=threshold),
        absent=absent,
        class_measure="F1" if truth is not None else "F1 against the baseline's labels",
        classes=_classes(ours, theirs, truth),
        unlike=tuple(
            UnlikeSample(
                image=int(at),
                text="; ".join(
                    f"{who} only: {', '.join(map(str, np.flatnonzero(labels)[:6]))}"
                    for who, labels in (
                        ("baseline", ours[at] & ~theirs[at]),
                        ("variant", theirs[at] & ~ours[at]),
                    )
                    if labels.any()
                ),
            )
            for at in worst((either - both).astype(np.float64))
        ),
        **doubt(
            not ours.any(),
            f"the baseline gives no label a probability of {threshold:g} or more on any image",
            "Check the baseline's preprocessing, and set `task_options.threshold`",
        ),
    )


def _counts(given: Booleans, truth: Booleans) -> tuple[Doubles, Doubles]:
    """Return, by image, the labels given rightly and all labels given or true, ``(n,)`` each."""
    right = (given & truth).sum(axis=1).astype(np.float64)
    every = (given.sum(axis=1) + truth.sum(axis=1)).astype(np.float64)
    return right, every


def _f1(right: Doubles, every: Doubles, weights: Doubles) -> Doubles:
    score: Doubles = 2 * (weights @ right) / np.maximum(weights @ every, 1)
    return score


def _classes(ours: Booleans, theirs: Booleans, truth: Booleans | None) -> tuple[ClassFigure, ...]:
    labels = ours if truth is None else truth

    def scores(given: Booleans) -> Doubles:
        right = (given & labels).sum(axis=0)
        score: Doubles = 2 * right / np.maximum(given.sum(axis=0) + labels.sum(axis=0), 1)
        return score

    after, before = scores(theirs), scores(ours)
    return tuple(
        ClassFigure(
            class_index=int(at),
            count=int(labels[:, at].sum()),
            variant=float(after[at]),
            baseline=None if truth is None else float(before[at]),
        )
        for at in np.flatnonzero(labels.any(axis=0))
    )
