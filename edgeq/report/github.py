"""Annotations for GitHub Actions, as workflow commands, one per line. Pure.

https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

from edgeq.judge.verdict import ShipDecision, Verdict
from edgeq.record.ship_decision import answer, status_in_words
from edgeq.record.structs import CaseRecord, RunRecord
from edgeq.report.model_sentences import about_model
from edgeq.report.words import sentence
from edgeq.words.escape import printable, shortened

MAX_ANNOTATIONS = 10
"""Number of errors, and of warnings, that GitHub shows per step."""

_MAX_LENGTH = 2001
"""Most characters of a message, with the ellipsis of one that was cut."""
_IN_DATA = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_IN_PROPERTY = {**_IN_DATA, ":": "%3A", ",": "%2C"}


def commands(record: RunRecord) -> list[str]:
    """Return errors for what keeps the run from passing, and warnings for INCONCLUSIVE.

    The answers about the variants come first, with the sentence about their model: an error for
    rejected, a warning for not judged or unproven. Cases with the same reason share an annotation.
    The last annotation gives the number of those left out.
    """
    errors: dict[str, list[str]] = {}
    warnings: dict[str, list[str]] = {}
    for model in record.models:
        for variant in model.variants:
            decision = answer(record, model.name, variant)
            only_rejects = not model.clears(variant) and decision is not ShipDecision.REJECTED
            if decision is not ShipDecision.CLEARED and not only_rejects:
                into = errors if decision is ShipDecision.REJECTED else warnings
                title = f"{decision.value}: {model.name}/{variant.name}"
                into.setdefault(f"{about_model(record, model)}.", []).append(title)
    for error in record.errors:
        errors.setdefault(error, []).append("bad input")
    for case in record.cases:
        place = _place(case, errors, warnings, fails=record.inconclusive == "fail")
        if place is not None:
            place.setdefault(_why(case), []).append(f"{status_in_words(case)} {case.id}")
    failing = {case.id for case in record.cases if case.status is Verdict.FAIL}
    for change in record.changes:
        if (change.fails or change.is_open) and change.id not in failing:
            fails = change.fails or record.inconclusive == "fail"
            against = (errors if fails else warnings).setdefault(change.reason, [])
            against.append(f"{change.id} {change.against}")
    if record.lost:
        errors.setdefault("declared, and not run", []).extend(record.lost)
    return [*_commands("error", errors), *_commands("warning", warnings)]


def _place(
    case: CaseRecord,
    errors: dict[str, list[str]],
    warnings: dict[str, list[str]],
    *,
    fails: bool,
) -> dict[str, list[str]] | None:
    if case.status is Verdict.INCONCLUSIVE:
        return errors if fails else warnings
    is_undeclared = case.status is Verdict.MISSING and not case.declared_missing
    return errors if case.status is Verdict.FAIL or is_undeclared else None


def _why(case: CaseRecord) -> str:
    parts = (case.reason, sentence(case.cause), case.next_step and f"Next: {case.next_step}")
    return ". ".join(part for part in parts if part)


def _commands(kind: str, groups: dict[str, list[str]]) -> list[str]:
    lines = []
    for why, about in groups.items():
        more = f" and {len(about) - 1} more" if len(about) > 1 else ""
        lines.append(_command(kind, f"{about[0]}{more}", why))
    if len(lines) > MAX_ANNOTATIONS:
        rest = f"{len(lines) - MAX_ANNOTATIONS + 1} more are in the report"
        lines[MAX_ANNOTATIONS - 1 :] = [_command(kind, "edgeq", rest)]
    return lines


def _command(kind: str, title: str, message: str) -> str:
    text = shortened(printable(message), _MAX_LENGTH)
    return f"::{kind} title={_escaped(printable(title), _IN_PROPERTY)}::{_escaped(text, _IN_DATA)}"


def _escaped(text: str, signs: dict[str, str]) -> str:
    return "".join(signs.get(sign, sign) for sign in text)
