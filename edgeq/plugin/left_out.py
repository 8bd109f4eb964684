"""Which cases without a verdict the user chose to leave out, and which were lost."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from types import FrameType


@dataclass(frozen=True)
class LeftOut(Container[str]):
    """The ids of the cases that need no verdict.

    Attributes:
        deselected: Cases whose tests the user deselected (``-k``, ``-m``, ``--deselect``).
        collected: Cases whose tests pytest found, the former among them.
        declared: Cases of the gate that the spec declares.
        others: Whether tests were not even to be found: some were named, or only those that failed
            last time (``--lf``), or only tests of the user's own.
    """

    deselected: frozenset[str]
    collected: frozenset[str]
    declared: frozenset[str]
    others: bool

    @property
    def is_part(self) -> bool:
        """Whether the user asked for a part."""
        return self.others or bool(self.deselected)

    def __contains__(self, case_id: object) -> bool:
        """Return whether the user chose to leave a case out."""
        if case_id in self.deselected:
            return True
        if case_id in self.collected:
            return False
        # what is not declared is a test of the user's own, known from the run that a part is
        # joined with
        return self.others if case_id in self.declared else self.is_part


def by_pytest(frame: FrameType | None) -> bool:
    """Return whether pytest itself calls a hook, and not a plugin or a ``conftest.py``.

    Args:
        frame: Where the hook's caller is looked for, upwards.
    """
    while frame is not None:
        module = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if module not in {"pluggy", "edgeq"}:
            return module == "_pytest"
        frame = frame.f_back
    return False
