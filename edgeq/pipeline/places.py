"""The targets of a run, and which gates are judged on each."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from edgeq.config.gate import Gate
from edgeq.config.structs import DeclaredTarget, Run, Spec
from edgeq.config.target_kinds import LOCAL, TargetKind
from edgeq.targets.starting import declared, kind_of


@dataclass(frozen=True)
class Place:
    """A target as a run uses it.

    Attributes:
        used: Whether the spec judges variants there. If not, it is this machine, on which files are
            made and examined in any case.
    """

    name: str
    declared: DeclaredTarget
    kind: TargetKind
    used: bool = True

    @property
    def is_here(self) -> bool:
        """Whether it is this machine."""
        return self.name == LOCAL

    def run(self, run: Run) -> Run:
        """Return how models are run there, which a kind with kernels of its own decides."""
        own = self.kind.kernels
        return run if own == "xnnpack" else msgspec.structs.replace(run, kernels=own)

    def judges(self, gate: Gate) -> bool:
        """Return whether a gate is judged there.

        What concerns the file alone is judged once, on this machine. What a target can't measure
        has no case there.
        """
        if gate.elsewhere and self.is_here:
            return False
        if gate.needs == "file":
            return self.is_here
        return self.used and self.kind.can_measure("time" if gate.timed else gate.needs)


def this_machine(spec: Spec) -> Place:
    """Return this machine as a spec uses it."""
    return _place(LOCAL, spec, used=LOCAL in spec.targets.use)


def others(spec: Spec) -> tuple[Place, ...]:
    """Return the other targets that a spec uses.

    Raises:
        SpecError: A target is not declared.
    """
    return tuple(_place(name, spec) for name in spec.targets.use if name != LOCAL)


def _place(name: str, spec: Spec, *, used: bool = True) -> Place:
    target = declared(name, spec)
    return Place(name, target, kind_of(target), used)
