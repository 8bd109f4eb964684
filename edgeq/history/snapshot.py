"""The figures of a run or of accepted records, in one shape that can be compared. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from edgeq.history.accepted import Accepted, Conditions, HeldCase, Machine, VariantFacts
from edgeq.judge.verdict import Verdict
from edgeq.record.feeding import Feeding, recorded_differences
from edgeq.record.structs import CaseRecord, Facts, ModelRecord, RunRecord, VariantRecord

READY_MADE = "ready-made"
UNLABELLED = "changed"


@dataclass(frozen=True)
class CaseFigure:
    """One case with all that its value rests on.

    Attributes:
        id, model, method, gate, status, value, interval, limit, unit, declared_missing: As in
            the record.
        reason: The verdict's sentence, or ``""``.
        conditions: What it was measured with.
        variant: What it was measured on.
        image_keys: Of the evaluation set, ``""`` if they are not known.
    """

    id: str
    model: str
    method: str
    gate: str
    status: Verdict
    value: float | None
    interval: tuple[float, float] | None
    limit: float | None
    unit: str
    declared_missing: bool
    reason: str
    conditions: Conditions
    variant: VariantFacts
    image_keys: str = ""

    @property
    def preprocessing(self) -> Facts:
        """The preprocessing of the images that the variant saw."""
        return self.variant.preprocessing or self.conditions.preprocessing

    @property
    def feeding(self) -> Feeding | None:
        """How the variant was fed compared with its baseline, None if that is not recorded."""
        if self.variant.feeding is not None:
            return self.variant.feeding
        own, baseline = self.variant.preprocessing, self.conditions.preprocessing
        if not baseline:
            return None
        return Feeding(differences=recorded_differences(own, baseline) if own else ())


@dataclass(frozen=True)
class Snapshot:
    """One of the two things that are compared.

    Attributes:
        figures: By case id, in the order of the record.
        models: Names of its models.
        not_run: Ids of declared cases that were not run.
        partial: Whether a part of the gate was asked for, or done before an interruption.
    """

    figures: dict[str, CaseFigure]
    models: frozenset[str]
    not_run: frozenset[str] = field(default_factory=frozenset)
    partial: bool = False


def of_record(record: RunRecord) -> Snapshot:
    """Return the figures of a run."""
    models = {model.name: model for model in record.models}
    machine, toolchain = record.machine, record.toolchain
    conditions = {name: _conditions(model, machine, toolchain) for name, model in models.items()}
    variants = {
        (model.name, variant.name): _variant(variant)
        for model in record.models
        for variant in model.variants
    }
    return Snapshot(
        figures={
            case.id: _figure(
                case,
                conditions.get(case.model, Conditions()),
                variants.get((case.model, case.method), VariantFacts()),
                "" if case.model not in models else models[case.model].image_keys,
            )
            for case in record.cases
        },
        models=frozenset(models) | {case.model for case in record.cases},
        not_run=frozenset(record.summary.not_run),
        partial=record.partial or record.interrupted,
    )


def of_case(case: CaseRecord, model: ModelRecord, machine: Facts, toolchain: Facts) -> CaseFigure:
    """Return the figure of one case, while its run goes on.

    Args:
        case: The case.
        model: Its model, with its variant.
        machine: As in the run's record.
        toolchain: As in the run's record.
    """
    variants = (_variant(variant) for variant in model.variants if variant.name == case.method)
    return _figure(
        case,
        _conditions(model, machine, toolchain),
        next(variants, VariantFacts()),
        model.image_keys,
    )


def of_accepted(accepted: Sequence[Accepted]) -> Snapshot:
    """Return the figures of accepted records."""
    figures = {}
    for entry in accepted:
        for case_id, case in entry.cases.items():
            acceptance = entry.acceptances[case.acceptance]
            conditions = acceptance.measured_with
            figures[case_id] = held_figure(
                case_id,
                case,
                conditions,
                acceptance.variants,
                entry.image_keys.get(conditions.evaluation_sha256 or "", ""),
            )
    return Snapshot(figures=figures, models=frozenset(entry.model for entry in accepted))


def held_figure(
    case_id: str,
    case: HeldCase,
    conditions: Conditions,
    variants: Mapping[str, VariantFacts],
    image_keys: str = "",
) -> CaseFigure:
    """Return the figure of a case that was kept.

    Args:
        case_id: ``model/method/gate``.
        case: The case.
        conditions: What it was measured with.
        variants: The variants of its model, by name.
        image_keys: Of its evaluation set, ``""`` if they were not kept.
    """
    model, method, gate = case_id.split("/")
    return CaseFigure(
        id=case_id,
        model=model,
        method=method,
        gate=gate,
        conditions=conditions,
        variant=variants.get(method, VariantFacts()),
        image_keys=image_keys,
        **{name: getattr(case, name) for name in HeldCase.__struct_fields__},
    )


def kept(figure: CaseFigure) -> dict[str, Any]:
    """Return the fields that a ``HeldCase`` keeps of a figure."""
    fields = {name: getattr(figure, name) for name in HeldCase.__struct_fields__}
    return fields | {"reason": figure.reason if figure.status is Verdict.MISSING else ""}


def _figure(
    case: CaseRecord, conditions: Conditions, variant: VariantFacts, image_keys: str
) -> CaseFigure:
    return CaseFigure(
        id=case.id,
        model=case.model,
        method=case.method,
        gate=case.gate,
        status=case.status,
        value=case.value,
        interval=case.interval,
        limit=case.limit,
        unit=case.unit,
        declared_missing=case.declared_missing,
        reason=case.reason,
        conditions=conditions,
        variant=variant,
        image_keys=image_keys,
    )


def _conditions(model: ModelRecord, machine: Facts, tools: Facts) -> Conditions:
    evaluation = _table(model.images.get("evaluation"))
    sha256, count = evaluation.get("sha256"), evaluation.get("count")
    worth = evaluation.get("effective")
    return Conditions(
        baseline_sha256=model.baseline.sha256,
        evaluation_sha256=sha256 if isinstance(sha256, str) else None,
        evaluation_images=count if isinstance(count, int) else None,
        evaluation_worth=worth if isinstance(worth, float) else None,
        preprocessing=model.preprocessing,
        kernels=_text(tools.get("kernels")),
        threads=_whole(tools.get("threads")),
        runtime=_text(tools.get("ai-edge-litert")),
        machine=Machine(
            architecture=_text(machine.get("architecture")),
            processor=_text(machine.get("processor")),
            cores=_whole(machine.get("cores")),
        ),
        baseline_right=model.baseline.right,
    )


def _variant(variant: VariantRecord) -> VariantFacts:
    # Older records have a ready-made variant's own preprocessing in its manifest alone.
    older = variant.manifest.get("preprocessing") if variant.engine == READY_MADE else None
    return VariantFacts(
        sha256=variant.sha256,
        bytes=variant.bytes,
        preprocessing=variant.preprocessing or _table(older),
        feeding=variant.feeding,
        flips=_flips(variant.agreement),
        right=variant.right,
        agrees=variant.agrees,
    )


def _flips(agreement: Facts) -> dict[str, str] | None:
    """Return the flipped images by name, None if one has no name or none were looked for."""
    rows = agreement.get("flips")
    if not isinstance(rows, list | tuple):
        return None
    digests: dict[str, str] = {}
    for row in rows:
        name, kind = _table(row).get("name"), _table(row).get("kind")
        if not isinstance(name, str):
            return None
        digests[name] = kind if isinstance(kind, str) else UNLABELLED
    return digests


def _table(value: object) -> Facts:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0
