"""Accepts a run: its figures become those that later runs are compared with. Pure.

Cases are selected by an expression, as pytest's ``-k`` selects tests. ``int8 and not latency``: a
word stands for every case that has it in its id, in the name of its test or in its marker, ignoring
case. Words combine with ``and``, ``or``, ``not`` and brackets. This is implemented here because
pytest's own is in a private module, and accepts no ``@`` and so no ``int8@tensorflow``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec

from edgeq.config.gates import GATES, shipped_test
from edgeq.errors import RecordError
from edgeq.history.accepted import Acceptance, Accepted, AcceptedCase
from edgeq.history.snapshot import CaseFigure, kept, of_record
from edgeq.judge.verdict import Verdict
from edgeq.record.case_ids import parsed
from edgeq.record.structs import CaseRecord, RunRecord, is_own_test
from edgeq.words import names, plural

Selection = Callable[[str], bool]

_TOKEN = re.compile(r"\s*(?:([()])|([^\s()]+))")
_WORDS = {"and", "or", "not"}


@dataclass(frozen=True)
class Signature:
    """Who accepts, when (ISO 8601, UTC) and why, and the commit that is checked out, if any."""

    reason: str
    date: str
    commit: str | None


@dataclass(frozen=True)
class Accepting:
    """The accepted records to write after an acceptance, None for one that becomes empty.

    ``taken`` are the cases whose figures are accepted now, ``vanished`` those that the run does not
    declare any more.
    """

    records: dict[str, Accepted | None]
    taken: tuple[str, ...]
    vanished: tuple[str, ...]
    pruned: bool


def accept(
    record: RunRecord,
    existing: Mapping[str, Accepted],
    selected: Selection,
    signature: Signature,
    *,
    declared: frozenset[str] = frozenset(),
    prune: bool = False,
) -> Accepting:
    """Merge a run's selected figures into the accepted records.

    ``declared`` are cases that the spec declares although the run does not.

    Raises:
        RecordError: No case is selected, or a selected case has no acceptable figure.
    """
    if not signature.reason.strip():
        raise RecordError("an acceptance needs a reason", remedy="Give one with --reason")
    refuse(record, selected)
    # A user's own test passes or fails by itself, and `edgeq gate` does not run it.
    every = of_record(record).figures
    figures = {name: figure for name, figure in every.items() if not is_own_test(figure.gate)}
    chosen = tuple(case_id for case_id in figures if selected(case_id))
    known = {*figures, *record.summary.not_run, *declared}
    vanished = tuple(
        case_id
        for entry in existing.values()
        for case_id in entry.cases
        if case_id not in known and selected(case_id)
    )
    if not chosen and not (prune and vanished):
        raise RecordError(
            "no case of the record is selected",
            where="-k",
            remedy=f"Its cases are {names(tuple(figures)) or 'none'}",
        )
    dropped = frozenset(vanished if prune else ())
    touched = {case_id.partition("/")[0] for case_id in (*chosen, *dropped)}
    records: dict[str, Accepted | None] = {}
    for model in sorted(touched):
        merged = _without(existing.get(model, Accepted(model=model)), dropped)
        new = [figures[case_id] for case_id in chosen if figures[case_id].model == model]
        for target in dict.fromkeys(parsed(figure.id).target for figure in new):
            some = tuple(figure for figure in new if parsed(figure.id).target == target)
            merged = _with(merged, some, signature, record)
        merged = _without_unused(merged)
        records[model] = merged if merged.cases else None
    return Accepting(records=records, taken=chosen, vanished=vanished, pruned=prune)


def refuse(record: RunRecord, selected: Selection) -> None:
    """Refuse a record that lacks a good figure for any selected case.

    Raises:
        RecordError: A figure is missing or bad; names the cases.
    """
    if record.errors:
        raise RecordError(
            f"the run had bad input: {record.errors[0]}", remedy="Fix it and run the gate again"
        )
    not_run = [case_id for case_id in record.summary.not_run if selected(case_id)]
    if not_run:
        raise RecordError(
            f"{plural(len(not_run), 'selected case')} of the record not run: {names(not_run)}",
            remedy="Run them, or select with -k what was run",
        )
    bad = [case for case in record.cases if selected(case.id) and _is_bad(case, record)]
    if bad:
        cases = names([f"{case.id}: {case.status.value}" for case in bad])
        if all(case.status is Verdict.INCONCLUSIVE for case in bad):
            raise RecordError(
                f"{cases}; by the spec that fails, and what fails can't be accepted",
                remedy='Evaluate more images, or set inconclusive = "warn", and run again; or '
                "leave them out: -k 'not NAME'",
            )
        raise RecordError(
            f"{cases}; a figure that fails its own limit can't be accepted",
            remedy="Fix the variant or its limit and run again, or leave it out: -k 'not NAME'",
        )


def _is_bad(case: CaseRecord, record: RunRecord) -> bool:
    if case.status is Verdict.INCONCLUSIVE:
        return record.inconclusive == "fail"
    is_undeclared = case.status is Verdict.MISSING and not case.declared_missing
    return case.status is Verdict.FAIL or is_undeclared


def _without(accepted: Accepted, dropped: frozenset[str]) -> Accepted:
    """Return a model's accepted record without some of its cases."""
    cases = {name: case for name, case in accepted.cases.items() if name not in dropped}
    return msgspec.structs.replace(accepted, cases=cases)


def _with(
    accepted: Accepted, new: tuple[CaseFigure, ...], signature: Signature, record: RunRecord
) -> Accepted:
    """Return a model's accepted record with the figures of one target merged in.

    They have an acceptance of their own, as each target has its own conditions.
    """
    key = str(1 + max((int(key) for key in accepted.acceptances if key.isdecimal()), default=0))
    acceptance = Acceptance(
        reason=signature.reason.strip(),
        date=signature.date,
        commit=signature.commit,
        run=record.started,
        edgeq=record.edgeq,
        measured_with=new[0].conditions,
        variants={figure.method: figure.variant for figure in new},
    )
    keys = {
        sha256: figure.image_keys
        for figure in new
        if figure.image_keys and (sha256 := figure.conditions.evaluation_sha256)
    }
    cases = {figure.id: AcceptedCase(acceptance=key, **kept(figure)) for figure in new}
    return Accepted(
        model=accepted.model,
        acceptances={**accepted.acceptances, key: acceptance},
        cases={**accepted.cases, **cases},
        image_keys={**accepted.image_keys, **keys},
    )


def _without_unused(accepted: Accepted) -> Accepted:
    """Return a model's accepted record without acceptances, variants and sets of no case."""
    used: dict[str, set[str]] = {}
    for case_id, case in accepted.cases.items():
        used.setdefault(case.acceptance, set()).add(parsed(case_id).variant)
    acceptances = {
        key: msgspec.structs.replace(
            acceptance,
            variants={
                name: facts for name, facts in acceptance.variants.items() if name in used[key]
            },
        )
        for key, acceptance in accepted.acceptances.items()
        if key in used
    }
    sets = {acceptance.measured_with.evaluation_sha256 for acceptance in acceptances.values()}
    return msgspec.structs.replace(
        accepted,
        acceptances=acceptances,
        image_keys={sha: text for sha, text in accepted.image_keys.items() if sha in sets},
    )


def select(expression: str) -> Selection:
    """Compile an expression to a function that tests a case id; an empty one selects every case.

    Raises:
        RecordError: The expression is not valid.
    """
    if not expression.strip():
        return lambda _: True
    parser = _Parser(expression)
    chosen = parser.either()
    if parser.next is not None:
        raise parser.error(f"{parser.next!r} is not expected there")
    return lambda case_id: chosen(_haystack(case_id))


def _haystack(case_id: str) -> str:
    """Return the text in which words are searched."""
    model, variant, gate, _ = parsed(case_id)
    marker = GATES.get(gate).marker if gate in GATES else ""
    return "\n".join((case_id, shipped_test(gate, f"{model}-{variant}"), marker)).lower()


class _Parser:
    """Recursive descent parser: either = both ("or" both)*, both = one ("and" one)*."""

    def __init__(self, expression: str) -> None:
        self._expression = expression
        self._tokens = [bracket or word for bracket, word in _TOKEN.findall(expression)]
        self._place = 0

    @property
    def next(self) -> str | None:
        """The next token, or None at the end."""
        return self._tokens[self._place] if self._place < len(self._tokens) else None

    def either(self) -> Selection:
        """Parse alternatives."""
        parts = [self._both()]
        while self._takes("or"):
            parts.append(self._both())
        return lambda text: any(part(text) for part in parts)

    def _both(self) -> Selection:
        parts = [self._one()]
        while self._takes("and"):
            parts.append(self._one())
        return lambda text: all(part(text) for part in parts)

    def _one(self) -> Selection:
        if self._takes("not"):
            inner = self._one()
            return lambda text: not inner(text)
        if self._takes("("):
            expression = self.either()
            if not self._takes(")"):
                raise self.error("a bracket is not closed")
            return expression
        word = self.next
        if word is None or word == ")" or word.lower() in _WORDS:
            raise self.error("a word is missing" + (f" before {word!r}" if word else " at the end"))
        self._place += 1
        return lambda text: word.lower() in text

    def _takes(self, token: str) -> bool:
        matches = self.next is not None and self.next.lower() == token
        self._place += matches
        return matches

    def error(self, what: str) -> RecordError:
        """Return the error for this expression."""
        return RecordError(
            f"{what} in the expression {self._expression!r}",
            where="-k",
            remedy="Write for example: -k 'int8 and not latency'",
        )
