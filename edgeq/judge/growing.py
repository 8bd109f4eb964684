"""Proof that memory does not grow from inference to inference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from edgeq import words
from edgeq.judge.missing import NOT_MEASURED, missing
from edgeq.judge.verdict import Judgement, failed, passed, undecided
from edgeq.measure.growth import Growth, Rise, Watched
from edgeq.words import plural


@dataclass(frozen=True)
class Noise:
    """How far memory may rise without growing steadily.

    Attributes:
        total: Bytes from the first quarter's floor to the last quarter's.
        an_inference: Bytes per inference.
    """

    total: int
    an_inference: int

    def permits(self, rise: Rise) -> bool:
        """Return whether a rise is small enough to prove that nothing grows."""
        return rise.total <= max(self.total, self.an_inference * rise.inferences * len(rise.steps))

    def shows(self, rise: Rise) -> bool:
        """Return whether a rise proves that memory grows in every quarter."""
        return rise.total > self.total and rise.least > self.an_inference

    def bound(self, rise: Rise) -> float:
        """Return the bytes per inference by which memory might grow undetected."""
        return max(self.an_inference, self.total / (rise.inferences * len(rise.steps)))


ALLOCATED = Noise(64_000, 1_000)
"""Noise of memory allocated by malloc. With 53 good files it rose by up to 6 kB over 250
inferences, and by up to 22 bytes per inference in every quarter (benchmarks/growth.md)."""

RESIDENT = Noise(4_000_000, 64_000)
"""Noise of private resident memory in one portion of work: a row of large outputs that is freed and
allocated again moves it by 1.6 MB."""


def steady_memory(watched: Watched, *, images: int, baseline: float | None = None) -> Judgement:
    """Prove that the memory of a worker does not grow while it runs the variant.

    ``baseline`` is the bytes per inference by which the baseline's memory grows; None if it does
    not.
    """
    evidence: dict[str, object] = {"images": images, "repeated": watched.repeated is not None}
    rate = growing(watched)
    if rate is not None:
        return _failed(rate, baseline, evidence)
    rises, noise = _telling(watched.last)
    if not rises:
        return _unknown(watched.last, images)
    if is_open(watched.last):
        most = _rounded(max(rise.total for rise in rises))
        return undecided(
            f"memory rises by {words.size(most)}, but not steadily",
            "Evaluate more images: memory that keeps growing rises in every part",
            {**evidence, "rises_by_bytes": most},
        )
    bound = _rounded_up(min(noise.bound(rise) for rise in rises))
    run = plural(images, "image") if watched.repeated is None else "the first images, repeatedly"
    return passed(
        f"memory grows by less than {words.size(bound)} an inference, if at all ({run})",
        {**evidence, "less_than_bytes": bound},
    )


def growing(watched: Watched) -> float | None:
    """Return the bytes per inference by which memory clearly grows; None if it does not."""
    rates = map(_rate_of, (watched.evaluated, watched.last))
    return next((rate for rate in rates if rate is not None), None)


def is_open(growth: Growth) -> bool:
    """Return whether neither growth nor its absence is proven."""
    rises, noise = _telling(growth)
    return _rate_of(growth) is None and not (rises and all(map(noise.permits, rises)))


def grown(watched: Watched) -> tuple[int, int]:
    """Return the bytes by which memory rose (0 if it is steady), and the number of inferences.

    If it clearly grows, the result is the rate times all inferences, as if one worker had run them
    all. The number of workers and their shares differ between machines.
    """
    for growth in (watched.evaluated, watched.last):
        rate = _rate_of(growth)
        if rate is not None:
            return round(rate * growth.inferences), growth.inferences
    rises, noise = _telling(watched.last)
    more = max((rise.total for rise in rises if not noise.permits(rise)), default=0)
    return more, watched.last.inferences


def _rate_of(growth: Growth) -> float | None:
    kinds = ((growth.allocated, ALLOCATED), (growth.resident, RESIDENT))
    means = [rise.mean for rises, noise in kinds for rise in rises if noise.shows(rise)]
    return max(means, default=None)


def _telling(growth: Growth) -> tuple[Sequence[Rise], Noise]:
    """Return the rises that can prove stability: those of allocated memory, if known."""
    return (growth.allocated, ALLOCATED) if growth.allocated else (growth.resident, RESIDENT)


def _failed(rate: float, baseline: float | None, evidence: dict[str, object]) -> Judgement:
    grows = _rounded(rate)
    reason = f"memory grows by {words.size(grows)} an inference and never falls back"
    if baseline is None:
        step = (
            "Look for an operator that keeps what it was given: a variable or a table that grows, "
            "a custom operator; if there is none, try other `run.kernels` or another ai-edge-litert"
        )
    else:
        reason += f"; the baseline's grows by {words.size(_rounded(baseline))}"
        step = "Fix the float model first: what its variants are made from grows as well"
    return failed(
        reason,
        step,
        {
            **evidence,
            "grows_by_bytes": grows,
            "baseline_grows_by_bytes": None if baseline is None else _rounded(baseline),
        },
    )


def _unknown(growth: Growth, images: int) -> Judgement:
    if growth.inferences:
        return missing(
            f"{NOT_MEASURED}{plural(growth.inferences, 'inference')} can't tell",
            next_step="Evaluate more images",
        )
    return missing(
        f"{NOT_MEASURED}the worker of this target does not tell how much memory it holds "
        f"({plural(images, 'image')})",
        next_step='Allow it with `allow_missing = ["steady_memory"]`',
    )


def _rounded(value: float) -> float:
    """Return a number rounded to two digits, because further digits differ from run to run."""
    return float(f"{value:.2g}")


def _rounded_up(value: float) -> float:
    """Return the next of 1, 2, 5, 10, 20, ..., because the number of inferences varies."""
    power: float = 10.0 ** math.floor(math.log10(value))
    return next(power * digit for digit in (1, 2, 5, 10) if power * digit >= value)
