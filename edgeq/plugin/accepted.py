"""Compares a case with its accepted record while its test runs, so that JUnit shows the result."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from edgeq.history.compare import GatesOfBoth, gates_of_both
from edgeq.history.compare import change_of as compared
from edgeq.history.snapshot import Snapshot, of_accepted, of_case
from edgeq.record.change import Change, ChangeKind
from edgeq.record.provenance import Machine, Toolchain
from edgeq.record.structs import CaseRecord
from edgeq.results.recording import describe_variant, this_machine, toolchain_of
from edgeq.words.escape import printable

if TYPE_CHECKING:
    from edgeq.plugin.state import State


@dataclass(frozen=True)
class Held:
    """The accepted state that a session's cases are compared with, read once for all of them.

    Attributes:
        state: State of the session.
    """

    state: State

    @cached_property
    def side(self) -> Snapshot:
        """Snapshot of the accepted records."""
        return of_accepted(self.state.accepted)

    @cached_property
    def both(self) -> GatesOfBoth:
        """The gates of each variant, accepted and currently declared."""
        return gates_of_both(self.side, self.state.cases)

    @cached_property
    def machine(self) -> Machine:
        """The machine, on which latency and memory depend."""
        return this_machine()

    @cached_property
    def toolchain(self) -> Toolchain:
        """Library versions, and how models are run."""
        return toolchain_of(self.state.spec)

    def change_of(self, case: CaseRecord) -> Change | None:
        """Return how a case changed from its accepted record, None if it has none."""
        if case.model not in self.side.models:
            return None
        variant = self.state.cases[case.id].variant
        model = describe_variant(variant)
        figure = of_case(case, model, self.machine, self.toolchain)
        return compared(self.side.figures.get(case.id), figure, self.both)


def in_words(change: Change) -> str:
    """Return why a case fails although it is within its own limit."""
    meant = "If that is intended, say why"
    if change.is_open:
        meant = "If it is meant to be measured as it is now, accept its figures"
    which = "--prune" if change.kind is ChangeKind.GONE else "-k CASE"
    return (
        f"{change.id} is {change.against}: {printable(change.reason)}\n"
        f"Next: {meant}: edgeq accept {which} --reason TEXT"
    )
