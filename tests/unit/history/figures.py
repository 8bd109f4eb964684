"""Small runs for the tests of history: one model, one variant, a figure of every gate."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from edgeq.config.gates import GATES
from edgeq.config.structs import Preprocessing
from edgeq.history.snapshot import CaseFigure, of_record
from edgeq.io import structs
from edgeq.judge.verdict import Verdict
from edgeq.record.measured import NamedFlip, RecordedAgreement
from edgeq.record.provenance import Machine, RecordedImages, RecordedSet, Toolchain
from edgeq.record.ship_decision import answered
from edgeq.record.structs import CaseRecord, ModelRecord, RunRecord, VariantRecord, summarize
from tests.unit.report.records import agreement_of

T = TypeVar("T", bound=msgspec.Struct)

MODEL, METHOD = "net", "int8"
IMAGES = 100
INTERVALS = {
    "top1_agreement": (0.92, 0.99),
    "top5_overlap": (0.92, 0.99),
    "accuracy_drop": (-0.02, 0.03),
    "relative_error": (0.19, 0.21),
    "min_accuracy": (0.87, 0.93),
    "latency_ratio": (0.49, 0.51),
    "max_latency_ms": (4.9, 5.1),
}
VALUES: dict[str, float | None] = {
    "made": None,
    "types": None,
    "size_reduction": 0.7,
    "max_bytes": 8_000_000.0,
    "top1_agreement": 0.97,
    "top5_overlap": 0.96,
    "worst_cosine": 0.9,
    "relative_error": 0.2,
    "accuracy_drop": 0.01,
    "min_accuracy": 0.9,
    "latency_ratio": 0.5,
    "max_latency_ms": 5.0,
    "max_peak_memory": 60_000_000.0,
    "max_partitions": 1.0,
}


def case_id(gate: str, *, model: str = MODEL, method: str = METHOD) -> str:
    return f"{model}/{method}/{gate}"


def case(
    gate: str,
    status: Verdict = Verdict.PASS,
    *,
    model: str = MODEL,
    method: str = METHOD,
    **given: Any,
) -> CaseRecord:
    said: dict[str, Any] = {
        "value": VALUES[gate] if status is not Verdict.MISSING else None,
        "interval": INTERVALS.get(gate) if status is not Verdict.MISSING else None,
        "reason": f"as measured, {status.value}",
        **given,
    }
    return CaseRecord(
        id=case_id(gate, model=model, method=method),
        model=model,
        variant=method,
        gate=gate,
        status=status,
        unit=GATES.get(gate).unit,
        **said,
    )


def flips(**kinds: Any) -> RecordedAgreement:
    """Return the agreement of a variant that flips these images, given by name and kind."""
    rows = tuple(
        NamedFlip(
            image=index,
            name=f"{name}.jpg",
            kind=kind,
            baseline_class=0,
            variant_class=1,
            baseline_confidence=0.6,
            variant_confidence=0.5,
            tied=False,
        )
        for index, (name, kind) in enumerate(kinds.items())
    )
    return msgspec.structs.replace(agreement_of(IMAGES - len(rows), IMAGES), flips=rows)


def unnamed_flips() -> RecordedAgreement:
    """Return the agreement of a variant that flips an image without a name."""
    return agreement_of(IMAGES - 1, IMAGES)


def typed(kind: type[T], table: object) -> T | None:
    """Return a table as a record has it: None for an empty one; a struct as it is."""
    return structs.converted(table, kind) if isinstance(table, dict) and table else None


def run(
    *cases: CaseRecord,
    model: str = MODEL,
    method: str = METHOD,
    agreement: RecordedAgreement | None = None,
    variant: dict[str, Any] | None = None,
    described: dict[str, Any] | None = None,
    machine: dict[str, object] | None = None,
    toolchain: dict[str, object] | None = None,
    declared: tuple[str, ...] | None = None,
    **given: Any,
) -> RunRecord:
    """Return a run of one variant; every gate passes where no cases are given."""
    found = cases or tuple(case(gate, model=model, method=method) for gate in VALUES)
    facts: dict[str, Any] = {
        "engine": "litert",
        "sha256": "ab" * 32,
        "bytes": 8_000_000,
        "agreement": flips() if agreement is None else agreement,
        **(variant or {}),
    }
    facts["preprocessing"] = typed(Preprocessing, facts.get("preprocessing"))
    about: dict[str, Any] = {
        "images": {"evaluation": {"count": IMAGES, "sha256": "cd" * 32}},
        "preprocessing": {"filter": "bicubic", "mean": [0.0, 0.0, 0.0]},
        "baseline": VariantRecord(name="baseline", method="float", sha256="ef" * 32),
        **(described or {}),
    }
    about["preprocessing"] = typed(Preprocessing, about["preprocessing"])
    evaluation = about["images"].get("evaluation")
    photos = evaluation and {"source": "photos", **evaluation}
    about["images"] = RecordedImages(evaluation=typed(RecordedSet, photos))
    inventory = tuple(one.id for one in found) if declared is None else declared
    found_ = RunRecord(
        edgeq="1.0",
        started="2026-01-01T00:00:00+00:00",
        duration_s=1.0,
        spec_sha256="00",
        machine=structs.converted(
            {"architecture": "x86_64", "processor": "A", "cores": 2, **(machine or {})}, Machine
        ),
        toolchain=structs.converted(
            {"ai-edge-litert": "2.3.0", "kernels": "xnnpack", "threads": 1, **(toolchain or {})},
            Toolchain,
        ),
        models=(
            ModelRecord(
                name=model,
                source="net.tflite",
                trained=True,
                variants=(VariantRecord(name=method, method=method, **facts),),
                **about,
            ),
        ),
        cases=found,
        summary=summarize(found, inventory, left_out=inventory if given.get("partial") else ()),
        **given,
    )
    return answered(found_)


def figure(record: RunRecord, gate: str) -> CaseFigure:
    return of_record(record).figures[case_id(gate)]


def with_value(
    gate: str, value: float, interval: tuple[float, float] | None = None, **given: Any
) -> RunRecord:
    """Return a run of one case with this value."""
    return run(case(gate, value=value, interval=interval), **given)


def together(*records: RunRecord) -> RunRecord:
    """Return one run that holds the models and cases of several."""
    cases = tuple(one for record in records for one in record.cases)
    left = tuple(name for record in records for name in record.summary.not_run)
    return msgspec.structs.replace(
        records[0],
        models=tuple(model for record in records for model in record.models),
        cases=cases,
        summary=summarize(cases, (*(one.id for one in cases), *left)),
    )
