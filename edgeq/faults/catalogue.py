"""The whole catalogue: the faults of this package and those of others."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from importlib.metadata import entry_points

from edgeq.errors import SpecError
from edgeq.faults.fault import BUILT_IN, Fault
from edgeq.registry import Registry

GROUP = "edgeq.faults"
FAMILIES = (
    "quantization",
    "weights",
    "bias",
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
    for entry in entry_points(group=GROUP):
        try:
            loaded = entry.load()
        except (Exception, SystemExit) as error:
            raise SpecError(
                f"the faults of {entry.value!r} can't be loaded: {error}",
                where=f"entry point {entry.name!r} of the group {GROUP!r}",
                remedy="Mend or remove the package that registers them",
            ) from error
        for one in loaded if isinstance(loaded, Iterable) else (loaded,):
            if not isinstance(one, Fault):
                raise SpecError(
                    f"{entry.value!r} is no fault",
                    where=f"entry point {entry.name!r} of the group {GROUP!r}",
                    remedy="Name an edgeq.faults.fault.Fault, or several",
                )
            found.add(one.name, one)
    return found
