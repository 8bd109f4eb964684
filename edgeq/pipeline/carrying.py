"""A reason why cases are not judged is given by one of them; the others point to it. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from edgeq.errors import EdgeqError
from edgeq.judge.missing import NOT_JUDGED, elsewhere, is_broken
from edgeq.judge.verdict import Verdict
from edgeq.record.structs import CaseRecord

_SEE = elsewhere("")


def reason_of(case: CaseRecord, error: EdgeqError | None) -> tuple[str, str] | None:
    """Return why a case was not judged, as what the reason is about and its text; None if it was.

    A variant that could not be made or run is the reason of its own cases. Bad input is the reason
    of all cases of its model, except for those that may be MISSING: each of them is declared.

    Args:
        case: The case's record.
        error: The bad input that kept it from being measured.
    """
    if case.status is Verdict.FAIL and is_broken(case.evidence):
        return f"{case.model}/{case.method}", case.reason
    if case.status is Verdict.MISSING and error is not None and not case.declared_missing:
        return case.model, str(error)
    return None


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
    """Return cases in which each broken variant's reason is given once.

    Tests that run in several processes don't know of each other: each process has a case that
    gives the reason. The first one stands.
    """
    carriers: dict[tuple[str, str], str] = {}
    moved: dict[str, str] = {}
    for case in (known := tuple(cases)):
        reason = reason_of(case, None)
        if reason is not None:
            carrier = carriers.setdefault(reason, case.id)
            if carrier != case.id:
                moved[case.id] = carrier
    return tuple(_moved(case, moved) for case in known)


def _moved(case: CaseRecord, moved: dict[str, str]) -> CaseRecord:
    carrier = moved.get(case.id) or moved.get(case.reason.removeprefix(_SEE))
    return case if carrier is None else pointing(case, carrier)
