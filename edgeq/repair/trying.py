"""Judging the candidates of a repair by the gate, on the evaluation set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from edgeq.config.gate import Gate
from edgeq.config.structs import Gates, Precision, ReadyVariant, Spec
from edgeq.config.target_kinds import LOCAL
from edgeq.errors import SpecError
from edgeq.judge.tensors import LOST, ONE_SCALE, problem_of
from edgeq.judge.verdict import Verdict
from edgeq.pipeline.plan import Case
from edgeq.pipeline.run import Run
from edgeq.pipeline.schedule import Say
from edgeq.pipeline.variant import VariantUnderTest
from edgeq.record.structs import CaseRecord
from edgeq.repair.goals import Goal
from edgeq.results.judging import judge, why_inapplicable
from edgeq.results.prefetch import prefetch
from edgeq.store.content import Store

NAME = "repaired"
"""Name of the repaired variant."""

ERROR = "relative_error"
RATIO = "latency_ratio"

Units = Sequence[tuple[str, Precision]]


@dataclass(frozen=True)
class Conditions:
    """What the candidates of one model are judged by.

    The confidence of the intervals is corrected for the number of candidates.
    """

    spec: Spec
    model: str
    store: Store
    say: Say
    limits: Mapping[str, float]
    confidence: float


@dataclass(frozen=True)
class Verdicts:
    """The gate's verdicts on a candidate.

    Attributes:
        records: The candidate's cases. Those that must be measured alone are left out if others
            already reject it.
        bytes: Size of the candidate's file in bytes; None if it could not be made.
        lacks: What the candidate lacks, in sentences without a full stop; empty if it passes.
        loses_columns: Whether columns of an output are lost, as if one scale did not fit them all.
    """

    records: tuple[CaseRecord, ...]
    bytes: int | None
    lacks: tuple[str, ...]
    loses_columns: bool = False

    def of(self, gate: str) -> CaseRecord | None:
        """Return the case of a gate, that on this machine if there is one; None if none."""
        cases = [record for record in self.records if record.gate == gate]
        return min(cases, key=lambda record: record.target != LOCAL, default=None)


def judge_candidate(
    conditions: Conditions, method: str, units: Units, percentile: float | None = None
) -> Verdicts:
    """Judge a mix by every gate of the spec and by the goals, on every target of the spec.

    Raises:
        EdgeqError: The baseline or the images can't be used.
    """
    variant = ReadyVariant(
        model=conditions.model, method=method, units=dict(units), percentile=percentile
    )
    return _judge(conditions, variant)


def judge_trained(conditions: Conditions, file: Path, method: str | None) -> Verdicts:
    """Judge a file made from retrained weights as a ready-made variant.

    Raises:
        EdgeqError: The baseline or the images can't be used.
    """
    variant = ReadyVariant(model=conditions.model, file=str(file), method=method, weights="trained")
    return _judge(conditions, variant)


def _judge(conditions: Conditions, declared: ReadyVariant) -> Verdicts:
    run = Run(_spec_of(conditions, declared), store=conditions.store, say=conditions.say)
    cases = [case for case in run.cases if why_inapplicable(case) is None]
    together = [case for case in cases if not case.gate.alone]
    prefetch(run, together, explain=False)
    records = [_judged(case) for case in together]
    lacks = [_lack(record, conditions) for record in records]
    if not any(lacks):
        alone = [_judged(case) for case in cases if case.gate.alone]
        records += alone
        lacks += [_lack(record, conditions) for record in alone]
    variant = run.variant(f"{conditions.model}/{NAME}")
    artifact = variant.known(VariantUnderTest.artifact)
    fits = variant.known(VariantUnderTest.outputs)
    problem = None if fits is None else problem_of(fits, trained=True)
    return Verdicts(
        records=tuple(records),
        bytes=None if artifact is None else artifact.bytes,
        lacks=tuple(lack for lack in lacks if lack),
        loses_columns=problem is not None and problem.name in {LOST, ONE_SCALE},
    )


def value_of(conditions: Conditions, goal: Goal, method: str) -> float:
    """Return the value that a gate measures for a method's own variant on the evaluation set.

    Raises:
        SpecError: The gate measured no value.
        EdgeqError: The variant can't be made or run.
    """
    gate = goal.gate
    model = msgspec.structs.replace(conditions.spec.models[conditions.model], methods=(method,))
    spec = msgspec.structs.replace(
        conditions.spec,
        models={conditions.model: model},
        variants={},
        default_gates=False,
        gates=Gates(by_method={method: {gate.name: _loosest(gate)}}),
    )
    run = Run(spec, store=conditions.store, say=conditions.say)
    cases = [case for case in run.cases if case.gate == gate]
    case = min(cases, key=lambda case: case.variant.run is not run)  # on this machine if possible
    prefetch(run, [case], explain=False)
    record, error = judge(case, explain=False)
    if error is not None:
        raise error
    if record.value is None:
        raise SpecError(
            f"{method} has no value of {gate.name}: {record.reason}",
            where="--until",
            remedy="Name another method, or write the limit as a number",
        )
    return record.value


def _spec_of(conditions: Conditions, declared: ReadyVariant) -> Spec:
    """Return the spec with the candidate as its only variant, and with the candidate's limits."""
    spec = conditions.spec
    own = {**spec.gates.limits(NAME), **conditions.limits}
    gates = msgspec.structs.replace(spec.gates, by_method={**spec.gates.by_method, NAME: own})
    return msgspec.structs.replace(
        spec,
        models={
            conditions.model: msgspec.structs.replace(spec.models[conditions.model], methods=())
        },
        variants={NAME: declared},
        gates=gates,
        confidence=conditions.confidence,
        report=msgspec.structs.replace(spec.report, thumbnails=False),
    )


def _judged(case: Case) -> CaseRecord:
    record, error = judge(case, explain=False)
    if error is not None and record.status is not Verdict.FAIL:
        raise error
    return record


def _lack(record: CaseRecord, conditions: Conditions) -> str:
    """Return why a case keeps a candidate from passing, empty if it does not.

    A goal must be proved. For other gates the spec decides whether INCONCLUSIVE is enough.
    """
    open_ = record.status is Verdict.INCONCLUSIVE
    stops = record.status is Verdict.FAIL or (
        record.status is Verdict.MISSING and not record.declared_missing
    )
    stops = stops or (
        open_ and (record.gate in conditions.limits or conditions.spec.inconclusive == "fail")
    )
    place = "" if record.target == LOCAL else f"@{record.target}"
    return f"{record.gate}{place} {record.status.value}: {record.reason}" if stops else ""


def _loosest(gate: Gate) -> float:
    """Return a limit of the gate that every variant passes."""
    if gate.sense == "min":
        return gate.minimum
    return 1e9 if gate.maximum is None else gate.maximum
