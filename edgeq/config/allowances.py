"""How much worse a good variant may be than edgeq's own variant of the same method, as data.

The figures are those of ``benchmarks/control.md``: what good files of both engines and of others
reach on eight models, and room beyond the greatest of them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Allowance:
    """What is allowed beside a control on the same samples.

    Attributes:
        error: How many times the control's mean relative error.
        least_error: A mean relative error that is good whatever the control reaches: the control
            of a small network may be nearly exact.
        drift: How many times the control's mean total variation distance of the probabilities.
        least_drift: A distance that is good whatever the control reaches.
        agreement: Share of the images that may agree less often than with the control.
        accuracy: Share of the images on which more accuracy may be lost than by the control.
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
"""For methods of which no other maker's files were measured: no figure of it is a close one."""


def allowance_of(method: str) -> Allowance:
    """Return what is allowed beside edgeq's own variant of a method."""
    return ALLOWANCES.get(method, WIDEST)
