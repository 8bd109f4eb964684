"""The result of a run in sentences, each reason for trouble once. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from shlex import quote

from edgeq.config.gates import GATES
from edgeq.config.markers import COST_MARKERS, MARKERS
from edgeq.judge.verdict import ShipDecision, Verdict
from edgeq.record.case_ids import parsed
from edgeq.record.change import ChangeKind
from edgeq.record.exit_code import is_open
from edgeq.record.ship_decision import overall
from edgeq.record.structs import RunRecord
from edgeq.report import words
from edgeq.report.control_view import costs, scale_costs
from edgeq.report.variant_view import CaseView
from edgeq.report.words import Mark
from edgeq.words import every, plural, utc


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


EXAMPLES = 2
"""Number of cases without a verdict that a note names."""

INTERRUPTED = Mark("✗", "x", "INTERRUPTED", "bad")
_FAILS, _RUN_FAILS = "the run fails", "The run fails"
FAILS = Mark("✗", "x", "FAIL", "bad")
PARTIAL = Mark("○", "o", "PARTIAL", "none")


def mark(record: RunRecord) -> Mark:
    """Return the mark of a run: good only if all variants may ship."""
    if record.interrupted:
        return INTERRUPTED
    passes, may_ship = record.summary.passes, record.summary.may_ship
    return mark_of(_answers(record), passes=passes, may_ship=may_ship, is_open=is_open(record))


def mark_of(
    answers: Collection[ShipDecision], *, passes: bool, may_ship: bool, is_open: bool = False
) -> Mark:
    """Return the mark of a run that was not interrupted.

    ``is_open``: only part of the gate was selected, and nothing in it fails.
    """
    if may_ship:
        shown = words.ANSWERS[ShipDecision.CLEARED]
    elif not passes:
        return PARTIAL if is_open else FAILS
    else:
        # a run that passes rejects no variant, and "not judged" is worse than "unproven"
        judged = answers and ShipDecision.NOT_JUDGED not in answers
        shown = words.ANSWERS[ShipDecision.UNPROVEN if judged else ShipDecision.NOT_JUDGED]
    return Mark(shown.symbol, shown.ascii, shown.word.upper(), shown.tone)


def headline(record: RunRecord) -> str:
    """Return how many variants of a run are cleared, in one sentence without a full stop."""
    answers = _answers(record)
    if record.interrupted:
        judged = plural(len(record.cases), "case")
        return f"The run was interrupted after {judged} of {_declared(record)}"
    sentence = cleared(answers)
    several = any(sum(target.clears for target in model.targets) > 1 for model in record.models)
    if several and (len(answers) > 1 or set(answers) == {ShipDecision.CLEARED}):
        sentence += " on every target"
    if record.summary.may_ship:
        return f"{sentence} and may ship"
    if record.partial and record.summary.not_run:
        return f"Part of the gate was run: {sentence[0].lower()}{sentence[1:]}"
    if answers and set(answers) == {ShipDecision.CLEARED}:
        return f"{sentence}, but {_FAILS}"
    return sentence


def title(record: RunRecord) -> str:
    """Return what a page about a run says first: that the run fails, if it does, and the headline.

    The reasons follow in ``below_title``.
    """
    sentence = headline(record)
    if record.summary.passes or record.interrupted or is_open(record) or _FAILS in sentence:
        return sentence
    part = record.partial and record.summary.not_run
    # A part, or what is cleared, is not why the run fails: a colon would say so.
    joint = ";" if part or ShipDecision.CLEARED in _answers(record) else ":"
    return f"{_RUN_FAILS}{joint} {sentence[0].lower()}{sentence[1:]}"


def below_title(record: RunRecord) -> str:
    """Return the verdict without what the title says already."""
    sentence = verdict(record)
    if not title(record).startswith(_RUN_FAILS):
        return sentence
    reasons = sentence.removeprefix(f"{_RUN_FAILS}: ")
    return f"{reasons[0].upper()}{reasons[1:]}"


def cleared(answers: Collection[ShipDecision]) -> str:
    """Return how many variants are cleared, or the answer about the only one."""
    given = tuple(answers)
    if not given:
        return "There is no variant to judge"
    if len(given) == 1:
        return f"The variant is {given[0].value}"
    number = given.count(ShipDecision.CLEARED)
    if number == len(given):
        return f"{every(number)} variants are cleared"
    return f"{number} of {len(given)} variants {'is' if number == 1 else 'are'} cleared"


def verdict(record: RunRecord) -> str:
    """Return whether the run passes and why, without a full stop."""
    summary, parts = record.summary, _parts(record)
    if summary.not_run:
        were = "was" if len(summary.not_run) == 1 else "were"
        left = f"{plural(len(summary.not_run), 'declared case')} {were} not run"
        parts.append(f"{left}{_why_not_run(record)}")
    elif not summary.complete:
        parts.append("verdicts and declared cases do not match")
    if not record.cases:
        parts.append("nothing was judged")
    if record.interrupted:
        parts.insert(0, "it was interrupted")
    passed = "its only case" if summary.passed == 1 else f"all {summary.passed:,} cases"
    reasons = "; ".join(parts) or f"{passed} passed"
    if is_open(record):
        return f"Nothing fails: {reasons}"
    return f"The run {'passes' if summary.passes else 'fails'}: {reasons}"


def bad_input(record: RunRecord) -> tuple[str, ...]:
    """Return the notes on bad input, one sentence each."""
    return tuple(f"Bad input: {error}" for error in record.errors)


def notes(record: RunRecord) -> tuple[str, ...]:
    """Return what a reader must know before the numbers, one sentence each."""
    sentences = list(bad_input(record))
    for model in record.models:
        own = (case for case in record.cases if case.model == model.name)
        remarks = (*model.notes, *costs(model), *scale_costs(own))
        sentences += [f"{model.name}: {note}" for note in remarks]
        sentences += [
            f"{model.name}/{variant.name}: {variant.feeding.sentence}"
            for variant in model.variants
            if variant.feeding is not None and variant.feeding.differs
        ]
        gates = dict.fromkeys(
            c.gate for c in record.cases if c.model == model.name and c.declared_missing
        )
        if gates:
            why = "" if model.trained else " because its weights are random"
            sentences.append(
                f"{model.name}: MISSING by declaration{why}: {', '.join(gates)}. The answers "
                "below don't cover them."
            )
    left = record.summary.not_run
    if left:
        example = ", for example " if len(left) > EXAMPLES else ": "
        shown = " and ".join(left[:EXAMPLES])
        sentences.append(f"{plural(len(left), 'declared case')} not run{example}{shown}")
    if left and record.partial and not record.interrupted:
        sentences.append(_how_to_complete(record))
    sentences += [
        f"{plural(number, 'verdict')} of the run of {utc(moment)}: same spec, same files"
        for moment, number in Counter(c.as_of for c in record.cases if c.as_of).items()
    ]
    return tuple(sentences)


def _how_to_complete(record: RunRecord) -> str:
    """Return how to complete a partial run, with which later runs are joined if nothing changed."""
    gates = {parsed(case_id).gate for case_id in record.summary.not_run}
    markers = [name for name in MARKERS if any(_marker(gate) == name for gate in gates)]
    run = {_marker(case.gate) for case in record.cases if case.as_of is None}
    alone = bool(markers) and not run & set(markers) and all(_marker(gate) for gate in gates)
    rest = f"run the rest with -m {quote(' or '.join(markers))}" if alone else "run the rest"
    costs = [name for name in markers if name in COST_MARKERS]
    unless = ""
    if alone and costs == markers:
        asked = ", ".join(f'"{name}"' for name in markers)
        unless = f", or declare that it is not asked for: without = [{asked}]"
    return f"The answer is incomplete: {rest}, which is joined with this run{unless}"


def _marker(gate: str) -> str:
    return GATES.get(gate).marker if gate in GATES else ""


def caution(record: RunRecord) -> bool:
    """Return whether the notes limit the answer; if not, they only describe what was used."""
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
        parts.append(f"{plural(len(record.errors), 'input')} could not be used")
    if summary.failed:
        parts.append(f"{plural(summary.failed, 'case')} FAIL")
    if undeclared:
        parts.append(f"{plural(undeclared, 'case')} MISSING without being declared")
    rule = "a warning" if record.inconclusive == "warn" else "a failure by the spec"
    if summary.inconclusive:
        parts.append(f"{_cases_are(summary.inconclusive)} INCONCLUSIVE ({rule})")
    if summary.missing - undeclared:
        parts.append(f"{plural(summary.missing - undeclared, 'case')} MISSING as declared")
    failing = {case.id for case in record.cases if case.status is Verdict.FAIL}
    for kind in (ChangeKind.WORSE, ChangeKind.GONE):
        moved = [change.id for change in record.changes if change.fails and change.kind is kind]
        number = sum(case_id not in failing for case_id in moved)
        if number:
            against = "than accepted" if kind is ChangeKind.WORSE else "since the accepted record"
            noun = "other case" if number < len(moved) else "case"
            parts.append(f"{plural(number, noun)} {kind.value} {against}")
    if number := sum(change.is_open for change in record.changes):
        parts.append(f"{_cases_are(number)} inconclusive against the accepted record ({rule})")
    return parts


def _cases_are(number: int) -> str:
    return f"{plural(number, 'case')} {'is' if number == 1 else 'are'}"


def _why_not_run(record: RunRecord) -> str:
    """Return whether the cases that were not run were left out on purpose, in a partial run."""
    lost = len(record.lost)
    if not record.partial or record.interrupted:
        return ""
    return f", {lost} of them not on purpose" if lost else ", on purpose"


def _declared(record: RunRecord) -> int:
    return len({*(case.id for case in record.cases), *record.summary.not_run})


def _answers(record: RunRecord) -> list[ShipDecision]:
    return list(overall(record).values())


def _undeclared(record: RunRecord) -> int:
    return sum(c.status is Verdict.MISSING and not c.declared_missing for c in record.cases)
