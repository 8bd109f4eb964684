"""Tells cases that the user chose to leave out from cases whose verdict was lost."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from types import FrameType


@dataclass(frozen=True)
class LeftOut(Container[str]):
    """The ids of the cases that need no verdict.

    Attributes:
        deselected: Cases whose tests the user deselected (``-k``, ``-m``, ``--deselect``).
        collected: Cases whose tests pytest collected, including the deselected ones.
        declared: Cases of the gate that the spec declares.
        others: Whether pytest did not look for all tests: some were named, only those that failed
            last time were run (``--lf``), or only the user's own tests were.
    """

    deselected: frozenset[str]
    collected: frozenset[str]
    declared: frozenset[str]
    others: bool

    @property
    def is_part(self) -> bool:
        """Whether the user selected only part of the cases."""
        return self.others or bool(self.deselected)

    def __contains__(self, case_id: object) -> bool:
        """Return whether the user chose to leave a case out."""
        if case_id in self.deselected:
            return True
        if case_id in self.collected:
            return False
        # an undeclared id is a test of the user's own, known from the earlier run that this partial
        # run is merged with
        return self.others if case_id in self.declared else self.is_part


def by_pytest(frame: FrameType | None) -> bool:
    """Return whether a hook is called by pytest itself, not by a plugin or a ``conftest.py``.

    ``frame`` is where the upward search for the hook's caller begins.
    """
    while frame is not None:
        module = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if module not in {"pluggy", "edgeq"}:
            return module == "_pytest"
        frame = frame.f_back
    return False
