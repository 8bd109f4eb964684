"""What a run comes to, in sentences. Pure."""

from __future__ import annotations

from edgeq.answer import Answer, answer
from edgeq.change import ChangeKind
from edgeq.judge.verdict import Verdict
from edgeq.record import RunRecord
from edgeq.report import words
from edgeq.report.words import Mark

EXAMPLES = 2
"""How many of the cases that were not run a note names."""

_SHIPPING = {Answer.SHIPS, Answer.WARNS}


def mark(record: RunRecord) -> Mark:
    """Return whether the run passes, fails, or was asked for a part only and found no fault."""
    if record.interrupted:
        return Mark("✗", "x", "INTERRUPTED", "bad")
    if record.summary.may_ship:
        return Mark("✓", "+", "PASS", "good")
    return Mark("○", "o", "PARTIAL", "none") if _is_open(record) else Mark("✗", "x", "FAIL", "bad")


def headline(record: RunRecord) -> str:
    """Return the answer of a run in one sentence, without a full stop."""
    answers = _answers(record)
    number, ships = len(answers), sum(one in _SHIPPING for one in answers)
    if record.interrupted:
        judged = words.count(len(record.cases), "case")
        return f"The run was interrupted after {judged} of {_declared(record)}"
    if record.partial and record.summary.not_run:
        return _headline_of_a_part(number, ships, answers.count(Answer.STOPS))
    if not number:
        return "There is no variant to ship"
    if ships == number:
        said = "The variant" if ships == 1 else f"All {ships} variants"
        warns = sum(one is Answer.WARNS for one in answers)
        return f"{said} may ship" + (f", {warns} with warnings" if warns else "")
    if not ships:
        return "The variant may not ship" if number == 1 else "No variant may ship"
    return f"{ships} of {number} variants may ship"


def _headline_of_a_part(number: int, ships: int, stops: int) -> str:
    said = "Part of the gate was run"
    if stops:
        return f"{said}: {stops} of {words.count(number, 'variant')} may not ship"
    return f"{said}: {ships} of {words.count(number, 'variant')} may ship" if ships else said


def verdict(record: RunRecord) -> str:
    """Return whether the run passes and why, without a full stop."""
    summary, parts = record.summary, _parts(record)
    if summary.not_run:
        were = "was" if len(summary.not_run) == 1 else "were"
        left = f"{words.count(len(summary.not_run), 'declared case')} {were} not run"
        parts.append(left + (f", so nothing is said about {_rest(record)}" * record.partial))
    elif not summary.complete:
        parts.append("verdicts and declared cases do not match")
    if not record.cases:
        parts.append("nothing was judged")
    if record.interrupted:
        parts.insert(0, "it was interrupted")
    said = "; ".join(parts) or f"all {words.count(summary.passed, 'case')} passed"
    if _is_open(record):
        return said
    return f"The run {'passes' if summary.may_ship else 'fails'}: {said}"


def bad_input(record: RunRecord) -> tuple[str, ...]:
    """Return the notes that bad input makes, one sentence each."""
    return tuple(f"Bad input: {error}" for error in record.errors)


def notes(record: RunRecord) -> tuple[str, ...]:
    """Return what a reader must know before the numbers, one sentence each."""
    found = list(bad_input(record))
    for model in record.models:
        found += [f"{model.name}: {note}" for note in model.notes]
        gates = dict.fromkeys(
            c.gate for c in record.cases if c.model == model.name and c.declared_missing
        )
        if gates:
            why = "" if model.trained else " because its weights are random"
            found.append(
                f"{model.name}: MISSING by declaration{why}: {', '.join(gates)}. The answers "
                "below say nothing about them."
            )
    left = record.summary.not_run
    if left:
        example = ", for example " if len(left) > EXAMPLES else ": "
        shown = " and ".join(left[:EXAMPLES])
        found.append(f"{words.count(len(left), 'declared case')} not run{example}{shown}")
    return tuple(found)


def caution(record: RunRecord) -> bool:
    """Return whether the notes take something away from the answer, or only say what was used."""
    return bool(
        record.errors
        or record.summary.not_run
        or any(not model.trained for model in record.models)
        or any(case.declared_missing for case in record.cases)
    )


def _parts(record: RunRecord) -> list[str]:
    summary, undeclared = record.summary, _undeclared(record)
    parts = []
    if record.errors:
        parts.append(f"{words.count(len(record.errors), 'input')} could not be used")
    if summary.failed:
        parts.append(f"{words.count(summary.failed, 'case')} FAIL")
    if undeclared:
        parts.append(f"{words.count(undeclared, 'case')} MISSING without being declared")
    if summary.inconclusive:
        rule = "which warns" if record.inconclusive == "warn" else "which fails"
        parts.append(f"{words.count(summary.inconclusive, 'case')} INCONCLUSIVE, {rule}")
    if summary.missing - undeclared:
        parts.append(f"{words.count(summary.missing - undeclared, 'case')} MISSING as declared")
    for kind in (ChangeKind.WORSE, ChangeKind.GONE):
        number = sum(change.fails and change.kind is kind for change in record.changes)
        if number:
            against = "than accepted" if kind is ChangeKind.WORSE else "since the accepted record"
            parts.append(f"{words.count(number, 'case')} {kind.value} {against}")
    return parts


def _is_open(record: RunRecord) -> bool:
    """Return whether a part was asked for, and nothing in it fails."""
    summary = record.summary
    return (
        record.partial
        and not record.interrupted
        and bool(summary.not_run and record.cases)
        and not (summary.failed or record.errors or _undeclared(record))
        and not any(change.fails for change in record.changes)
        and not (summary.inconclusive and record.inconclusive == "fail")
    )


def _rest(record: RunRecord) -> str:
    return "the others" if any(one in _SHIPPING for one in _answers(record)) else "shipping"


def _declared(record: RunRecord) -> int:
    return len({*(case.id for case in record.cases), *record.summary.not_run})


def _answers(record: RunRecord) -> list[Answer]:
    return [answer(record, model.name, one) for model in record.models for one in model.variants]


def _undeclared(record: RunRecord) -> int:
    return sum(c.status is Verdict.MISSING and not c.declared_missing for c in record.cases)
