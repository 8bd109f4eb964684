"""How far the outputs of two models differ, whatever they mean: one fit for each output.

Nothing is assumed about the meaning of an output. Its error is relative to how much the baseline's
output varies from image to image, so that a constant part, such as a detector's grid, can't hide
that a variant's output no longer depends on the image.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq.measure.clusters import Clusters, effective
from edgeq.measure.columns import MIN_FOR_ONE_VALUE, Columns
from edgeq.measure.repeats import same
from edgeq.measure.statistics import Interval, lowest, unbounded_mean

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

BLOCK = 1_000_000
"""Numbers of one model that are in memory at once."""

MAX_COLUMNS = 512
"""Maximum size of an axis whose positions count as columns; longer axes are cells or anchors."""

MAX_SHOWN = 64
"""Columns whose steps are listed one by one."""

MIN_STEPS = 4.0
"""A column that varies by fewer steps of the output's scale has lost its information."""

GAP = 4.0
"""Minimum factor by which every other column must vary more than lost ones. The rare classes of a
detector also vary by few steps of a scale that suits the others, but without such a gap."""

MIN_RANGE = 0.05
"""A column of the baseline that varies by less may be idle on these images, like the score of a
class that none of them shows."""

COPY_ERROR = 0.5
"""Relative error below which one output can be a quantized copy of another."""

ROUNDING = 1e-5
"""Relative variation that rounding alone may cause in a constant output, with room to spare."""

MAX_NUMBERS = 64
"""A vector of more values is an embedding, whose individual values mean nothing."""

MIN_FOR_DEAD = 8
"""Minimum number of images for a value that never changes to count as dead."""


class Rows(Protocol):
    """One row of numbers for each image: an array, or an object that reads rows from files."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of images and of numbers per image, ``(n, d)``."""

    def __getitem__(self, place: tuple[slice, slice], /) -> Floats:
        """Return some columns of some rows."""


@dataclass(frozen=True)
class Output:
    """The values of one output of a model.

    Attributes:
        shape: Shape of one image's values.
        rows: Values of all images, shape ``(n, d)``, d the product of ``shape``.
        step: Real size of one step of its scale; 0 if it is not quantized.
    """

    name: str
    shape: tuple[int, ...]
    rows: Rows
    step: float = 0.0

    def part(self, places: Sequence[int] | npt.NDArray[np.intp]) -> Output:
        """Return the values of some of the images, which are read at once."""
        whole = slice(None)
        chosen = [self.rows[slice(int(at), int(at) + 1), whole] for at in places]
        return replace(self, rows=np.concatenate(chosen))


class Steps(msgspec.Struct, frozen=True, kw_only=True):
    """How many steps of an output's scale the baseline's values span.

    Attributes:
        step: Real size of one step.
        whole: Steps that the range of the whole output spans.
        columns: Steps that each column's range along ``axis`` spans; empty if there are too many.
        axis: The axis of the output, without the batch, along which the columns lie; None if there
            are no columns.
        lost: Columns that vary by less than ``MIN_STEPS`` while every other one varies at least
            ``GAP`` times as much.
        widest_lost: The greatest range of a lost column in the baseline.
        widest: The greatest range of a column in the baseline.
    """

    step: float
    whole: float
    columns: tuple[float, ...] = ()
    axis: int | None = None
    lost: tuple[int, ...] = ()
    widest_lost: float = 0.0
    widest: float = 0.0


class Fit(msgspec.Struct, frozen=True, kw_only=True):
    """One output of a variant compared with the same output of its baseline.

    The error of an image is the norm of the difference, divided by the root mean square (over the
    images) of the norm of the baseline's deviation from its mean. If the baseline's output is the
    same for every image, it is divided by that output's norm instead.

    Attributes:
        output: Index of the output among those judged.
        name: Name of the output in the baseline.
        shape: Shape of one image's values.
        images: Number of images.
        confidence: Confidence level of the interval.
        nonfinite_images: Number of images on which the variant gives a NaN or an infinity.
        baseline_nonfinite_images: Number of images on which the baseline gives a NaN or an
            infinity.
        constant: Whether the variant gives the same output for every image.
        baseline_constant: Whether the baseline does.
        error: Mean error over the images that are finite in both; 0 is none. None if there are no
            such images, or if the baseline's output is all zeros.
        error_interval: Interval of ``error``, see ``statistics.unbounded_mean``; None for a single
            image.
        worst_error: The greatest error of an image; 0 is none.
        worst_error_image: Index of the image with the greatest error.
        worst_error_name: Its name, in a record; empty in those of earlier versions.
        cosine: Mean cosine of the two outputs, -1 to 1; 1 is the same direction. None under the
            same conditions as ``error``.
        worst_cosine: The lowest cosine of an image, -1 to 1.
        worst_cosine_image: Index of the image with the lowest cosine.
        worst_cosine_name: Its name, in a record; empty in those of earlier versions.
        lowest_cosines: The lowest cosines, as many as ``statistics.lowest`` returns; empty if there
            are none, and in records of earlier versions.
        dead_share: Share of the baseline's variance in values that are constant in the variant,
            although its scale could resolve them.
        lost: Columns along ``lost_axis`` that vary in the baseline and that the variant no longer
            follows.
        lost_axis: The axis of the output, without the batch; None if no column is lost.
        is_output: Index of the other baseline output that the variant gives in this one's place;
            None if there is none.
        steps: Steps that the baseline's values span; None if the variant's output is not quantized.
        clusters: Which images belong together; None if all are independent.
    """

    output: int
    name: str
    shape: tuple[int, ...]
    images: int
    confidence: float
    nonfinite_images: int
    baseline_nonfinite_images: int
    constant: bool
    baseline_constant: bool
    error: float | None = None
    error_interval: Interval | None = None
    worst_error: float | None = None
    worst_error_image: int | None = None
    worst_error_name: str = ""
    cosine: float | None = None
    worst_cosine: float | None = None
    worst_cosine_image: int | None = None
    worst_cosine_name: str = ""
    lowest_cosines: tuple[float, ...] = ()
    dead_share: float = 0.0
    lost: tuple[int, ...] = ()
    lost_axis: int | None = None
    is_output: int | None = None
    steps: Steps | None = None
    clusters: Clusters | None = None


def fits(
    baseline: Sequence[Output],
    variant: Sequence[Output],
    *,
    confidence: float = 0.95,
    clusters: Clusters | None = None,
) -> tuple[Fit, ...]:
    """Compare all outputs of a variant with those of its baseline, in their order.

    Raises:
        ValueError: As for ``fit``, or the numbers of outputs differ.
    """
    own_fits = [
        fit(ours, theirs, output=at, confidence=confidence, clusters=clusters)
        for at, (ours, theirs) in enumerate(zip(baseline, variant, strict=True))
    ]
    return tuple(
        own_fit
        if own_fit.error is not None and own_fit.error < COPY_ERROR
        else msgspec.structs.replace(own_fit, is_output=swapped(baseline, variant, own_fit.output))
        for own_fit in own_fits
    )


def fit(
    baseline: Output,
    variant: Output,
    *,
    output: int,
    confidence: float = 0.95,
    clusters: Clusters | None = None,
) -> Fit:
    """Compare one output of a variant with the baseline's on the same n images.

    Raises:
        ValueError: The numbers of images or values differ.
    """
    if baseline.rows.shape != variant.rows.shape:
        raise ValueError(f"{variant.rows.shape} can't be compared with {baseline.rows.shape}")
    count = baseline.rows.shape[0]
    ours, theirs = (_finite(side.rows) for side in (baseline, variant))
    sums = _Sums(baseline, variant.step, np.flatnonzero(ours & theirs))
    for columns in _blocks(baseline.rows):
        sums.add(columns, baseline.rows[:, columns], variant.rows[:, columns])
    axis, lost = sums.lost()
    fitted = Fit(
        output=output,
        name=baseline.name,
        shape=baseline.shape,
        images=count,
        confidence=confidence,
        nonfinite_images=int(count - theirs.sum()),
        baseline_nonfinite_images=int(count - ours.sum()),
        constant=count > 1 and bool(theirs.all()) and sums.constant,
        baseline_constant=count > 1 and bool(ours.all()) and sums.baseline_constant,
        dead_share=sums.dead_share,
        lost=lost,
        lost_axis=axis,
        steps=sums.steps() if variant.step else None,
        clusters=clusters,
    )
    errors, cosines = sums.errors(), sums.cosines()
    if errors is None:
        return fitted
    worst, least = int(errors.argmax()), int(cosines.argmin())
    worth = effective(errors.size, clusters)
    return msgspec.structs.replace(
        fitted,
        error=float(errors.mean()),
        error_interval=unbounded_mean(errors, confidence, worth=worth),
        worst_error=float(errors[worst]),
        worst_error_image=int(sums.usable[worst]),
        cosine=float(cosines.mean()),
        worst_cosine=float(cosines[least]),
        worst_cosine_image=int(sums.usable[least]),
        lowest_cosines=lowest(cosines, confidence, worth),
    )


def image_errors(baseline: Output, variant: Output) -> Doubles:
    """Return the error of each image as ``Fit`` defines it, shape ``(n,)``.

    Images that are not finite in both get NaN, and so do all images if the baseline's output is all
    zeros.

    Raises:
        ValueError: The numbers of images or values differ.
    """
    if baseline.rows.shape != variant.rows.shape:
        raise ValueError(f"{variant.rows.shape} can't be compared with {baseline.rows.shape}")
    errors = np.full(baseline.rows.shape[0], np.nan)
    usable = np.flatnonzero(_finite(baseline.rows) & _finite(variant.rows))
    if not usable.size:
        return errors
    apart, norms, varying = np.zeros(usable.size), np.zeros(usable.size), 0.0
    for columns in _blocks(baseline.rows):
        ours, theirs = (
            output.rows[:, columns][usable].astype(np.float64) for output in (baseline, variant)
        )
        apart += ((theirs - ours) ** 2).sum(axis=1)
        norms += (ours**2).sum(axis=1)
        varying += float(((ours - ours.mean(axis=0)) ** 2).sum())
    size = _divisor(varying, norms)
    if size > 0.0:
        errors[usable] = np.sqrt(apart) / size
    return errors


def relative_errors(baseline: Rows, variant: Rows) -> Doubles:
    """Return the norm of the difference divided by the baseline's norm for each image, ``(n,)``.

    Images for which the baseline's output is all zeros or either output is not finite get NaN.
    """
    squares = np.zeros((2, baseline.shape[0]))
    for columns in _blocks(baseline):
        ours, theirs = (array[:, columns].astype(np.float64) for array in (baseline, variant))
        squares += [((theirs - ours) ** 2).sum(axis=1), (ours**2).sum(axis=1)]
    apart, size = np.sqrt(squares)
    usable = np.isfinite(apart) & np.isfinite(size) & (size > 0)
    errors = np.full(size.shape, np.nan)
    np.divide(apart, size, out=errors, where=usable)
    return errors


def same_bits(first: Rows, second: Rows) -> bool:
    """Return whether two outputs are bitwise equal; NaN then equals NaN, and 0 differs from -0."""
    return first.shape == second.shape and all(
        same([first[:, columns]], [second[:, columns]]) for columns in _blocks(first)
    )


def swapped(baseline: Sequence[Output], variant: Sequence[Output], place: int) -> int | None:
    """Return which other output of the baseline a variant gives in an output's place.

    Returns:
        The index of the baseline's output that it matches as closely as a quantized output can;
        None if it matches none of the others.
    """
    distances = []
    for at, output in enumerate(baseline):
        if output.rows.shape == variant[place].rows.shape and math.prod(output.shape) > 1:
            errors = relative_errors(output.rows, variant[place].rows)
            known = errors[np.isfinite(errors)]
            distances.append((float(known.mean()) if known.size else math.inf, at))
    if not distances or all(at == place for _, at in distances):
        return None
    error, at = min(distances)
    own = next((distance for distance, which in distances if which == place), math.inf)
    return at if at != place and error < COPY_ERROR and error < own / 2 else None


class _Sums:
    """Running sums over blocks of columns."""

    def __init__(self, baseline: Output, step: float, usable: Integers) -> None:
        self.baseline, self.step, self.usable = baseline, step, usable
        self.constant = self.baseline_constant = True
        self._apart: Doubles = np.zeros(usable.size)
        self._norms: Doubles = np.zeros((3, usable.size))
        self._varying, self._dead = 0.0, 0.0
        self._least, self._greatest = math.inf, -math.inf
        self._low: dict[int, Doubles] = {}
        self._high: dict[int, Doubles] = {}
        self._columns: dict[int, Columns] = {}
        for axis in _axes(baseline.shape):
            size = baseline.shape[axis]
            self._low[axis] = np.full(size, np.inf)
            self._high[axis] = np.full(size, -np.inf)
            if len(baseline.shape) > 1:
                self._columns[axis] = Columns(size, usable.size)
            elif size <= MAX_NUMBERS:
                self._columns[axis] = Columns(size, usable.size, MIN_FOR_ONE_VALUE)

    @property
    def dead_share(self) -> float:
        """See ``Fit``."""
        few = self.usable.size < MIN_FOR_DEAD
        return 0.0 if few or not self._varying else self._dead / self._varying

    def add(self, columns: slice, baseline: Floats, variant: Floats) -> None:
        """Add some columns of all images."""
        self.baseline_constant = self.baseline_constant and bool((baseline == baseline[:1]).all())
        self.constant = self.constant and bool((variant == variant[:1]).all())
        if not self.usable.size:
            return
        ours, theirs = (array[self.usable].astype(np.float64) for array in (baseline, variant))
        low, high = ours.min(axis=0), ours.max(axis=0)
        centred = ours - ours.mean(axis=0)
        variances = (centred**2).sum(axis=0)
        self._varying += float(variances.sum())
        same = (theirs == theirs[:1]).all(axis=0) & (high - low >= MIN_STEPS * self.step)
        self._dead += float(variances[same].sum())
        self._apart += ((theirs - ours) ** 2).sum(axis=1)
        self._norms += [
            (ours**2).sum(axis=1),
            (theirs**2).sum(axis=1),
            (ours * theirs).sum(axis=1),
        ]
        self._least = min(self._least, float(low.min()))
        self._greatest = max(self._greatest, float(high.max()))
        places = np.arange(columns.start, columns.stop)
        for axis in self._low:
            which = self._along(axis, places)
            np.minimum.at(self._low[axis], which, low)
            np.maximum.at(self._high[axis], which, high)
        means = theirs.mean(axis=0)
        moved = theirs - means if self._columns else theirs
        for axis, columns_of_axis in self._columns.items():
            columns_of_axis.add(
                self._along(axis, places), centred, moved, means - ours.mean(axis=0)
            )

    def _along(self, axis: int, places: Integers) -> Integers:
        """Return the column along an axis that values lie in."""
        shape = self.baseline.shape
        return places // math.prod(shape[axis + 1 :]) % shape[axis]

    def lost(self) -> tuple[int | None, tuple[int, ...]]:
        """Return the axis along which columns are lost, and which; the axis with fewer, if two."""
        least = max(MIN_RANGE, MIN_STEPS * self.step)
        enough = self.usable.size >= MIN_FOR_DEAD
        lost_by_axis = [
            (axis, columns_of_axis.lost(least))
            for axis, columns_of_axis in self._columns.items()
            if enough
        ]
        lost_by_axis = [(axis, columns) for axis, columns in lost_by_axis if columns]
        return min(lost_by_axis, key=lambda pair: len(pair[1])) if lost_by_axis else (None, ())

    def errors(self) -> Doubles | None:
        """Return the error of each usable image; None if there is nothing to compare with."""
        size = _divisor(self._varying, self._norms[0])
        if size == 0.0:
            return None
        errors: Doubles = np.sqrt(self._apart) / size
        return errors

    def cosines(self) -> Doubles:
        """Return the cosine of each usable image; 0 if one side is zero."""
        ours, theirs, product = self._norms
        sizes = np.sqrt(ours * theirs)
        cosines = np.zeros(sizes.shape)
        np.divide(product, sizes, out=cosines, where=sizes > 0)
        np.clip(cosines, -1.0, 1.0, out=cosines)
        return cosines

    def steps(self) -> Steps:
        """Return how many steps the columns span."""
        whole = (self._greatest - self._least) / self.step if self.usable.size else 0.0
        candidates = [Steps(step=self.step, whole=round(whole, 3))]
        if self.usable.size:
            candidates += [self._steps_along(axis, candidates[0]) for axis in self._low]
        return max(
            candidates,
            key=lambda candidate: (
                bool(candidate.lost),
                -1 if candidate.axis is None else candidate.axis,
            ),
        )

    def _steps_along(self, axis: int, plain: Steps) -> Steps:
        ranges = self._high[axis] - self._low[axis]
        few = ranges < MIN_STEPS * self.step
        widest = float(ranges[few].max(initial=0.0))
        apart = not few.all() and float(ranges[~few].min()) >= GAP * widest
        lost = np.flatnonzero(few) if apart and widest >= MIN_RANGE else np.empty(0, np.int64)
        shown = ranges / self.step if ranges.size <= MAX_SHOWN else np.empty(0)
        return msgspec.structs.replace(
            plain,
            columns=tuple(float(f"{value:.3g}") for value in shown),
            axis=axis,
            lost=tuple(int(column) for column in lost),
            widest_lost=widest if lost.size else 0.0,
            widest=float(ranges.max()),
        )


def _divisor(varying: float, norms: Doubles) -> float:
    """Return what errors are divided by; 0 if there is nothing to compare with.

    Args:
        varying: Sum of the squared deviations of the baseline's output from its mean.
        norms: Squared norms of the baseline's output, one per image.
    """
    if not norms.size:
        return 0.0
    size, whole = math.sqrt(varying / norms.size), math.sqrt(float(norms.mean()))
    return size if size > ROUNDING * whole else whole


def _axes(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the axes that may have columns: the last one, and the first."""
    if len(shape) <= 1:
        return (0,) if shape and 1 < shape[0] <= MAX_COLUMNS else ()
    ends = dict.fromkeys((len(shape) - 1, 0))
    return tuple(axis for axis in ends if 1 < shape[axis] <= MAX_COLUMNS)


def _blocks(rows: Rows) -> Iterator[slice]:
    """Yield slices of columns whose values fit in memory."""
    count, width = rows.shape
    size = max(1, BLOCK // max(count, 1))
    for start in range(0, width, size):
        yield slice(start, min(start + size, width))


def _finite(rows: Rows) -> npt.NDArray[np.bool_]:
    finite = np.ones(rows.shape[0], np.bool_)
    for columns in _blocks(rows):
        finite &= np.isfinite(rows[:, columns]).all(axis=1)
    return finite
