"""A reason why cases are not judged is given by one of them; the others point to it. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from edgeq.errors import EdgeqError
from edgeq.judge.missing import NOT_JUDGED, elsewhere, is_broken
from edgeq.judge.verdict import Verdict
from edgeq.record.structs import CaseRecord


def reason_of(case: CaseRecord, error: EdgeqError | None) -> tuple[str, str] | None:
    """Return why a case was not judged, as what the reason is about and its text; None if it was.

    A variant that could not be made or run is the reason of its own cases. Bad input is the reason
    of all cases of its model, except for those that may be MISSING: each of them is declared.

    Args:
        case: The case's record.
        error: The bad input that kept it from being measured.
    """
    if case.status is Verdict.FAIL and is_broken(case.evidence):
        return f"{case.model}/{case.variant}", case.reason
    if case.status is Verdict.MISSING and error is not None and not case.declared_missing:
        return case.model, str(error)
    return None


def said_once(
    case: CaseRecord, error: EdgeqError | None, carriers: dict[tuple[str, str], str]
) -> CaseRecord:
    """Return a case, pointing to another one that has given the same reason before.

    Args:
        case: The case's record.
        error: The bad input that kept it from being measured.
        carriers: The cases that gave a reason, by it; this one joins them if its reason is new.
    """
    reason = reason_of(case, error)
    if reason is None:
        return case
    carrier = carriers.setdefault(reason, case.id)
    return case if carrier == case.id else pointing(case, carrier)


def pointing(case: CaseRecord, carrier: str) -> CaseRecord:
    """Return a case that is not judged for the reason that another one gives.

    Args:
        case: The case.
        carrier: Id of the case that gives the reason.
    """
    return msgspec.structs.replace(
        case,
        status=Verdict.MISSING,
        reason=elsewhere(carrier),
        cause=None,
        value=None,
        interval=None,
        next_step=None,
        evidence={},
    )


def points_elsewhere(case: CaseRecord) -> bool:
    """Return whether a case is not judged for the reason that another one gives."""
    return case.status is Verdict.MISSING and case.reason.startswith(NOT_JUDGED)


def carried_once(cases: Iterable[CaseRecord]) -> tuple[CaseRecord, ...]:
    """Return cases in which each broken variant's reason is given once, by the first of its cases.

    Whichever test runs first gives the reason, and tests that run in several processes don't know
    of each other. The record must be the same in any order.

    Args:
        cases: In the order of the inventory.
    """
    known = tuple(cases)
    carriers: dict[tuple[str, str], list[CaseRecord]] = {}
    for case in known:
        reason = reason_of(case, None)
        if reason is not None:
            carriers.setdefault(reason, []).append(case)
    moved: dict[str, CaseRecord] = {}
    for giving in carriers.values():
        texts = {elsewhere(case.id) for case in giving}
        group = [case for case in known if case in giving or case.reason in texts]
        moved[group[0].id] = _giving(group[0], giving[0])
        moved |= {case.id: pointing(case, group[0].id) for case in group[1:]}
    return tuple(moved.get(case.id, case) for case in known)


def _giving(case: CaseRecord, carrier: CaseRecord) -> CaseRecord:
    """Return a case that gives the reason that another one has given."""
    return msgspec.structs.replace(
        case,
        status=carrier.status,
        reason=carrier.reason,
        cause=carrier.cause,
        next_step=carrier.next_step,
        evidence=carrier.evidence,
    )
