"""Measures of keypoints and of values: distances, as shares of a natural size."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

import msgspec
import numpy as np

from edgeq.measure.figures import (
    Doubles,
    OutputReading,
    TaskData,
    TaskFigures,
    UnlikeSample,
    weighted_mean,
    worst,
)

VALUES_PER_POINT = 2
"""Values of a point if the spec names no number: its place."""


_RELATIVE = 4.0
"""Greatest coordinate of points relative to the input, of which some may lie outside; an input of
few pixels is not meant."""

_FARTHEST = 1e6
"""What a distance that is not finite counts as."""


def measure_points(data: TaskData) -> TaskFigures:
    """Return the figures of keypoints.

    - ``point_error``: the mean over images of the mean distance between the two models' points,
      divided by the diagonal of the box around the baseline's points.
    - ``point_error_rise``: with labels, the variant's mean distance from the labelled points, by
      the diagonal of the box around these, minus the baseline's.

    Source of the normalization by the box: Bulat and Tzimiropoulos, ICCV 2017, section 3.

    Args:
        data: Both models' points, one after the other, each of ``values_per_point`` values that
            begin with its place; a label has the same values.

    Raises:
        ValueError: The output is not made of points of so many values, or a label of other ones.
    """
    each = data.options.values_per_point or VALUES_PER_POINT
    count = int(np.prod(data.shape))
    if count % each:
        raise ValueError(
            f"{count} values are not points of {each}: set `task_options.values_per_point`"
        )
    text = f"mean distance of {count // each} points, by the diagonal of their box,"
    greatest = max(float(np.abs(_places(ours, each)).max()) for _, ours, _ in data.portions())
    reading = OutputReading(values="points", values_per_point=each, relative=greatest <= _RELATIVE)
    read = partial(_places, each=each)
    figures = _figures(data, "point", text, read, (_distances, _distances))
    return msgspec.structs.replace(figures, reading=reading)


def measure_values(data: TaskData) -> TaskFigures:
    """Return the figures of a regression.

    - ``value_error``: the mean over images of the mean distance between the two models' values,
      each divided by its standard deviation over the baseline's images.
    - ``value_error_rise``: with labels, the variant's mean distance from them minus the baseline's,
      divided by the standard deviations of the labels.

    Args:
        data: Both models' values; a label has as many.

    Raises:
        ValueError: A label has another number of values.
    """
    text = "mean distance of the values, in their standard deviations,"
    reading = OutputReading(values="numbers")
    spreads = (
        _spread(lambda: (ours for _, ours, _ in data.portions())),
        _spread(lambda: (_labels(data, rows) for rows, _, _ in data.portions())),
    )
    distances = tuple(partial(_deviations, spread=spread) for spread in spreads)
    figures = _figures(data, "value", text, lambda values: values, distances)
    return msgspec.structs.replace(figures, reading=reading)


def _figures(
    data: TaskData,
    noun: str,
    text: str,
    read: Callable[[Doubles], Doubles],
    distances: tuple[Callable[[Doubles, Doubles], Doubles], ...],
) -> TaskFigures:
    """Return the figures, given the distances from the baseline and from the labels."""
    errors, before, after = np.zeros((3, data.images))
    for rows, *sides in data.portions():
        ours, theirs = (read(side) for side in sides)
        errors[rows] = distances[0](theirs, ours)
        if data.labels is not None:
            labels = read(_labels(data, rows))
            before[rows], after[rows] = (distances[1](side, labels) for side in (ours, theirs))
    figures = [data.mean(f"{noun}_error", errors, f"{text} from the baseline's", bounded=False)]
    if data.labels is not None:
        figures.append(
            data.drop(
                f"{noun}_error_rise",
                partial(weighted_mean, before),
                partial(weighted_mean, after),
                f"{text} from the labels",
                rise=True,
            )
        )
    return data.figures(
        *figures,
        unlike=tuple(
            UnlikeSample(image=int(at), text=f"distance {errors[at]:.3f}") for at in worst(errors)
        ),
    )


def _labels(data: TaskData, rows: slice) -> Doubles:
    """Return the labels of some images, shape ``(m, d)``; none without labels."""
    count = int(np.prod(data.shape))
    some = [] if data.labels is None else data.labels[rows]
    labels = np.array([np.asarray(label, np.float64).ravel() for label in some])
    if len(labels) and labels.shape[1] != count:
        raise ValueError(f"the labels have {labels.shape[1]} values, the output has {count}")
    return labels


def _places(values: Doubles, each: int) -> Doubles:
    """Return the places of the points of each image, shape ``(n, points, 2)``."""
    places: Doubles = values.reshape(len(values), -1, each)[:, :, :2]
    return places


def _distances(points: Doubles, others: Doubles) -> Doubles:
    """Return the mean distance of points, by the diagonal of the others' box, shape ``(n,)``."""
    sides = others.max(axis=1) - others.min(axis=1)
    diagonal = np.sqrt((sides**2).sum(axis=1))
    apart = np.nan_to_num(np.sqrt(((points - others) ** 2).sum(axis=2)), nan=np.inf).mean(axis=1)
    return _divided(apart, diagonal)


def _deviations(values: Doubles, others: Doubles, *, spread: Doubles) -> Doubles:
    """Return the mean distance of values in standard deviations, shape ``(n,)``."""
    apart = np.nan_to_num(np.abs(values - others), nan=np.inf)
    error: Doubles = _divided(apart, np.broadcast_to(spread, apart.shape)).mean(axis=1)
    return error


def _spread(portions: Callable[[], Iterable[Doubles]]) -> Doubles:
    """Return the standard deviation of each column of rows that come in portions, ``(d,)``."""
    parts = [(len(rows), rows.sum(axis=0)) for rows in portions() if len(rows)]
    if not parts:
        return np.zeros(0)
    count = sum(length for length, _ in parts)
    mean = sum(total for _, total in parts) / count
    squares = sum(np.square(rows - mean).sum(axis=0) for rows in portions())
    return np.asarray(np.sqrt(squares / count))


def _divided(apart: Doubles, size: Doubles) -> Doubles:
    """Return distances by a size; a distance without a size, of what never varies, counts as 1."""
    known = size > 0
    result: Doubles = np.divide(apart, size, out=(apart > 0).astype(np.float64), where=known)
    return np.minimum(result, _FARTHEST)
