"""The figures of a task: its own measures of a variant compared with its baseline.

A figure has the name of the gate that judges it. Figures of images that are independent of each
other are means; all others are computed again for resamples of the images. Where hardly any image
differs, an interval reaches as far as so many images can't rule out.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq.config.structs import TaskOptions
from edgeq.measure.average_precision import resampled, resampled_interval
from edgeq.measure.clusters import Clusters, effective, find_clusters
from edgeq.measure.statistics import Interval, bounded_mean, unbounded_mean, with_unseen
from edgeq.measure.tensors import Output

Doubles = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

RESAMPLES = 1000
WORST = 6
"""Images that are described: those on which variant and baseline differ most."""

THRESHOLD = 0.5
"""Probability from which a label applies, or a pixel is foreground, if the spec names none."""

GRID = 24
"""Most rows or columns of a map of differences."""

_VALUES = 500_000
"""Values of each model that ``TaskData.portions`` holds in memory at once."""

GAFFKE = "Gaffke's bounds"
RESAMPLED = f"{RESAMPLES:,} resamples of the images"


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One figure of a task.

    Attributes:
        name: Name of the gate that judges it.
        value: The value.
        interval: Confidence interval of the value; None if a single image can't tell.
        text: What the figure is about, as the beginning of a sentence that goes on with the value.
        images: Number of images that it is about.
        method: How the interval is computed.
        baseline, variant: The figure of each model, if it is the difference of two; else None.
    """

    name: str
    value: float
    interval: Interval | None
    text: str
    images: int
    method: str = GAFFKE
    baseline: float | None = None
    variant: float | None = None


class ClassFigure(msgspec.Struct, frozen=True, kw_only=True):
    """A figure of one class.

    Attributes:
        class_index: The class.
        count: How often the class occurs, in the unit that the task counts.
        variant: The variant's figure.
        baseline: The baseline's figure; None if the variant's is a comparison with the baseline.
    """

    class_index: int
    count: int
    variant: float
    baseline: float | None = None


class UnlikeSample(msgspec.Struct, frozen=True, kw_only=True):
    """An image on which variant and baseline differ much.

    Attributes:
        image: Index in the evaluation set.
        text: How they differ, as a clause.
        rows, columns: Size of the map of differences; 0 if the output is not a map.
        map: One digit for each cell, row by row: the share of the cell that differs, in ninths.
    """

    image: int
    text: str
    rows: int = 0
    columns: int = 0
    map: str = ""


class OutputReading(msgspec.Struct, frozen=True, kw_only=True):
    """How a task reads the values of the output that it judges, as the baseline's values show.

    Attributes:
        values: What they are: ``"probabilities"``, ``"logits"``, ``"scores"`` of several channels,
            class ``"indices"``, a ``"picture"``, ``"points"``, a ``"vector"`` or plain
            ``"numbers"``.
        threshold: Value from which a label, or the foreground of a map of one channel, applies.
        range: The values of black and white of a picture.
        values_per_point: Values of one point, the first two its place.
        relative: Whether places of points are relative to the input, from 0 to 1, rather than in
            its pixels.
    """

    values: str
    threshold: float | None = None
    range: tuple[float, float] | None = None
    values_per_point: int | None = None
    relative: bool | None = None


class TaskFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of a task for one variant.

    Attributes:
        images: Number of images.
        confidence: Confidence level of the intervals.
        figures: The figures.
        absent: Why a figure can't be computed, by its name.
        class_measure: Name of the figure of each class; empty if the task has none.
        class_unit: What ``ClassFigure.count`` counts, as a plural noun.
        classes: The figures of the classes.
        unlike: The images on which variant and baseline differ most.
        doubt: Why the baseline's predictions prove nothing; empty if they prove something.
        doubt_step: What to do about the doubt.
        clusters: Which images belong together; None if all are independent.
        reading: How the values of the judged output are read; None if the task does not say.
    """

    images: int
    confidence: float
    figures: tuple[Figure, ...]
    absent: dict[str, str] = {}
    class_measure: str = ""
    class_unit: str = "images"
    classes: tuple[ClassFigure, ...] = ()
    unlike: tuple[UnlikeSample, ...] = ()
    doubt: str = ""
    doubt_step: str = ""
    clusters: Clusters | None = None
    reading: OutputReading | None = None

    def get(self, name: str) -> Figure | None:
        """Return the figure with a name; None if it could not be computed."""
        return next((figure for figure in self.figures if figure.name == name), None)


@dataclass(frozen=True, eq=False)
class TaskData:
    """What the measures of a task look at: the outputs of both models on the same images.

    Attributes:
        baseline: The baseline's outputs, in its order.
        variant: The variant's outputs, as many and of the same shapes.
        output: Index of the output that the task judges.
        groups: What each image shares with others of the same photograph.
        labels: The label of each image as an array whose meaning the task knows; None if there are
            none.
        options: The numbers that the spec sets.
        confidence: Confidence level of the intervals, in (0, 1).
    """

    baseline: Sequence[Output]
    variant: Sequence[Output]
    output: int
    groups: Sequence[Hashable]
    labels: Sequence[npt.NDArray[np.generic]] | None = None
    options: TaskOptions = field(default_factory=TaskOptions)
    confidence: float = 0.95

    @property
    def images(self) -> int:
        """Number of images."""
        return len(self.groups)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one image's values of the judged output."""
        return self.baseline[self.output].shape

    @property
    def threshold(self) -> float:
        """Probability from which a label applies, or a pixel is foreground."""
        return THRESHOLD if self.options.threshold is None else self.options.threshold

    @property
    def clusters(self) -> Clusters | None:
        """Which images belong together."""
        return find_clusters(self.groups)

    def pair(self, image: int) -> tuple[Doubles, Doubles]:
        """Return what baseline and variant give for an image in the judged output."""
        ours, theirs = self._values(slice(image, image + 1))
        return ours.reshape(self.shape), theirs.reshape(self.shape)

    def portions(self) -> Iterator[tuple[slice, Doubles, Doubles]]:
        """Yield some images at a time with what baseline and variant give, ``(m, d)`` each.

        At most ``_VALUES`` values of a model are in memory, whatever the number of images.
        """
        step = max(1, _VALUES // max(int(np.prod(self.shape)), 1))
        for start in range(0, self.images, step):
            rows = slice(start, min(start + step, self.images))
            yield rows, *self._values(rows)

    def whole(self) -> tuple[Doubles, Doubles]:
        """Return what baseline and variant give for all images, ``(n, d)``; for short outputs."""
        return self._values(slice(None))

    def _values(self, rows: slice) -> tuple[Doubles, Doubles]:
        ours, theirs = (
            side[self.output].rows[rows, :].astype(np.float64)
            for side in (self.baseline, self.variant)
        )
        return ours, theirs

    def mean(self, name: str, values: npt.ArrayLike, text: str, *, bounded: bool = True) -> Figure:
        """Return the mean of one value for each image, or for some of the images.

        Args:
            name: Name of the figure.
            values: The values, shape ``(m,)``: in [0, 1], or not negative if not ``bounded``.
            text: What the figure is about.
            bounded: Whether the values lie in [0, 1].
        """
        numbers = np.asarray(values, np.float64)
        worth = max(self._share * numbers.size, 1.0)
        ends = (bounded_mean if bounded else unbounded_mean)(numbers, self.confidence, worth=worth)
        return Figure(
            name=name,
            value=float(numbers.mean()),
            interval=ends,
            text=text,
            images=numbers.size,
        )

    def resampled(
        self, name: str, statistic: Callable[[Doubles], Doubles], text: str, *, best: float
    ) -> Figure:
        """Return a figure of all images together, with its interval by resampling them.

        Args:
            name: Name of the figure.
            statistic: Function of the weights of the images, ``(b, n)``, that returns the figure
                for each row of weights, ``(b,)``. An image with the weight 2 counts twice.
            text: What the figure is about.
            best: The figure if both models give the same on every image; the worst is 0.
        """
        value = float(statistic(np.ones((1, self.images)))[0])
        ends = self._ends(statistic, value, alike=best, extent=best)
        return Figure(
            name=name,
            value=value,
            interval=None if ends is None else (max(ends[0], 0.0), min(ends[1], best)),
            text=text,
            images=self.images,
            method=RESAMPLED,
        )

    def drop(
        self,
        name: str,
        baseline: Callable[[Doubles], Doubles],
        variant: Callable[[Doubles], Doubles],
        text: str,
        *,
        rise: bool = False,
    ) -> Figure:
        """Return the baseline's figure minus the variant's, with its interval by resampling.

        Args:
            name: Name of the figure.
            baseline: Function as in ``resampled`` for the baseline.
            variant: The same for the variant.
            text: What the figure is about.
            rise: Whether it is the variant's figure minus the baseline's instead.
        """
        sign = -1.0 if rise else 1.0
        unweighted = np.ones((1, self.images))
        before, after = float(baseline(unweighted)[0]), float(variant(unweighted)[0])

        def difference(weights: Doubles) -> Doubles:
            return sign * (baseline(weights) - variant(weights))

        value = sign * (before - after)
        # A figure can't lose more than it is, and errors are shares of what is measured.
        extent = 1.0 if rise else max(abs(before), abs(after))
        return Figure(
            name=name,
            value=value,
            interval=self._ends(difference, value, alike=0.0, extent=extent),
            text=text,
            images=self.images,
            method=RESAMPLED,
            baseline=before,
            variant=after,
        )

    def figures(self, *figures: Figure, **more: object) -> TaskFigures:
        """Return figures with what all figures of these images share; ``more`` are other fields."""
        shared: dict[str, object] = {
            "images": self.images,
            "confidence": self.confidence,
            "clusters": self.clusters,
        }
        return TaskFigures(figures=figures, **shared, **more)  # type: ignore[arg-type]

    @property
    def _share(self) -> float:
        return effective(self.images, self.clusters) / self.images

    def _ends(
        self,
        statistic: Callable[[Doubles], Doubles],
        value: float,
        *,
        alike: float,
        extent: float,
    ) -> Interval | None:
        worth = effective(self.images, self.clusters)
        if worth < 2:  # one image has no spread
            return None
        samples = statistic(resampled(self.groups, RESAMPLES))
        return with_unseen(
            resampled_interval(samples, value, self.confidence, worth),
            samples,
            alike=alike,
            extent=extent,
            confidence=self.confidence,
            worth=worth,
        )


def weighted_mean(values: Doubles, weights: Doubles) -> Doubles:
    """Return the mean of the images' values, ``(n,)``, for each row of weights, ``(b,)``."""
    mean: Doubles = weights @ values / weights.sum(axis=1)
    return mean


def doubt(applies: bool, why: str, step: str) -> dict[str, str]:
    """Return the doubt about a baseline as fields of ``TaskFigures``; none if it does not apply."""
    return {"doubt": why, "doubt_step": step} if applies else {}


class WorstMaps:
    """Maps of differences of the images that differ most so far, as many as are described.

    Attributes:
        differences: How much each image differs, shape ``(n,)``; 0 for those without a map.
    """

    def __init__(self, images: int) -> None:
        self.differences: Doubles = np.zeros(images)
        self._maps: dict[int, tuple[int, int, str]] = {}

    def add(self, image: int, difference: float, different: Doubles) -> None:
        """Add an image that differs, with what ``difference_map`` takes."""
        self.differences[image] = difference
        self._maps[image] = difference_map(different)
        for at in sorted(self._maps, key=lambda which: -self.differences[which])[WORST:]:
            del self._maps[at]

    def described(self, text: Callable[[int], str]) -> tuple[UnlikeSample, ...]:
        """Return the images that differ most, given how they differ as a clause."""
        return tuple(
            UnlikeSample(image=at, text=text(at), rows=rows, columns=columns, map=cells)
            for at in worst(self.differences).tolist()
            for rows, columns, cells in [self._maps[at]]
        )


def worst(differences: Doubles) -> Integers:
    """Return the images with the greatest differences, the worst first, without those at 0."""
    order = np.argsort(-differences, kind="stable")[:WORST]
    return order[differences[order] > 0]


def difference_map(different: Doubles) -> tuple[int, int, str]:
    """Return a coarse map of where two outputs differ: rows, columns and digits.

    Args:
        different: How much each pixel differs, from 0 to 1, shape ``(h, w)``.
    """
    scale = min(1.0, GRID / max(different.shape))
    rows, columns = (max(1, round(side * scale)) for side in different.shape)
    down = np.arange(different.shape[0]) * rows // different.shape[0]
    across = np.arange(different.shape[1]) * columns // different.shape[1]
    cells = (down[:, None] * columns + across[None, :]).ravel()
    sums = np.bincount(cells, different.ravel(), rows * columns)
    shares = sums / np.bincount(cells, minlength=rows * columns)
    digits = np.clip(np.ceil(9 * shares), 0, 9).astype(np.int64)
    return rows, columns, "".join(map(str, digits))
