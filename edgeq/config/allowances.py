"""How much worse a good variant may be than edgeq's own variant of the same method, as data.

The figures come from ``benchmarks/control.md``: what good files from both engines and from others
reach on eight models, with some room beyond the worst of them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Allowance:
    """How much worse than its control a variant may be, on the same samples.

    Attributes:
        error: Multiple of the control's mean relative error.
        least_error: Mean relative error that is good whatever the control reaches, because the
            control of a small network may be nearly exact.
        drift: Multiple of the control's mean total variation distance of the probabilities.
        least_drift: Distance that is good whatever the control reaches.
        agreement: Share of the images by which agreement may be lower than the control's.
        accuracy: Share of the images by which the loss of accuracy may exceed the control's.
    """

    error: float
    least_error: float
    drift: float
    least_drift: float
    agreement: float
    accuracy: float


_WEIGHTS = Allowance(
    error=4.0, least_error=0.05, drift=3.0, least_drift=0.01, agreement=0.03, accuracy=0.03
)
_STATIC = Allowance(
    error=2.25, least_error=0.15, drift=2.0, least_drift=0.02, agreement=0.05, accuracy=0.03
)

ALLOWANCES: dict[str, Allowance] = {
    "float16": Allowance(
        error=3.0,
        least_error=0.002,
        drift=3.0,
        least_drift=0.002,
        agreement=0.02,
        accuracy=0.01,
    ),
    "dynamic_range": _WEIGHTS,
    "weight_only_int8": _WEIGHTS,
    "int8": _STATIC,
    "int8_float_io": _STATIC,
    "int8_uint8_io": _STATIC,
}

WIDEST = Allowance(
    error=4.0, least_error=0.15, drift=3.0, least_drift=0.02, agreement=0.05, accuracy=0.03
)
"""For methods without measured files from other makers: the widest value of each allowance."""


def allowance_of(method: str) -> Allowance:
    """Return how much worse than its control a variant of a method may be."""
    return ALLOWANCES.get(method, WIDEST)
