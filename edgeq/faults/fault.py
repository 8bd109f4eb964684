"""What a fault is: a named way in which a good variant goes wrong."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from edgeq.config.structs import Preprocessing
from edgeq.registry import Registry

if TYPE_CHECKING:
    from edgeq.faults.good import Good
    from edgeq.samples.sets import Photo

Severity = Literal["high", "medium", "low"]
Place = Literal[
    "quantization",
    "weights",
    "bias",
    "graph",
    "activations",
    "preprocessing",
    "labels",
    "file",
    "run time",
    "control",
]

PREDICTIONS = ("agreement", "accuracy")
"""Markers of the gates that look at predictions."""

STORED = (*PREDICTIONS, "weights")
"""What sees that stored numbers or the graph are not those of the baseline."""

RANGES = (*PREDICTIONS, "ranges")
"""What sees that activations' ranges do not fit the samples."""

INPUT = (*RANGES, "input_range")
"""What sees that a variant's input is not what it was calibrated for."""

ANYTHING: tuple[str, ...] = ()
"""For a fault that whatever is measured may show: a file that does not load, a slow inference."""

SHOWN_BY: dict[Place, tuple[str, ...]] = {
    "quantization": RANGES,
    "weights": STORED,
    "bias": STORED,
    "graph": STORED,
    "activations": RANGES,
    "preprocessing": PREDICTIONS,
    "labels": PREDICTIONS,
    "file": ANYTHING,
    "run time": ANYTHING,
    "control": ANYTHING,
}
"""What can show a fault if its author says nothing, by its place.

Wrong numbers in a file of the right form show in what the model says, and those that came from the
baseline beside the baseline's.
"""


class NotApplicableError(Exception):
    """A fault can't happen to this variant; the message says why."""


@dataclass(frozen=True)
class Faulty:
    """What a fault makes of a good variant; what is None stays as it was.

    Attributes:
        content: Bytes of the file.
        preprocessing: How photographs become the variant's input.
        labels: Labels of the evaluation set, int64, shape ``(n,)``.
        calibration: The calibration set; gates on the set look at it, the file stays as it was.
        conduct: What the worker does wrong when it runs the variant, as ``faulty_worker`` reads
            it.
        timeout_s: Seconds that the worker may be silent, so that a fault that makes it so is
            seen before long.
        photographs: A folder with the variant's own photographs of the evaluation set's scenes,
            under the same names.
        where: Name of the tensor or operator at fault, None if it is not one alone.
    """

    content: bytes | None = None
    preprocessing: Preprocessing | None = None
    labels: npt.NDArray[np.int64] | None = None
    calibration: tuple[Photo, ...] | None = None
    conduct: dict[str, object] | None = None
    timeout_s: float | None = None
    photographs: Path | None = None
    where: str | None = None


@dataclass(frozen=True)
class Fault:
    """One way to go wrong, or a harmless change where the place is ``"control"``.

    Attributes:
        name: Unique in the catalogue.
        place: Where it happens.
        severity: ``"high"`` ruins most answers, ``"low"`` is hard to see.
        cause: What a diagnosis should name.
        summary: What is wrong, in a few words.
        make: Returns what it makes of a good variant. Raises ``NotApplicableError`` where it
            can't happen, ``EdgeqError`` where the making itself fails.
        shown_by: Gates, or markers of gates, that can show it: where none of them is measured
            it is not applicable. ``ANYTHING`` if it may show wherever something is measured.
    """

    name: str
    place: Place
    severity: Severity
    cause: str
    summary: str
    make: Callable[[Good], Faulty]
    shown_by: tuple[str, ...] = ANYTHING

    def shows(self, measured: Collection[str]) -> bool:
        """Return whether one of the measured gates, given with their markers, can show it."""
        return not self.shown_by or not set(self.shown_by).isdisjoint(measured)

    @property
    def control(self) -> bool:
        """Whether it is a harmless change, which every gate must let pass."""
        return self.place == "control"


BUILT_IN: Registry[Fault] = Registry("fault")
"""The faults of this package; ``catalogue.faults`` has those of other packages too."""

Maker = Callable[["Good"], "bytes | Faulty"]


def fault(
    name: str,
    place: Place,
    severity: Severity,
    cause: str,
    *,
    shown_by: tuple[str, ...] | None = None,
) -> Callable[[Maker], Fault]:
    """Register a function as a fault; its docstring's first line says what is wrong.

    The function returns the bytes of the faulty file, or ``Faulty``.
    """

    def register(maker: Maker) -> Fault:
        made = new_fault(maker, name, place, severity, cause, shown_by=shown_by)
        return BUILT_IN.add(name, made)

    return register


def new_fault(
    maker: Maker,
    name: str,
    place: Place,
    severity: Severity,
    cause: str,
    *,
    shown_by: tuple[str, ...] | None = None,
) -> Fault:
    """Return a fault made by a function, without registering it.

    Args:
        maker: Returns the bytes of the faulty file, or ``Faulty``. Its docstring's first line
            says what is wrong.
        name: As in ``Fault``.
        place: As in ``Fault``.
        severity: As in ``Fault``.
        cause: As in ``Fault``.
        shown_by: As in ``Fault``; what ``SHOWN_BY`` says of the place if None.
    """

    def make(good: Good) -> Faulty:
        made = maker(good)
        if not isinstance(made, bytes | Faulty):
            raise TypeError(f"returned {type(made).__name__}, not bytes or Faulty")
        return made if isinstance(made, Faulty) else Faulty(content=made)

    summary = (maker.__doc__ or name).strip().splitlines()[0].rstrip(".")
    seen = SHOWN_BY[place] if shown_by is None else shown_by
    return Fault(name, place, severity, cause, summary, make, seen)
