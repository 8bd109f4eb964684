"""Annotations for GitHub Actions: workflow commands, one a line. Pure.

https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

from edgeq.change import Change, ChangeKind
from edgeq.escape import printable
from edgeq.judge.verdict import Verdict
from edgeq.record import CaseRecord, RunRecord

MOST = 10
"""Errors, and warnings, that GitHub shows of one step."""

_LONGEST = 2000
_IN_DATA = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_IN_PROPERTY = {**_IN_DATA, ":": "%3A", ",": "%2C"}


def commands(record: RunRecord) -> list[str]:
    """Return an error for all that keeps the run from passing, a warning for INCONCLUSIVE.

    Cases of one reason share an annotation, and the last one says how many are left out.
    """
    errors: dict[str, list[str]] = {}
    warnings: dict[str, list[str]] = {}
    for error in record.errors:
        errors.setdefault(error, []).append("bad input")
    for change in record.changes:
        if change.fails:
            errors.setdefault(change.reason, []).append(_changed(change))
    for case in record.cases:
        into = _place(case, errors, warnings, fails=record.inconclusive == "fail")
        if into is not None:
            into.setdefault(_why(case), []).append(f"{case.status.value} {case.id}")
    left = record.summary.not_run
    if left and not record.partial:
        errors.setdefault("declared, and not run", []).extend(left)
    return [*_commands("error", errors), *_commands("warning", warnings)]


def _place(
    case: CaseRecord,
    errors: dict[str, list[str]],
    warnings: dict[str, list[str]],
    *,
    fails: bool,
) -> dict[str, list[str]] | None:
    if case.status is Verdict.FAIL:
        return errors
    if case.status is Verdict.MISSING:
        return None if case.declared_missing else errors
    if case.status is Verdict.INCONCLUSIVE:
        return errors if fails else warnings
    return None


def _why(case: CaseRecord) -> str:
    parts = (case.reason, case.cause, case.next_step and f"Next: {case.next_step}")
    return ". ".join(part for part in parts if part)


def _changed(change: Change) -> str:
    against = "than accepted" if change.kind is ChangeKind.WORSE else "since the accepted record"
    return f"{change.id} {change.kind.value} {against}"


def _commands(kind: str, found: dict[str, list[str]]) -> list[str]:
    lines = []
    for why, about in found.items():
        more = f" and {len(about) - 1} more" if len(about) > 1 else ""
        lines.append(_command(kind, f"{about[0]}{more}", why))
    if len(lines) > MOST:
        rest = f"{len(lines) - MOST + 1} more are in the report"
        lines[MOST - 1 :] = [_command(kind, "edgeq", rest)]
    return lines


def _command(kind: str, title: str, message: str) -> str:
    said = printable(message)
    said = said if len(said) <= _LONGEST else f"{said[:_LONGEST]}…"
    return f"::{kind} title={_escaped(printable(title), _IN_PROPERTY)}::{_escaped(said, _IN_DATA)}"


def _escaped(text: str, signs: dict[str, str]) -> str:
    return "".join(signs.get(sign, sign) for sign in text)
