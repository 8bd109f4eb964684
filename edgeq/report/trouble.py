"""Cases that did not pass, each reason once: of several alike, only the first is named. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from edgeq.report.variant_view import CaseView


@dataclass(frozen=True)
class Trouble:
    """The first of the cases with the same verdict for the same reason, and the others' number.

    It lacks a cause or a next step that was already given.
    """

    case: CaseView
    others: int

    @property
    def ids(self) -> str:
        """The id of the first case, and the number of the others."""
        return f"{self.case.id} and {self.others} more" if self.others else self.case.id


def troubles(cases: Iterable[CaseView]) -> tuple[Trouble, ...]:
    """Return cases grouped by what is said about them, in the order of the first of each group.

    The cases of a variant often share their cause and their next step, so each is given once for a
    variant.
    """
    alike: dict[tuple[object, ...], list[CaseView]] = {}
    for case in cases:
        text = (case.mark.word, case.declared, case.reason, case.cause, case.next_step)
        alike.setdefault((*text, case.resolution), []).append(case)
    given: set[tuple[str, str]] = set()
    groups = []
    for first, *others in alike.values():
        variant = first.id.rpartition("/")[0]
        cause, step = (
            "" if (variant, text) in given else text for text in (first.cause, first.next_step)
        )
        given |= {(variant, first.cause), (variant, first.next_step)}
        groups.append(Trouble(replace(first, cause=cause, next_step=step), len(others)))
    return tuple(groups)
