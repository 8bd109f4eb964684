"""Other ranges of activations, which cost nothing and are therefore tried before other units."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edgeq.quantize.recipes import INT8_PERCENTILE, INT16_PERCENTILE
from edgeq.repair.bench import Bench
from edgeq.repair.clock import Clock
from edgeq.repair.request import precision_of

PERCENTILES = (95.0, 99.0, 100.0)
"""Percentiles of the activation ranges that are tried in place of the method's own."""

LEAST_HELP = 0.05
"""Other ranges count as a help if they remove more than this share of the error."""

_USUAL = {"int8": INT8_PERCENTILE, "int16x8": INT16_PERCENTILE}


@dataclass(frozen=True)
class Ranges:
    """The effect of other activation ranges on a method's error.

    Attributes:
        usual: The method's own percentile.
        percentile: The other percentile.
        before: The method's relative error on the calibration samples.
        after: Its relative error with the other percentile.
    """

    usual: float
    percentile: float
    before: float
    after: float

    @property
    def helps(self) -> bool:
        """Whether the error is clearly smaller."""
        return self.after < (1.0 - LEAST_HELP) * self.before

    @property
    def sentence(self) -> str:
        """The effect in a sentence without a full stop."""
        verdict = "helps" if self.helps else "does not help"
        return (
            f"Ranges at the {self.percentile:g}th percentile in place of the {self.usual:g}th: "
            f"error {self.before:.3f} -> {self.after:.3f}, which {verdict}"
        )


def other_ranges(bench: Bench, method: str, clock: Clock) -> Iterator[Ranges]:
    """Yield the effect of each other percentile on a method, as long as there is time.

    A method without calibrated ranges has none.

    Raises:
        EdgeqError: The method can't be made or run.
    """
    usual = _USUAL.get(precision_of(method) or "")
    if usual is None:
        return
    before = bench.error_of(method)
    for percentile in PERCENTILES:
        if percentile != usual and not clock.is_over:
            yield Ranges(usual, percentile, before, bench.error_of(method, (), percentile))
