"""The complete catalogue: the faults of this package and of other packages."""

from __future__ import annotations

from importlib import import_module

from edgeq.faults.fault import BUILT_IN, Fault
from edgeq.registry import Registry, added

GROUP = "edgeq.faults"
FAMILIES = (
    "quantization",
    "weights",
    "bias",
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
