"""May a variant ship? The answer for one variant, from the verdicts of a record. Pure."""

from __future__ import annotations

import enum

from edgeq.judge.verdict import Verdict
from edgeq.record import RunRecord, VariantRecord


class Answer(str, enum.Enum):
    """The answer for a variant."""

    SHIPS = "may ship"
    WARNS = "may ship, with warnings"
    STOPS = "may not ship"
    PARTIAL = "partly run"
    UNMEASURED = "not measured"


def answer(record: RunRecord, model: str, variant: VariantRecord) -> Answer:
    """Return the answer for a variant.

    ``WARNS`` says that something is INCONCLUSIVE, or MISSING by declaration, where the spec lets
    that pass. ``PARTIAL`` says that nothing stands against it so far, and that declared cases were
    left out on purpose, or that the run was interrupted.
    """
    found = {case.status for case in record.verdicts(model, variant.name)}
    if variant.error is None and found <= {Verdict.MISSING}:
        return Answer.UNMEASURED
    if _faults(record, model, variant):
        return Answer.STOPS
    if _not_run(record, model, variant):
        return Answer.PARTIAL if record.partial or record.interrupted else Answer.STOPS
    if Verdict.PASS not in found:
        return Answer.STOPS
    return Answer.SHIPS if found == {Verdict.PASS} else Answer.WARNS


def objections(record: RunRecord, model: str, variant: VariantRecord) -> tuple[str, ...]:
    """Return why a variant may not ship, one sentence each; empty when it may."""
    found = _faults(record, model, variant)
    found += [f"{gate} was declared and not run" for gate in _not_run(record, model, variant)]
    if not any(case.status is Verdict.PASS for case in record.verdicts(model, variant.name)):
        found.append("no case passed, so nothing is proved")
    return tuple(found)


def _faults(record: RunRecord, model: str, variant: VariantRecord) -> list[str]:
    """Return what was found against a variant."""
    found = []
    if variant.error is not None:
        found.append(f"it could not be made or run: {variant.error}")
    for case in record.verdicts(model, variant.name):
        if case.status is Verdict.FAIL or (
            case.status is Verdict.MISSING and not case.declared_missing
        ):
            found.append(f"{case.gate} is {case.status.value}: {case.reason}")
        elif case.status is Verdict.INCONCLUSIVE and record.inconclusive == "fail":
            found.append(
                f"{case.gate} is INCONCLUSIVE, which the spec does not let pass: {case.reason}"
            )
    found += [
        f"{change.gate} is {change.kind.value} against the accepted record: {change.reason}"
        for change in record.changes
        if change.fails and (change.model, change.method) == (model, variant.name)
    ]
    return found


def _not_run(record: RunRecord, model: str, variant: VariantRecord) -> list[str]:
    """Return the gates that were declared for a variant and have no verdict."""
    prefix = f"{model}/{variant.name}/"
    return [
        case_id.removeprefix(prefix)
        for case_id in record.summary.not_run
        if case_id.startswith(prefix)
    ]
