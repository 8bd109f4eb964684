"""What a variant's activation ranges clip and waste of the values that its baseline computes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq.measure.scales import SYMMETRIC, Doubles, Scale, fitting

Place = Literal["input", "inner", "last"]

LEAST_ERROR = 0.01
"""Error of a tensor below which nothing can be gained by another range: 6 bits hold it."""

TIMES = 1.6
"""A range is looked at if the error that it causes is so many times what the best one causes."""

PERCENTILE = 90.0
"""Ends of a range, over the samples' smallest and largest values: what edgeq's own calibration of
int8 takes, with half the error of the whole range on EfficientNetV2-B0 (``benchmarks/engines.md``).
"""

LARGEST = 3e38
"""Greater values stand for infinity."""

GROSS = 4.0
"""Loss of a range that no calibration explains easily: two bits."""

LEFT, LEFT_OF_GROSS = 0.55, 0.8
"""Share of an output's error that may be left, for ranges to be what caused it: of everything that
is suspicious, and of gross ranges alone. Good files keep at least 0.64 and 0.89 of it
(``benchmarks/ranges.md``)."""

LEAST_CAUSED = 0.1
"""Error of an output that ranges must cause: what quantization to int8 itself costs of logits, and
a cosine of 0.995. MLPerf Tiny's person detector has ranges that cause .06."""

REGAINED = 3
"""Samples that must get the baseline's class back, whatever the error: an output that saturates is
not far off, but its best classes are even."""

MOST_STEPS = 1.0
"""Steps by which a bias that is misread may move its layer's output: rounding moves it by half."""

STALE = 1e-3
"""By what share a bias may count in other steps than its layer: scales are rounded to float32."""


class RangeFit(msgspec.Struct, frozen=True, kw_only=True):
    """How one activation's range holds what the baseline computes there.

    Errors are root mean squares of what rounding and clipping change, divided by the standard
    deviation of the values.

    Attributes:
        name: Of the tensor, for messages.
        tensor: Its index in the variant's file.
        place: Whether it is the model's input, what the last layer computes, or neither.
        scale: How the file stores it.
        values: Smallest and largest value that the baseline computes on these samples.
        clipped: Share of the values that lie outside the range by more than a step.
        error: What the file's range causes.
        fitting: The range that calibration on these samples gives.
        best: The error that this range causes.
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
        """Whether it loses more than calibration on other samples explains easily."""
        return self.suspicious and self.loss >= GROSS

    @property
    def suspicious(self) -> bool:
        """Whether another range might serve better."""
        return self.error > max(LEAST_ERROR, TIMES * self.best)

    @property
    def loss(self) -> float:
        """How many times the error is what the best range would cause."""
        return self.error / max(self.best, LEAST_ERROR / 100)

    @property
    def covered(self) -> float:
        """Share of the span of the baseline's values that the file's range holds."""
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
    """A bias that counts in other steps than its layer's input and weights have.

    The runtime takes a bias for multiples of the input's scale times the weights', whatever the
    bias's own scale says: where the two differ, one of the scales was changed afterwards.

    Attributes:
        layer: The layer's name, for messages.
        input: Name of the activation that the layer takes.
        tensor: Index of that activation.
        factor: By how much the runtime takes the bias for too large, of the worst channel.
        steps: By how much that moves the layer's output, in steps of the output's scale.
    """

    layer: str
    input: str
    tensor: int
    factor: float
    steps: float

    @property
    def matters(self) -> bool:
        """Whether it moves an output by more than rounding may."""
        return self.steps > MOST_STEPS


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """An experiment: some ranges set right in the file, by what the baseline computes.

    Attributes:
        tensors: Names of the activations whose range was set, those that lose most first.
        gross: Whether all of them lose grossly.
        agreeing: Samples that get the baseline's class, before and after; None without classes.
        before: Error of each compared output, of the file as it is; see ``spread_errors``.
        after: The same with the ranges set.
    """

    tensors: tuple[str, ...]
    gross: bool
    agreeing: tuple[int, int] | None
    before: tuple[float | None, ...]
    after: tuple[float | None, ...]

    @property
    def output(self) -> int:
        """Which output gains most."""
        return int(np.argmax([self._gain(at) for at in range(len(self.before))]))

    @property
    def caused(self) -> float:
        """The error that the file's ranges alone cause: errors add up by their squares."""
        return float(np.sqrt(self._gain(self.output))) if self.before else 0.0

    @property
    def recovers(self) -> bool:
        """Whether much of an output's error goes, or classes come back."""
        if self.caused < LEAST_CAUSED:
            return False
        before, after = self.before[self.output], self.after[self.output]
        left = LEFT_OF_GROSS if self.gross else LEFT
        if before is None or after is None:
            return after is not None
        if after <= left * before:
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
        samples: Samples that were looked at.
        activations: Activations that the file stores with a fixed scale.
        unmatched: Names of those for which no tensor of the baseline is known.
        suspicious: Those that another range might serve better, those that lose most first.
        trials: What setting ranges right changes.
        problems: Why ranges could not be set right.
        stale: Biases that count in other steps than their layer has, the worst first.
        recounted: What becomes of the outputs if these biases are counted in their layers' steps.
    """

    samples: int
    activations: int
    unmatched: tuple[str, ...]
    suspicious: tuple[RangeFit, ...]
    trials: tuple[Trial, ...]
    problems: tuple[str, ...]
    stale: tuple[StaleBias, ...]
    recounted: Trial | None = None


class Need(NamedTuple):
    """What a range must hold: smallest and largest value, twice.

    Attributes:
        most: Of all but the most extreme samples, as edgeq's own calibration of int8 takes it.
        whole: Of all samples.
    """

    most: tuple[float, float]
    whole: tuple[float, float]


def need(values: Doubles) -> Need | None:
    """Return what a range must hold of values, None if none of them is finite.

    Args:
        values: What the baseline computes, shape ``(n, 2 + m)``: for each sample the smallest and
            the largest value of the tensor, then m others.
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
    """Return what one range must hold that several tensors share.

    Args:
        needs: Of each of them, at least one.
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
    """Return how a range holds values.

    Args:
        values: As ``need`` takes them; some must be finite.
        scale: How the variant stores the tensor.
        needed: What the range must hold, of all tensors that share it.
        name: As in ``RangeFit``.
        tensor: As in ``RangeFit``.
        place: As in ``RangeFit``.
    """
    # Graphs pad with the lowest number there is, for a maximum; what is to be held is the rest.
    values = values[np.abs(values) < LARGEST]
    spread = float(values.std()) or float(np.abs(values).max()) or 1.0
    low, high = scale.range
    whole, most = (fitting(*ends, scale.dtype) for ends in (needed.whole, needed.most))
    if scale.dtype in SYMMETRIC:
        choices = [whole]
    elif low <= whole.range[0] + whole.step and high >= whole.range[1] - whole.step:
        choices = [whole, most]  # it clips nothing, so that what it wastes is the question
    else:
        choices = [most]
    best = min(choices, key=lambda choice: _distance(choice.held(values), values))
    return RangeFit(
        name=name,
        tensor=tensor,
        place=place,
        scale=scale,
        values=(float(values.min()), float(values.max())),
        clipped=float(((values < low - scale.step) | (values > high + scale.step)).mean()),
        error=_distance(scale.held(values), values) / spread,
        fitting=best,
        best=_distance(best.held(values), values) / spread,
    )


def spread_errors(
    baseline: Sequence[npt.NDArray[np.floating]], variant: Sequence[npt.NDArray[np.floating]]
) -> tuple[float | None, ...]:
    """Return how far the outputs of two models lie apart, one number for each output.

    The norm of the difference, divided by that of what the baseline's output varies by from
    sample to sample, or by the norm of the output itself if it does not vary. None if a value is
    not finite or the baseline's output is 0.

    Args:
        baseline: Outputs of the baseline, ``(n, d)`` each.
        variant: The same of the variant.
    """
    return tuple(_apart(*pair) for pair in zip(baseline, variant, strict=True))


class Misreading(NamedTuple):
    """How the runtime reads a bias.

    Attributes:
        factor: What it takes the bias for, in times of what was meant, of the worst channel.
        steps: By how much that moves the layer's output, in steps of the output's scale.
    """

    factor: float
    steps: float


def misreading(
    bias: npt.NDArray[np.integer], counted: Doubles, needed: Doubles, step: float
) -> Misreading | None:
    """Return how a bias is misread, None if it is not.

    Args:
        bias: What is stored, ``(c,)``.
        counted: Real size of the bias's own steps, ``(c,)`` or ``(1,)``.
        needed: That of the input's scale times the weights', ``(c,)`` or ``(1,)``.
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
