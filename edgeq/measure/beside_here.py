"""How far a file's outputs on a target differ from its outputs on this machine. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec
import numpy as np

from edgeq.measure.clusters import Clusters, rate_interval
from edgeq.measure.kernels import KernelNoise
from edgeq.measure.tensors import Rows

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
