"""How far a file's outputs with other kernels, or on a target, differ from those here. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec
import numpy as np

from edgeq.measure.clusters import Clusters, rate_interval
from edgeq.measure.divergence import Doubles, divergence
from edgeq.measure.predictions import Floats, Predictions
from edgeq.measure.tensors import Rows, relative_errors


class KernelNoise(msgspec.Struct, frozen=True, kw_only=True):
    """The noise floor of a file's outputs and its quantization error, on the same images.

    A relative error is the norm of a difference (of centred logits, if there are classes) divided
    by the norm of the reference, averaged over the images that have one; None if none has.

    Attributes:
        images: Number of images.
        noise: Relative error between the two kernels.
        worst_noise: The same for the worst image.
        own_error: Relative error between the baseline and the variant with its own kernels.
        other_error: The same with the other kernels.
        differing: Number of images that get another class from the other kernels.
        nonfinite: Number of images for which only the other kernels give values that are not
            finite.
    """

    images: int
    noise: float | None
    worst_noise: float | None
    own_error: float | None
    other_error: float | None
    differing: int
    nonfinite: int


def kernel_noise(baseline: Predictions, own: Predictions, other: Predictions) -> KernelNoise:
    """Compare two kernels' predictions for one file with each other and with the baseline.

    Args:
        baseline: Predictions of the baseline, shape (n, c).
        own: Predictions of the variant with the run's kernels, on at least the first m images.
        other: Predictions of the variant with other kernels, shape (m, c), m at most n.
    """
    count = len(other.scores)
    baseline, own = baseline.first(count), own.first(count)
    between = divergence(own, other).relative_error
    errors = [divergence(baseline, kernel).relative_error for kernel in (own, other)]
    own_error, other_error = (float(error.mean()) if error.size else None for error in errors)
    return KernelNoise(
        images=count,
        noise=float(between.mean()) if between.size else None,
        worst_noise=float(between.max()) if between.size else None,
        own_error=own_error,
        other_error=other_error,
        differing=int((own.predicted != other.predicted).sum()),
        nonfinite=int((own.finite & ~other.finite).sum()),
    )


def tensor_noise(baseline: Rows, own: Rows, other: Floats) -> KernelNoise:
    """Compare two kernels' results for one output with each other and with the baseline.

    Args:
        baseline: The baseline's output, shape ``(n, d)``.
        own: The variant's output with the run's kernels, shape ``(n, d)``.
        other: The variant's output with other kernels, shape ``(m, d)``, m at most n.
    """
    count = len(other)
    ours, theirs = baseline[:count, :], own[:count, :]
    between = relative_errors(theirs, other)
    known = between[~np.isnan(between)]
    errors = (_mean(relative_errors(ours, side)) for side in (theirs, other))
    own_error, other_error = errors
    finite = np.isfinite(theirs).all(axis=1) & ~np.isfinite(other).all(axis=1)
    return KernelNoise(
        images=count,
        noise=_mean(between),
        worst_noise=float(known.max()) if known.size else None,
        own_error=own_error,
        other_error=other_error,
        differing=0,
        nonfinite=int(finite.sum()),
    )


def _mean(errors: Doubles) -> float | None:
    known = errors[~np.isnan(errors)]
    return float(known.mean()) if known.size else None


EXACT = 1e-5
"""Difference of float outputs, as a share of the largest value or of 1, that the order of additions
explains. XNNPACK's kernels for arm64 and x86-64 differ by 3.2e-6 at most (docs/targets.md)."""

ONE_STEP = 1.0 + 1e-3
"""Difference in steps up to which two values are at most one step apart, rounding included."""

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Pair:
    """One output of a file, on this machine and on the target.

    Attributes:
        here, there: Its values, shape ``(n, d)``.
        step: Real size of one step of its scale, 0 if it is not quantized.
    """

    here: Rows
    there: Rows
    step: float


class BesideHere(msgspec.Struct, frozen=True, kw_only=True):
    """The outputs of a file on a target compared with those on this machine.

    Attributes:
        images: Number of samples n.
        values: Number of values compared.
        differing: Number of values that differ in any bit.
        beyond: Number of values that differ by more than one step of their output's scale, or by
            more than ``EXACT`` if it has none.
        largest: Largest difference in steps, or in the output's units if it has no scale.
        live: Number of values of outputs with a scale that are not at the same end of what the
            output holds, on both sides. Most probabilities of many classes are 0 in steps, and
            nothing that differs shows in them.
        unlike: Whether the target's processor is of another architecture.
        in_steps: Whether every output that differs has a scale.
        moved: Number of samples that get another class; None without classes.
        moved_interval: Interval of ``moved / n``.
        noise: The difference beside the quantization error, for the output nearest to too much;
            None for a baseline.
    """

    images: int
    values: int
    differing: int
    beyond: int
    largest: float
    in_steps: bool
    live: int = 0
    unlike: bool = False
    moved: int | None = None
    moved_interval: tuple[float, float] | None = None
    noise: KernelNoise | None = None


def beside_here(
    pairs: Iterable[Pair],
    moved: int | None,
    noise: KernelNoise | None,
    *,
    images: int,
    confidence: float,
    clusters: Clusters | None = None,
    unlike: bool = False,
) -> BesideHere:
    """Compare outputs in pairs; NaN equals NaN, and a NaN on one side alone is beyond everything.

    ``moved`` counts the samples that get another class, None without classes; ``noise`` is None for
    a baseline.
    """
    outputs = [_difference(pair) for pair in pairs]
    return BesideHere(
        images=images,
        values=sum(output.values for output in outputs),
        differing=sum(output.differing for output in outputs),
        beyond=sum(output.beyond for output in outputs),
        largest=max((output.largest for output in outputs), default=0.0),
        in_steps=all(output.in_steps for output in outputs if output.differing),
        live=sum(output.live for output in outputs),
        unlike=unlike,
        moved=moved,
        moved_interval=None
        if moved is None or not images
        else rate_interval(moved, images, confidence, clusters),
        noise=noise,
    )


@dataclass(frozen=True)
class _Difference:
    """How far one output differs; the attributes are those of ``BesideHere``, for it alone."""

    values: int
    differing: int
    beyond: int
    largest: float
    live: int
    in_steps: bool


def _difference(pair: Pair) -> _Difference:
    least, greatest = _ends(pair.here)
    most = ONE_STEP if pair.step else EXACT * max(1.0, -least, greatest)
    differing = beyond = live = 0
    largest = 0.0
    for at in _chunks(pair.here):
        here, there = pair.here[at, :], pair.there[at, :]
        same = (here == there) | (np.isnan(here) & np.isnan(there))
        apart = np.abs(here[~same].astype(np.float64) - there[~same]) / (pair.step or 1.0)
        differing += apart.size
        beyond += int(np.count_nonzero(~(apart <= most)))
        largest = max(largest, float(apart[np.isfinite(apart)].max(initial=0.0)))
        if pair.step:
            live += int(np.count_nonzero(~(same & ((here == least) | (here == greatest)))))
    rows, width = pair.here.shape
    return _Difference(rows * width, differing, beyond, largest, live, in_steps=pair.step > 0)


def _ends(rows: Rows) -> tuple[float, float]:
    """Return the least and the greatest finite value; infinities in reverse order if none is."""
    least, greatest = np.inf, -np.inf
    for at in _chunks(rows):
        values = rows[at, :]
        finite = values[np.isfinite(values)]
        least = min(least, float(finite.min(initial=np.inf)))
        greatest = max(greatest, float(finite.max(initial=-np.inf)))
    return least, greatest


def _chunks(rows: Rows) -> list[slice]:
    """Return rows in slices of at most ``_CHUNK`` values, of one row at least."""
    count, width = rows.shape
    size = max(1, _CHUNK // max(1, width))
    return [slice(at, at + size) for at in range(0, count, size)]
