"""Repairs of a whole method that cost nothing, and are therefore tried before any unit.

The ranges of activations may leave out less or more of what the calibration samples show; weights
may have one scale per channel in place of one per layer; and if ranges depend on which samples they
are taken from, more samples may help.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from edgeq.config.methods import METHODS
from edgeq.config.structs import Precision
from edgeq.errors import WorkerError
from edgeq.quantize.make import ready_variant
from edgeq.quantize.recipes import INT8_PERCENTILE, INT16_PERCENTILE
from edgeq.repair.bench import Bench
from edgeq.repair.clock import Clock
from edgeq.repair.request import precision_of
from edgeq.repair.table import gate_error

PERCENTILES = (95.0, 99.0, 100.0)
"""Percentiles of the activation ranges that are tried in place of the method's own."""

MIN_HELP = 0.05
"""A change counts as a help if it removes more than this share of the error."""

MIN_SAMPLES = 4
"""Number of calibration samples from which the halves of the set are compared."""

_USUAL: Mapping[Precision | None, float] = {
    "int8": INT8_PERCENTILE,
    "int16x8": INT16_PERCENTILE,
}


@dataclass(frozen=True)
class Change:
    """The effect of a change to a whole method.

    The errors are relative ones on the calibration samples. The percentile is that of the
    activation ranges, if that is the change.
    """

    what: str
    before: float
    after: float
    percentile: float | None = None

    @property
    def helps(self) -> bool:
        """Whether the error is clearly smaller."""
        return self.after < (1.0 - MIN_HELP) * self.before

    @property
    def sentence(self) -> str:
        """The effect in a sentence without a full stop."""
        verdict = "helps" if self.helps else "does not help"
        if math.isinf(self.before):
            return f"{self.what}, which does not run here: error {self.after:.3f}"
        return f"{self.what}: error {self.before:.3f} -> {self.after:.3f}, which {verdict}"


@dataclass(frozen=True)
class Halves:
    """The errors of a method whose ranges are taken from one half of the calibration samples.

    The errors are relative ones with the ranges of all samples, and of each half: every other one.
    """

    samples: int
    whole: float
    halves: tuple[float, float]

    @property
    def sentence(self) -> str:
        """What that says about the number of samples, in a sentence without a full stop."""
        first, second = self.halves
        steady = math.isfinite(self.whole) and max(self.halves) <= (1 + MIN_HELP) * self.whole
        verdict = "would hardly help" if steady else "may help"
        return (
            f"Ranges of either half of the {self.samples} calibration samples: error "
            f"{first:.3f} and {second:.3f} in place of {self.whole:.3f}, so more samples {verdict}"
        )


def rebuilt(bench: Bench, name: str, method: str) -> Change:
    """Return the effect of making a ready-made variant again, from the float file.

    The error of a variant that does not run is infinite.

    Raises:
        EdgeqError: The variant's file can't be read, or the method can't be made or run.
    """
    spec, store = bench.run.spec, bench.run.store
    try:
        before = gate_error(bench.squares_of(ready_variant(name, spec.variants[name], spec, store)))
    except WorkerError:
        before = math.inf
    return Change(
        f"{method} by litert-quantizer in place of {name}", before, bench.error_of(method)
    )


def finer_scales(bench: Bench, method: str) -> Change | None:
    """Return the effect of one scale per channel on a method with one per layer.

    None for other methods.

    Raises:
        EdgeqError: A method can't be made or run.
    """
    finer = METHODS.get(method).finer
    if finer is None:
        return None
    return Change(
        f"{finer}, with one scale per channel, in place of {method}",
        bench.error_of(method),
        bench.error_of(finer),
    )


def other_ranges(bench: Bench, method: str, clock: Clock) -> Iterator[Change]:
    """Yield the effect of each other percentile on a method, as long as there is time.

    A method without calibrated ranges has none.

    Raises:
        EdgeqError: The method can't be made or run.
    """
    usual = _USUAL.get(precision_of(method))
    if usual is None:
        return
    before = bench.error_of(method)
    for percentile in PERCENTILES:
        if percentile != usual and not clock.is_over:
            yield Change(
                f"Ranges at the {percentile:g}th percentile in place of the {usual:g}th",
                before,
                bench.error_of(method, (), percentile),
                percentile,
            )


def halves(bench: Bench, method: str) -> Halves | None:
    """Return the effect of calibrating a method on half of the samples; None without ranges.

    Raises:
        EdgeqError: The method can't be made or run.
    """
    samples, precision = bench.calibration.pixels.shape[0], precision_of(method)
    if precision is None or precision not in _USUAL or samples < MIN_SAMPLES:
        return None
    first, second = (bench.error_of_half(precision, start) for start in (0, 1))
    return Halves(samples, bench.error_of(method), (first, second))
