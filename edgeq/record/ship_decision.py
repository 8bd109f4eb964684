"""The four answers about a variant and the reasons for them, from a record's verdicts. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from edgeq.config.gates import GATES
from edgeq.config.target_kinds import LOCAL
from edgeq.judge.missing import RANDOM_WEIGHTS
from edgeq.judge.open_value import in_words, leaning
from edgeq.judge.verdict import ShipDecision, Verdict
from edgeq.record.case_ids import parsed
from edgeq.record.change import Change
from edgeq.record.exit_code import passes
from edgeq.record.structs import CaseRecord, ModelRecord, RunRecord, VariantRecord

_MEASURED = {Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE}


@dataclass(frozen=True)
class Outcome:
    """The parts of a case that the answer depends on.

    Attributes:
        gate: The gate's name.
        status: The verdict.
        declared: Whether the spec allows this MISSING.
    """

    gate: str
    status: Verdict
    declared: bool = False

    @property
    def fails(self) -> bool:
        """Whether this case alone rejects the variant."""
        undeclared = self.status is Verdict.MISSING and not self.declared
        return self.status is Verdict.FAIL or undeclared


def decided(
    outcomes: Iterable[Outcome],
    *,
    refused: bool,
    not_run: bool,
    lost: bool,
    is_open: bool = False,
    unfounded: bool = False,
) -> ShipDecision:
    """Return the answer about a variant: the first of the four that fits.

    Args:
        outcomes: The outcomes of its cases.
        refused: Whether it could not be made or run, or is worse than accepted.
        not_run: Whether any of its declared cases has no verdict.
        lost: Whether any of those was neither left out on purpose nor cut off.
        is_open: Whether the comparison with its accepted record is inconclusive, or a case of its
            baseline.
        unfounded: Whether a case of its baseline is FAIL. It was then compared with another model
            than the one that it should come from.
    """
    known = tuple(outcomes)
    if refused or any(case.fails for case in known) or lost:
        return ShipDecision.REJECTED
    if unfounded or not any(
        sees_predictions(case.gate) and case.status in _MEASURED for case in known
    ):
        return ShipDecision.NOT_JUDGED
    settled = not (not_run or is_open) and all(case.status is Verdict.PASS for case in known)
    return ShipDecision.CLEARED if settled else ShipDecision.UNPROVEN


def sees_predictions(gate: str) -> bool:
    """Return whether a gate looks at predictions; False for an unknown gate."""
    row = GATES.find(gate)
    return row is not None and row.sees_predictions


def answer(record: RunRecord, model: str, variant: VariantRecord) -> ShipDecision:
    """Return the answer about a variant from the record, or decide it if the record has none.

    The answer does not depend on ``record.inconclusive``, which only decides whether the run
    passes.
    """
    if variant.answer is not None:
        return variant.answer
    baseline = [case.status for case in _of_baseline(record, model)]
    return decided(
        map(_outcome, record.verdicts(model, variant.name)),
        refused=variant.error is not None or bool(_worse(record, model, variant)),
        not_run=bool(not_run(record, model, variant) or _open_baseline(record, model)),
        lost=bool(_of(record.lost, model, variant)),
        is_open=bool(incomparable(record, model, variant) or not set(baseline) <= {Verdict.PASS}),
        unfounded=Verdict.FAIL in baseline,
    )


def _of_baseline(record: RunRecord, model: str) -> tuple[CaseRecord, ...]:
    """Return the cases of a model's baseline."""
    return tuple(
        case
        for known in record.models
        if known.name == model
        for case in record.verdicts(model, known.baseline.name)
    )


def _open_baseline(record: RunRecord, model: str) -> tuple[str, ...]:
    """Return the gates that are declared for a model's baseline but have no verdict."""
    return tuple(
        gate
        for known in record.models
        if known.name == model
        for gate in not_run(record, model, known.baseline)
    )


def answered(record: RunRecord) -> RunRecord:
    """Return the record with each variant's answer, ``passes`` and ``may_ship`` filled in.

    Only this function decides them, at the end of a run, when everything they depend on is known.
    A record that already has all answers is returned unchanged.
    """
    variants = [variant for model in record.models for variant in model.variants]
    if variants and all(variant.answer is not None for variant in variants):
        return record
    models = tuple(
        msgspec.structs.replace(
            model,
            variants=tuple(
                msgspec.structs.replace(variant, answer=answer(record, model.name, variant))
                for variant in model.variants
            ),
        )
        for model in record.models
    )
    decisions = overall(msgspec.structs.replace(record, models=models)).values()
    cleared = bool(decisions) and set(decisions) == {ShipDecision.CLEARED}
    summary = msgspec.structs.replace(
        record.summary,
        passes=(good := passes(record)),
        may_ship=good and cleared,
    )
    return msgspec.structs.replace(record, models=models, summary=summary)


def overall(record: RunRecord) -> dict[tuple[str, str], ShipDecision]:
    """Return the answer about each variant on all targets together, by model and variant.

    It is the first of the four that any target gives. A target that does not measure predictions,
    or this machine if only files are judged on it, can only reject.
    """
    order = list(ShipDecision)
    counted: dict[tuple[str, str], list[ShipDecision]] = {}
    for model in record.models:
        for variant in model.variants:
            decision = answer(record, model.name, variant)
            known = counted.setdefault((model.name, variant.plain_name), [])
            if model.clears(variant) or decision is ShipDecision.REJECTED:
                known.append(decision)
    return {
        key: min(known, key=order.index, default=ShipDecision.NOT_JUDGED)
        for key, known in counted.items()
    }


def overall_reasons(record: RunRecord, model: ModelRecord, variant: str) -> tuple[str, ...]:
    """Return the reasons for the answer about a variant on all targets together."""
    every = [each for each in model.variants if each.plain_name == variant]
    decision = overall(record)[model.name, variant]
    deciding = [each for each in every if answer(record, model.name, each) is decision]
    return tuple(
        reason if each.target == LOCAL else f"on {each.target}: {reason}"
        for each in deciding
        if model.clears(each) or decision in {ShipDecision.REJECTED, ShipDecision.NOT_JUDGED}
        for reason in reasons(record, model.name, each)
    )


def with_error(record: RunRecord, error: str) -> RunRecord:
    """Return an answered record with an error that occurred while it was written.

    The record no longer passes; the answers about its variants stay.
    """
    summary = msgspec.structs.replace(record.summary, passes=False, may_ship=False)
    return msgspec.structs.replace(record, errors=(*record.errors, error), summary=summary)


def reasons(record: RunRecord, model: str, variant: VariantRecord) -> tuple[str, ...]:
    """Return the reasons for the answer about a variant, one sentence each, without full stops.

    Empty for a cleared variant.
    """
    decision = answer(record, model, variant)
    if decision is ShipDecision.REJECTED:
        return objections(record, model, variant)
    if decision is ShipDecision.NOT_JUDGED:
        return (why_not_judged(record, model, variant),)
    return doubts(record, model, variant) if decision is ShipDecision.UNPROVEN else ()


def objections(record: RunRecord, model: str, variant: VariantRecord) -> tuple[str, ...]:
    """Return the reasons to reject a variant."""
    objection_texts = []
    if variant.error is not None:
        objection_texts.append(f"it could not be made, run or compared: {variant.error}")
    objection_texts += [
        _in_words(case) for case in record.verdicts(model, variant.name) if _outcome(case).fails
    ]
    objection_texts += _worse(record, model, variant)
    lost = _of(record.lost, model, variant)
    objection_texts += [f"{gate} was declared and not run" for gate in lost]
    return tuple(objection_texts)


def doubts(record: RunRecord, model: str, variant: VariantRecord) -> tuple[str, ...]:
    """Return what is open about a variant that is not rejected."""
    doubt_texts = [
        _in_words(case)
        for case in (*_of_baseline(record, model), *record.verdicts(model, variant.name))
        if case.status is not Verdict.PASS
    ]
    doubt_texts += [
        f"{change.gate}: {change.against}; {change.reason}"
        for change in incomparable(record, model, variant)
    ]
    left = (*_open_baseline(record, model), *not_run(record, model, variant))
    doubt_texts += [f"{gate} was declared and not run" for gate in left]
    return tuple(doubt_texts)


def incomparable(record: RunRecord, model: str, variant: VariantRecord) -> tuple[Change, ...]:
    """Return the inconclusive comparisons of a variant with its accepted record."""
    return tuple(
        change
        for change in record.changes
        if change.is_open and (change.model, change.method) == (model, variant.name)
    )


def why_not_judged(record: RunRecord, model: str, variant: VariantRecord) -> str:
    """Return why a variant's predictions were not measured, for example its random weights."""
    for case in _of_baseline(record, model):
        if case.status is Verdict.FAIL:
            return f"its baseline is not the model of its source ({case.gate}: FAIL)"
    cases = [case for case in record.verdicts(model, variant.name) if sees_predictions(case.gate)]
    known = next((each for each in record.models if each.name == model), None)
    if known is not None and not known.clears(variant):
        if variant.target == LOCAL:
            return "only its file is judged on this machine"
        return f"{variant.target} does not measure its predictions"
    if cases:
        random = cases[0].reason.startswith(RANDOM_WEIGHTS)
        why = f"its predictions were not measured: {_bare(cases[0].reason)}"
        return "its weights are random" if random else why
    if any(sees_predictions(gate) for gate in not_run(record, model, variant)):
        return "no case that looks at its predictions was run"
    return "no gate looks at its predictions"


def not_run(record: RunRecord, model: str, variant: VariantRecord) -> tuple[str, ...]:
    """Return the gates that are declared for a variant but have no verdict."""
    return _of(record.summary.not_run, model, variant)


def _of(cases: Iterable[str], model: str, variant: VariantRecord) -> tuple[str, ...]:
    """Return the gates of the given cases that belong to a variant."""
    every = map(parsed, cases)
    return tuple(case.gate for case in every if case[:2] == (model, variant.name))


def leans(case: CaseRecord) -> Verdict | None:
    """Return the verdict that an INCONCLUSIVE case leans to, None for any other case.

    Also None if the case is open because its baseline may be guessing.
    """
    if case.known.doubt is not None:
        return None
    return leaning(case.gate, case.status, case.value, case.limit)


def status_in_words(case: CaseRecord) -> str:
    """Return a case's verdict in words, for example ``"INCONCLUSIVE, leans to FAIL"``."""
    return in_words(case.status, leans(case))


def _outcome(case: CaseRecord) -> Outcome:
    return Outcome(case.gate, case.status, case.declared_missing)


def _in_words(case: CaseRecord) -> str:
    declared = " as declared" if case.declared_missing else ""
    return f"{case.gate}: {status_in_words(case)}{declared}; {case.reason}"


def _worse(record: RunRecord, model: str, variant: VariantRecord) -> list[str]:
    """Return what became worse about a variant, apart from cases that fail their own limits."""
    own = record.verdicts(model, variant.name)
    failing = {case.id for case in own if case.status is Verdict.FAIL}
    return [
        f"{change.gate}: {change.against}; {change.reason}"
        for change in record.changes
        if change.fails
        and (change.model, change.method) == (model, variant.name)
        and change.id not in failing
    ]


def _bare(reason: str) -> str:
    """Return the reason of a MISSING case without the words that only say that it is missing."""
    return reason.removeprefix("not measured: ").removesuffix(" (absent by declaration)")
