"""A failed case gets its probable cause, found at most once per variant."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from edgeq.errors import EdgeqError
from edgeq.judge.verdict import Verdict
from edgeq.pipeline.diagnosis.bench import Bench
from edgeq.pipeline.diagnosis.cause import Diagnosis
from edgeq.pipeline.diagnosis.labels import wrong_labels
from edgeq.pipeline.diagnosis.table import diagnose
from edgeq.pipeline.plan import Case
from edgeq.pipeline.run import Run
from edgeq.record import CaseRecord

HEAD = "probable cause: "
ANSWER_GATES = frozenset(
    {"outputs", "top1_agreement", "top5_overlap", "worst_cosine", "accuracy_drop"}
)
GATE_CAUSES = {
    "calibration_disjoint": "overlap",
    "types": "wrong_types",
    "max_partitions": "partitions",
    "max_peak_memory": "memory",
    "latency_ratio": "latency",
    "max_latency_ms": "latency",
}
"""What a failure of these gates means: they need no diagnosis."""


def explained(
    run: Run, case: Case, record: CaseRecord, error: EdgeqError | None = None
) -> CaseRecord:
    """Return the record with its probable cause, where it failed and one is found.

    Args:
        run: The run.
        case: The case.
        record: Its record; the verdict stays as it is.
        error: What kept the variant from being made, read or run.
    """
    failed = record.status is Verdict.FAIL
    if failed and (error is not None or case.gate.name in ANSWER_GATES):
        found = run.diagnoses.get(
            case.subject.key, lambda: diagnose(Bench(run, case.subject, error))
        )
        return with_cause(record, found)
    if case.gate.name == "accuracy_drop" and record.status is Verdict.INCONCLUSIVE:
        return _with_labels(run, case, record)
    return record


def with_cause(record: CaseRecord, found: Diagnosis) -> CaseRecord:
    """Return the record with what a diagnosis found."""
    evidence = dict(record.evidence)
    if found.notes:
        evidence["diagnosis"] = list(found.notes)
    if found.cause is None:
        return msgspec.structs.replace(record, evidence=evidence)
    evidence["cause"] = {"name": found.cause.name, **found.cause.evidence}
    return msgspec.structs.replace(record, cause=f"{HEAD}{found.cause.sentence}", evidence=evidence)


def cause_of(records: Sequence[CaseRecord]) -> str | None:
    """Return the name of the probable cause that the failed cases of one variant give."""
    for record in records:
        cause = record.evidence.get("cause")
        if isinstance(cause, dict):
            return str(cause["name"])
    failed = {one.gate for one in records if one.status is Verdict.FAIL}
    return next((name for gate, name in GATE_CAUSES.items() if gate in failed), None)


def _with_labels(run: Run, case: Case, record: CaseRecord) -> CaseRecord:
    """Return the record with what is wrong with the labels: they cost both models alike."""
    try:
        cause = wrong_labels(Bench(run, case.subject))
    except EdgeqError as error:
        return with_cause(record, Diagnosis(None, (f"wrong_labels: {error.what}",)))
    return with_cause(record, Diagnosis(cause))
