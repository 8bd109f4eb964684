"""How well a variant's activation ranges fit the values that its baseline computes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq.measure.scales import SYMMETRIC, Doubles, Scale, fitting
from edgeq.measure.statistics import Interval

Place = Literal["input", "inner", "last"]

MIN_ERROR = 0.01
"""Error of a tensor below which another range gains nothing: about that of 6 bits."""

TIMES = 1.6
"""A range is suspicious if its error is more than this many times that of the best range."""

PERCENTILE = 90.0
"""Percentile of the samples' smallest and largest values that sets the ends of a range. edgeq's own
int8 calibration uses it: it has half the error of the whole range on EfficientNetV2-B0
(``benchmarks/engines.md``)."""

LARGEST = 3e38
"""Greater values stand for infinity."""

GROSS = 4.0
"""Loss of a range, here two bits, that differences in calibration hardly explain."""

LEFT, LEFT_OF_ONE, LEFT_OF_GROSS = 0.5, 0.45, 0.78
"""Maximum share of an output's error that may remain after ranges were corrected, if ranges are to
be the cause: for several, for one alone, and for a gross one alone. Good files keep at least 0.59,
0.55 and 0.83 of theirs (``benchmarks/ranges.md``)."""

LEFT_OF_CLIPPING, CAUSED_BY_CLIPPING = 0.8, 0.06
"""Greatest end of the interval of what remains after a gross range that clips was corrected alone,
and the least error that it must cause, if it is to be the cause. Good files whose calibration clips
on purpose, by percentiles or averages of extremes, have ends of at least 0.93, and errors of at
most 0.041 are caused so (``benchmarks/ranges.md``)."""

LEFT_OF_GROSS_BOXES = 0.6
"""The same for a gross one alone, of the error of boxes: few boxes lie on so few samples, and of a
good file of FastestDet chance left 0.77."""

MAX_SAMPLES = 0.75
"""Minimum share of the samples that the correction must bring nearer to the baseline. Probabilities
of two classes have most of their error on one or two samples near the decision, where chance may
remove it; wrong ranges show on nearly all."""

MIN_CAUSED = 0.1
"""Minimum error of an output that ranges must cause. Quantization to int8 itself costs that much of
the logits, a cosine of 0.995; the ranges of MLPerf Tiny's person detector cause 0.06."""

REGAINED = 4
"""Samples that must regain the baseline's class, whatever the error: a saturated output has a small
error, but its best classes tie. MLPerf Tiny's ResNet8 regains 3 of 8 on photographs that it was not
made for."""

MAX_STEPS = 1.0
"""Steps by which a misread bias may move its layer's output; rounding alone moves it by half."""

STALE = 1e-3
"""Relative difference allowed between a bias's steps and its layer's: scales are rounded to
float32."""


class RangeFit(msgspec.Struct, frozen=True, kw_only=True):
    """How well one activation's range fits the values that the baseline computes there.

    Errors are root mean squares of the changes by rounding and clipping, divided by the standard
    deviation of the values.

    Attributes:
        name: Name of the tensor, for messages.
        tensor: Index of the tensor in the variant's file.
        place: Whether it is the model's input, the output of a layer that no other follows, or
            neither.
        scale: How the file stores it.
        values: Smallest and largest value that the baseline computes on the fitted samples.
        clipped: Share of the values that lie outside the range by more than a step.
        error: The error that the file's range causes.
        fitting: The range that calibration on these samples gives.
        best: The error that ``fitting`` causes.
    """

    name: str
    tensor: int
    place: Place
    scale: Scale
    values: tuple[float, float]
    clipped: float
    error: float
    fitting: Scale
    best: float

    @property
    def gross(self) -> bool:
        """Whether it loses more than calibration on other samples is likely to explain."""
        return self.suspicious and self.loss >= GROSS

    @property
    def suspicious(self) -> bool:
        """Whether another range would be much better."""
        return self.error > max(MIN_ERROR, TIMES * self.best)

    @property
    def clips(self) -> bool:
        """Whether it leaves out a part of the baseline's values."""
        return self.clipped > 0 and self.covered < 1

    @property
    def loss(self) -> float:
        """The error divided by that of the best range."""
        return self.error / max(self.best, MIN_ERROR / 100)

    @property
    def covered(self) -> float:
        """Share of the span of the baseline's values that the file's range covers."""
        span = self.values[1] - self.values[0]
        low, high = self.scale.range
        overlap = min(high, self.values[1]) - max(low, self.values[0])
        return 1.0 if span <= 0 else max(0.0, overlap) / span

    @property
    def width(self) -> float:
        """Width of the file's range divided by that of a range that just holds the values."""
        needed = fitting(*self.values, self.scale.dtype).range
        low, high = self.scale.range
        return (high - low) / (needed[1] - needed[0])


class StaleBias(msgspec.Struct, frozen=True, kw_only=True):
    """A bias whose scale does not match its layer's input and weights.

    The runtime reads a bias as multiples of the input's scale times the weights' scales, whatever
    the bias's own scale is. If the two differ, one of the scales was changed after quantization.

    Attributes:
        layer: The layer's name, for messages.
        input: Name of the activation that the layer takes.
        tensor: Index of that activation.
        factor: Factor by which the runtime overestimates the bias, in the worst channel.
        steps: How far that moves the layer's output, in steps of the output's scale.
    """

    layer: str
    input: str
    tensor: int
    factor: float
    steps: float

    @property
    def matters(self) -> bool:
        """Whether it moves an output by more than rounding may do."""
        return self.steps > MAX_STEPS


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """An experiment: some ranges of the file corrected to fit the baseline's values.

    Attributes:
        tensors: Names of the activations whose range was corrected, the greatest loss first.
        gross: Whether all of these ranges are gross.
        of_boxes: Whether errors are those of a detector's boxes rather than those of outputs.
        agreeing: Samples with the baseline's class, before and after; None without classes.
        before: Error of each compared output before the correction; see ``spread_errors``. A
            detector has one, that of its boxes; see ``box_errors``. None if it is not finite or
            the variant does not run.
        after: Error of each compared output after the correction.
        nearer: Share of the samples of which the correction brings the output nearer to the
            baseline's, for each compared output.
        drift: Mean total variation distance of the class probabilities from the baseline's, before
            and after; None without classes, or if the variant does not run.
        left: Interval of the share of the mean error that remains, paired by sample; None unless
            a gross range that clips was corrected alone to see that.
        samples: Number of samples of this trial; None if it is that of the others.
    """

    tensors: tuple[str, ...]
    gross: bool
    of_boxes: bool = False
    agreeing: tuple[int, int] | None
    before: tuple[float | None, ...]
    after: tuple[float | None, ...]
    nearer: tuple[float, ...]
    drift: tuple[float, float] | None = None
    left: Interval | None = None
    samples: int | None = None

    @property
    def output(self) -> int:
        """The output that gains most."""
        return int(np.argmax([self._gain(at) for at in range(len(self.before))]))

    @property
    def caused(self) -> float:
        """The error that the file's ranges alone cause, as the squares of errors add up."""
        return float(np.sqrt(self._gain(self.output))) if self.before else 0.0

    @property
    def recovers(self) -> bool:
        """Whether the correction removes much of an output's error, or restores classes."""
        if self.left is not None:
            return self.caused >= CAUSED_BY_CLIPPING and self.left[1] <= LEFT_OF_CLIPPING
        if len(self.tensors) > 1:
            return self._leaves(LEFT)
        gross = LEFT_OF_GROSS_BOXES if self.of_boxes else LEFT_OF_GROSS
        return self._leaves(gross if self.gross else LEFT_OF_ONE)

    @property
    def promises(self) -> bool:
        """Whether one of its ranges may recover, even if all of them together do not."""
        return self._leaves(LEFT_OF_GROSS) or self.calms

    @property
    def calms(self) -> bool:
        """Whether the correction removes much of what the probabilities differ by.

        Logits of which only the largest are clipped have a small error, but other probabilities.
        """
        return self.drift is not None and self.drift[1] <= LEFT * self.drift[0]

    @property
    def halves(self) -> bool:
        """Whether the correction removes at least half of an output's error, on any samples."""
        before, after = self.before[self.output], self.after[self.output]
        if before is None or after is None or self.caused < MIN_CAUSED:
            return False
        return after <= LEFT * before

    def _leaves(self, share: float) -> bool:
        """Return whether at most a share of an output's error is left, or classes are restored."""
        if self.caused < MIN_CAUSED:
            return False
        before, after = self.before[self.output], self.after[self.output]
        if before is None or after is None:
            return after is not None
        if after <= share * before and self.nearer[self.output] >= MAX_SAMPLES:
            return True
        return self.agreeing is not None and self.agreeing[1] >= self.agreeing[0] + REGAINED

    def _gain(self, at: int) -> float:
        """Return by how much the square of an output's error falls."""
        before, after = self.before[at], self.after[at]
        if after is None:
            return 0.0
        return float("inf") if before is None else max(before**2 - after**2, 0.0)


class Ranges(msgspec.Struct, frozen=True, kw_only=True):
    """What the activation ranges of a variant cost.

    Attributes:
        samples: Number of samples that the experiments were judged on.
        fitted: Number of other samples that showed what ranges should hold.
        activations: Number of activations that the file stores with a fixed scale.
        groups: Number of groups of activations that share a scale and are corrected together.
        runs: Whether the variant runs without a correction.
        unmatched: Names of activations without a known counterpart in the baseline.
        suspicious: Suspicious ranges, the greatest loss first.
        trials: Experiments with corrected ranges.
        problems: Why ranges could not be corrected.
        stale: Biases whose scale does not match their layer's, worst first.
        recounted: The experiment of rescaling these biases to their layers' steps.
    """

    samples: int
    fitted: int
    activations: int
    groups: int
    runs: bool = True
    unmatched: tuple[str, ...]
    suspicious: tuple[RangeFit, ...]
    trials: tuple[Trial, ...]
    problems: tuple[str, ...]
    stale: tuple[StaleBias, ...]
    recounted: Trial | None = None


class Need(NamedTuple):
    """The values that a range must hold: a smallest and a largest value, twice.

    Attributes:
        most: Ends without the most extreme samples, as in edgeq's own int8 calibration.
        whole: Ends over all samples.
    """

    most: tuple[float, float]
    whole: tuple[float, float]


def need(values: Doubles) -> Need | None:
    """Return what a range must hold of values; None if none of them is finite.

    Args:
        values: Values that the baseline computes, shape ``(n, 2 + m)``: for each sample the
            smallest and the largest value of the tensor, then m others.
    """
    finite = np.where(np.abs(values) < LARGEST, values, np.nan)
    finite = finite[~np.isnan(finite).all(axis=1)]
    if not finite.size:
        return None
    least, greatest = np.nanmin(finite, axis=1), np.nanmax(finite, axis=1)
    low = float(np.percentile(least, 100.0 - PERCENTILE))
    high = float(np.percentile(greatest, PERCENTILE))
    return Need((low, high), (float(least.min()), float(greatest.max())))


def needed_by_all(needs: Sequence[Need]) -> Need:
    """Return what a range that several tensors share must hold.

    Args:
        needs: What each tensor needs, at least one.
    """

    def widest(ranges: Sequence[tuple[float, float]]) -> tuple[float, float]:
        return min(ends[0] for ends in ranges), max(ends[1] for ends in ranges)

    return Need(widest([span.most for span in needs]), widest([span.whole for span in needs]))


def range_fit(
    values: Doubles,
    scale: Scale,
    needed: Need,
    *,
    name: str,
    tensor: int,
    place: Place = "inner",
) -> RangeFit:
    """Return how well a range fits values, which are as in ``need``; some must be finite."""
    # Graphs pad the input of a maximum with the lowest number; a range need not hold that.
    values = values[np.abs(values) < LARGEST]
    spread = float(values.std()) or float(np.abs(values).max()) or 1.0
    low, high = scale.range
    whole, most = (fitting(*ends, scale.dtype) for ends in (needed.whole, needed.most))
    if scale.dtype in SYMMETRIC:
        choices = [whole]
    elif low <= whole.range[0] + whole.step and high >= whole.range[1] - whole.step:
        choices = [whole, most]  # it clips nothing, but may waste steps
    else:
        choices = [most]
    best = min(choices, key=lambda choice: _distance(choice.quantized(values), values))
    return RangeFit(
        name=name,
        tensor=tensor,
        place=place,
        scale=scale,
        values=(float(values.min()), float(values.max())),
        clipped=float(((values < low - scale.step) | (values > high + scale.step)).mean()),
        error=_distance(scale.quantized(values), values) / spread,
        fitting=best,
        best=_distance(best.quantized(values), values) / spread,
    )


def spread_errors(
    baseline: Sequence[npt.NDArray[np.floating]], variant: Sequence[npt.NDArray[np.floating]]
) -> tuple[float | None, ...]:
    """Return how far the outputs of two models differ, one number per output.

    It is the norm of the difference, divided by the norm of the baseline's deviations from its
    mean over the samples, or by the norm of the output itself if it does not vary. None if a value
    is not finite or the baseline's output is 0.

    Args:
        baseline: Outputs of the baseline, shape ``(n, d)`` each.
        variant: Outputs of the variant, of the same shapes.
    """
    return tuple(_apart(*pair) for pair in zip(baseline, variant, strict=True))


def squared_errors(
    baseline: npt.NDArray[np.floating], variant: npt.NDArray[np.floating]
) -> Doubles:
    """Return the squared distance of two models' outputs for each sample, shape ``(n,)``.

    Args:
        baseline: An output of the baseline, shape ``(n, d)``.
        variant: The output of the variant, of the same shape.
    """
    apart = np.nan_to_num(variant.astype(np.float64) - baseline, nan=np.inf)
    return np.asarray((apart**2).sum(axis=1), np.float64)


def nearer_share(before: Doubles, after: Doubles) -> float:
    """Return the share of samples that a change brings nearer to the baseline.

    Samples without an error before and after, such as photographs without a box, do not count.

    Args:
        before: Error of each sample before the change, shape ``(n,)``.
        after: Error of each sample after the change, shape ``(n,)``.
    """
    counted = (before > 0) | (after > 0)
    return float((after < before)[counted].mean()) if counted.any() else 0.0


class Misreading(NamedTuple):
    """How the runtime misreads a bias.

    Attributes:
        factor: The bias as the runtime reads it divided by the intended one, in the worst channel.
        steps: How far that moves the layer's output, in steps of the output's scale.
    """

    factor: float
    steps: float


def misreading(
    bias: npt.NDArray[np.integer], counted: Doubles, needed: Doubles, step: float
) -> Misreading | None:
    """Return how a bias is misread; None if it is read correctly.

    Args:
        bias: The stored integers, shape ``(c,)``.
        counted: Real size of the bias's own steps, shape ``(c,)`` or ``(1,)``.
        needed: The input's scale times the weights' scales, shape ``(c,)`` or ``(1,)``.
        step: Real size of one step of the layer's output.
    """
    factors = needed / counted
    if not np.isfinite(factors).all() or np.abs(factors - 1).max() <= STALE:
        return None
    moved = np.abs(bias.astype(np.float64) * (needed - counted)) / step
    worst = int(np.argmax(moved))
    return Misreading(float(np.resize(factors, moved.size)[worst]), float(moved[worst]))


def _apart(ours: npt.NDArray[np.floating], theirs: npt.NDArray[np.floating]) -> float | None:
    ours, theirs = ours.astype(np.float64), theirs.astype(np.float64)
    if not (np.isfinite(ours).all() and np.isfinite(theirs).all()):
        return None
    size = float(np.linalg.norm(ours - ours.mean(axis=0))) or float(np.linalg.norm(ours))
    return float(np.linalg.norm(theirs - ours)) / size if size else None


def _distance(first: Doubles, second: Doubles) -> float:
    return float(np.sqrt(np.mean((first - second) ** 2)))
