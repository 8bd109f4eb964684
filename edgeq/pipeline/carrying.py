"""Lets one case carry a reason that several cases share; the others point to it. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from edgeq.errors import EdgeqError
from edgeq.judge.missing import NOT_JUDGED, elsewhere, is_broken
from edgeq.judge.verdict import Verdict
from edgeq.record.structs import CaseRecord


def reason_of(case: CaseRecord, error: EdgeqError | None) -> tuple[str, str] | None:
    """Return what the reason why a case was not judged is about, and its text.

    A variant that could not be built or run is the reason for its own cases. Bad input is the
    reason for all cases of its model, except cases declared MISSING, which are declared one by one.
    ``error`` is the bad input that prevented the measurement.

    Returns:
        None if the case was judged.
    """
    if case.status is Verdict.FAIL and is_broken(case.evidence):
        return f"{case.model}/{case.variant}", case.reason
    if case.status is Verdict.MISSING and error is not None and not case.declared_missing:
        return case.model, str(error)
    return None


def said_once(
    case: CaseRecord, error: EdgeqError | None, carriers: dict[tuple[str, str], str]
) -> CaseRecord:
    """Return a case, made to point to an earlier case if that has the same reason.

    ``carriers`` has the ids of the cases that carry a reason, by reason; this case is added if its
    reason is new.
    """
    reason = reason_of(case, error)
    if reason is None:
        return case
    carrier = carriers.setdefault(reason, case.id)
    return case if carrier == case.id else pointing(case, carrier)


def pointing(case: CaseRecord, carrier: str) -> CaseRecord:
    """Return a case as not judged, pointing to the case that carries the reason."""
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
    """Return whether a case is not judged and points to the case that carries the reason."""
    return case.status is Verdict.MISSING and case.reason.startswith(NOT_JUDGED)


def carried_once(cases: Iterable[CaseRecord]) -> tuple[CaseRecord, ...]:
    """Return cases in which only the first case of each broken variant carries the reason.

    During the run, the test that runs first carries it, and tests in different processes don't know
    of each other. The record must not depend on their order. The cases are in inventory order.
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
    """Return a case with the reason that another case carried."""
    return msgspec.structs.replace(
        case,
        status=carrier.status,
        reason=carrier.reason,
        cause=carrier.cause,
        next_step=carrier.next_step,
        evidence=carrier.evidence,
    )
