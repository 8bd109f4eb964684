"""Definition of a fault, a named way in which a good variant goes wrong, and the catalogue."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from edgeq.config.structs import Preprocessing, Task
from edgeq.registry import Registry, added

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
"""Markers of the gates that judge predictions."""

STORED = (*PREDICTIONS, "weights")
"""What can show that stored numbers or the graph differ from the baseline's."""

RANGES = (*PREDICTIONS, "ranges")
"""What can show that activation ranges do not fit the samples."""

INPUT = (*RANGES, "input_range")
"""What can show that a variant's input differs from what it was calibrated for."""

ANYTHING: tuple[str, ...] = ()
"""For faults that any measurement may show, such as a file that does not load."""

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
"""What can show a fault by default, for each place.

Wrong numbers in a well-formed file show in the model's predictions. Those that derive from the
baseline also show by comparison with the baseline's.
"""


ARRAYS = "the samples are arrays, not photographs"


class NotApplicableError(Exception):
    """The fault can't happen to this variant; the message says why."""


@dataclass(frozen=True)
class Faulty:
    """What a fault changes in a good variant; None means no change.

    Attributes:
        content: Content of the variant's file.
        preprocessing: How photographs become the variant's input.
        labels: Labels of the evaluation set, or classes of its labelled boxes for a detector,
            int64, shape ``(n,)``.
        calibration: The calibration set that gates judge; the file does not change.
        conduct: What the worker does wrong when it runs the variant, as read by ``faulty_worker``.
        timeout_s: Seconds that the worker may be silent, so that a hang is soon noticed.
        photographs: A folder with the variant's own photographs of the evaluation set's scenes,
            under the same names.
        where: Name of the tensor or operator at fault; None if there is not exactly one.
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
    """One way to go wrong, or a harmless change if the place is ``"control"``.

    Attributes:
        name: Name of the fault, unique in the catalogue.
        place: Where it happens.
        severity: ``"high"`` ruins most predictions, ``"low"`` is hard to see.
        cause: The cause that a diagnosis should name.
        summary: What is wrong, in a few words.
        make: Function that makes a good variant faulty. It raises ``NotApplicableError`` if the
            fault can't happen, and ``EdgeqError`` if making it fails.
        shown_by: Gates, or markers of gates, that can show the fault. If none of them is measured,
            it is not applicable. ``ANYTHING`` if any measurement may show it.
        tasks: The tasks that it can happen to; all if empty.
    """

    name: str
    place: Place
    severity: Severity
    cause: str
    summary: str
    make: Callable[[Good], Faulty]
    shown_by: tuple[str, ...] = ANYTHING
    tasks: tuple[Task, ...] = ()

    def fits(self, task: Task) -> bool:
        """Return whether it can happen to a model that is judged as a task."""
        return not self.tasks or task in self.tasks

    def shows(self, measured: Collection[str]) -> bool:
        """Return whether one of the measured gates (names and markers) can show it."""
        return not self.shown_by or not set(self.shown_by).isdisjoint(measured)

    @property
    def control(self) -> bool:
        """Whether this is a harmless change, which every gate must let pass."""
        return self.place == "control"


BUILT_IN: Registry[Fault] = Registry("fault")
"""The faults of this package; ``catalogue.faults`` also has those of other packages."""

Maker = Callable[["Good"], "bytes | Faulty"]


def fault(
    name: str,
    place: Place,
    severity: Severity,
    cause: str,
    *,
    shown_by: tuple[str, ...] | None = None,
    tasks: tuple[Task, ...] = (),
) -> Callable[[Maker], Fault]:
    """Register a function as a fault; see ``new_fault``."""

    def register(maker: Maker) -> Fault:
        registered = new_fault(maker, name, place, severity, cause, shown_by=shown_by, tasks=tasks)
        return BUILT_IN.add(name, registered)

    return register


def new_fault(
    maker: Maker,
    name: str,
    place: Place,
    severity: Severity,
    cause: str,
    *,
    shown_by: tuple[str, ...] | None = None,
    tasks: tuple[Task, ...] = (),
) -> Fault:
    """Return a fault that a function makes, without registering it.

    The function returns the bytes of the faulty file, or ``Faulty``. The first line of its
    docstring says what is wrong. The rest is as in ``Fault``; ``shown_by`` is by default what
    ``SHOWN_BY`` has for the place.
    """

    def make(good: Good) -> Faulty:
        if tasks and good.variant.reading.task not in tasks:
            judged = good.variant.reading.task
            raise NotApplicableError(f"the model is judged as {judged}, not {' or '.join(tasks)}")
        faulty = maker(good)
        if not isinstance(faulty, bytes | Faulty):
            raise TypeError(f"returned {type(faulty).__name__}, not bytes or Faulty")
        return faulty if isinstance(faulty, Faulty) else Faulty(content=faulty)

    summary = (maker.__doc__ or name).strip().splitlines()[0].rstrip(".")
    seen = SHOWN_BY[place] if shown_by is None else shown_by
    return Fault(name, place, severity, cause, summary, make, seen, tasks)


GROUP = "edgeq.faults"
FAMILIES = (
    "quantization",
    "weights",
    "structure",
    "activations",
    "preprocessing",
    "labels",
    "boxes",
    "values",
    "file",
    "runtime",
    "controls",
)


def faults() -> Registry[Fault]:
    """Return all faults and controls by name, in the order of the families.

    Other packages add theirs by entry points of the group ``edgeq.faults``, each of which names one
    or several ``Fault`` objects.

    Raises:
        SpecError: An entry point can't be loaded, is not a fault, or uses a name that exists.
    """
    for family in FAMILIES:
        import_module(f"edgeq.faults.{family}")
    catalogue = Registry("fault", BUILT_IN)
    for fault, _ in added("fault", Fault, GROUP):
        catalogue.add(fault.name, fault)
    return catalogue
