"""The whole catalogue: the faults of this package and those of others."""

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
    "file",
    "runtime",
    "controls",
)


def faults() -> Registry[Fault]:
    """Return all faults and controls by name, in the order of the families.

    Other packages add theirs by an entry point of the group ``edgeq.faults`` that names a
    ``Fault`` or several of them.

    Raises:
        SpecError: An entry point can't be loaded, is no fault, or takes a name that is taken.
    """
    for family in FAMILIES:
        import_module(f"edgeq.faults.{family}")
    found = Registry("fault", BUILT_IN)
    for one, _ in added("fault", Fault, GROUP):
        found.add(one.name, one)
    return found
