"""The figures of a run or of accepted records, in one comparable form. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from edgeq.config.structs import Preprocessing
from edgeq.config.target_kinds import LOCAL
from edgeq.history.accepted import Accepted, Conditions, HeldCase, Machine, VariantFacts
from edgeq.io import structs
from edgeq.io.structs import Json
from edgeq.judge.verdict import Verdict
from edgeq.record import provenance
from edgeq.record.case_ids import parsed
from edgeq.record.feeding import Feeding, recorded_differences
from edgeq.record.measured import RecordedAgreement
from edgeq.record.provenance import Toolchain
from edgeq.record.structs import CaseRecord, ModelRecord, RunRecord, VariantRecord

UNLABELLED = "changed"
_NOT_DONE: dict[str, Json] = {"jpeg_scaling": 0.0}
"""Preprocessing keys that older records lack, with the values that they then had."""


@dataclass(frozen=True)
class CaseFigure:
    """A case with everything that its value rests on.

    Attributes:
        id, model, method, gate, status, value, interval, limit, unit, declared_missing: As in
            the record.
        reason: The verdict's sentence, or ``""``.
        image_keys: Keys of the evaluation set's images, or ``""`` if unknown.
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
    def preprocessing(self) -> dict[str, Json]:
        """Preprocessing of the images that the variant saw."""
        known = self.variant.preprocessing or self.conditions.preprocessing
        return {**_NOT_DONE, **known} if known else {}

    @property
    def feeding(self) -> Feeding | None:
        """How the variant was fed compared with its baseline, or None if not recorded."""
        if self.variant.feeding is not None:
            return self.variant.feeding
        own, baseline = self.variant.preprocessing, self.conditions.preprocessing
        if not baseline:
            return None
        return Feeding(differences=recorded_differences(own, baseline) if own else ())


@dataclass(frozen=True)
class Snapshot:
    """One side of a comparison.

    Attributes:
        figures: Figures by case id, in the order of the record.
        not_run: Ids of declared cases that were not run.
    """

    figures: dict[str, CaseFigure]
    models: frozenset[str]
    not_run: frozenset[str] = field(default_factory=frozenset)


def of_record(record: RunRecord) -> Snapshot:
    """Return the figures of a run."""
    models = {model.name: model for model in record.models}
    machine, toolchain = record.machine, record.toolchain
    conditions = {
        (name, target): _conditions(model, machine, toolchain, target)
        for name, model in models.items()
        for target in {LOCAL, *(each.name for each in model.targets)}
    }
    variants = {
        (model.name, variant.name): _variant(variant)
        for model in record.models
        for variant in model.variants
    }
    return Snapshot(
        figures={
            case.id: _figure(
                case,
                conditions.get((case.model, case.target), Conditions()),
                variants.get((case.model, case.variant), VariantFacts()),
                "" if case.model not in models else models[case.model].image_keys,
            )
            for case in record.cases
        },
        models=frozenset(models) | {case.model for case in record.cases},
        not_run=frozenset(record.summary.not_run),
    )


def of_case(
    case: CaseRecord, model: ModelRecord, machine: provenance.Machine, toolchain: Toolchain
) -> CaseFigure:
    """Return the figure of one case while its run is in progress."""
    variants = (_variant(variant) for variant in model.variants if variant.name == case.variant)
    return _figure(
        case,
        _conditions(model, machine, toolchain, case.target),
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
    """Return the figure of a stored case."""
    model, method, gate, _ = parsed(case_id)
    return CaseFigure(
        id=case_id,
        model=model,
        method=method,
        gate=gate,
        conditions=conditions,
        variant=variants.get(method, VariantFacts()),
        image_keys=image_keys,
        **_fields_of(case),
    )


def kept(figure: CaseFigure) -> dict[str, Any]:
    """Return the fields of a figure that a ``HeldCase`` stores."""
    return _fields_of(figure) | {
        "reason": figure.reason if figure.status is Verdict.MISSING else ""
    }


def _fields_of(case: CaseRecord | CaseFigure | HeldCase) -> dict[str, Any]:
    return {name: getattr(case, name) for name in HeldCase.__struct_fields__}


def _figure(
    case: CaseRecord, conditions: Conditions, variant: VariantFacts, image_keys: str
) -> CaseFigure:
    return CaseFigure(
        id=case.id,
        model=case.model,
        method=case.variant,
        gate=case.gate,
        conditions=conditions,
        variant=variant,
        image_keys=image_keys,
        **_fields_of(case),
    )


def _conditions(
    model: ModelRecord, machine: provenance.Machine, tools: Toolchain, target: str
) -> Conditions:
    """Return the conditions on a target, which has a machine and a runtime of its own."""
    evaluation, baseline = model.images.evaluation, model.baseline
    kernels, runtime = tools.kernels, tools.ai_edge_litert
    for other in model.targets:
        if other.name == target != LOCAL:
            machine, kernels, baseline = other.machine, other.kernels, other.baseline or baseline
            runtime = other.versions.get("ai-edge-litert")
    return Conditions(
        baseline_sha256=model.baseline.sha256,
        evaluation_sha256=None if evaluation is None else evaluation.sha256,
        evaluation_images=None if evaluation is None else evaluation.count,
        evaluation_worth=None if evaluation is None else evaluation.effective,
        preprocessing=_table(model.preprocessing),
        kernels=kernels or "",
        threads=tools.threads or 0,
        runtime=runtime or "",
        machine=Machine(
            architecture=machine.architecture or "",
            processor=machine.processor or "",
            cores=machine.cores or 0,
        ),
        baseline_right=baseline.right,
    )


def _variant(variant: VariantRecord) -> VariantFacts:
    return VariantFacts(
        sha256=variant.sha256,
        bytes=variant.bytes,
        preprocessing=_table(variant.preprocessing),
        feeding=variant.feeding,
        flips=_flips(variant.agreement),
        right=variant.right,
        agrees=variant.agrees,
    )


def _table(preprocessing: Preprocessing | None) -> dict[str, Json]:
    """Return a preprocessing as it is read from JSON, or an empty dictionary for None."""
    if preprocessing is None:
        return {}
    return structs.from_json(msgspec.json.encode(preprocessing), dict[str, Json])


def _flips(agreement: RecordedAgreement | None) -> dict[str, str] | None:
    """Return the flipped images by name, or None if one has no name or flips are unknown."""
    if agreement is None:
        return None
    kinds: dict[str, str] = {}
    for flip in agreement.flips:
        if flip.name is None:
            return None
        kinds[flip.name] = flip.kind or UNLABELLED
    return kinds
