"""The record of a run, as structs that are read from and written to JSON.

Schema ``edgeq.run/2``. Times are in seconds, sizes in bytes, numbers are plain JSON numbers.

``edgeq.run/1`` can still be read. Its ``summary.may_ship`` had the meaning that
``summary.passes`` has now, and its variants had no ``answer``.
``edgeq.record.ship_decision.answered`` adds what is missing.
"""

from __future__ import annotations

from collections.abc import Container
from pathlib import Path
from typing import Any

import msgspec

from edgeq.config.measures import declare_recorded
from edgeq.config.structs import Kernels, Preprocessing
from edgeq.config.target_kinds import LOCAL
from edgeq.errors import RecordError
from edgeq.io.files import write_bytes
from edgeq.io.structs import Json, Reader, content_of, indented, not_finite
from edgeq.judge.verdict import ShipDecision, Verdict
from edgeq.measure.own_measures import OwnMeasure
from edgeq.measure.size import Size
from edgeq.measure.tensors import Fit
from edgeq.quantize.variant import Manifest
from edgeq.record.case_ids import OWN_TEST
from edgeq.record.challenge import Challenge
from edgeq.record.change import Change, Previous
from edgeq.record.evidence import Evidence, evidence_of
from edgeq.record.feeding import Feeding
from edgeq.record.measured import (
    InParts,
    RecordedAccuracy,
    RecordedAgreement,
    RecordedBoxes,
    RecordedControl,
    RecordedFigures,
    RecordedLatency,
    RecordedMemory,
    RecordedNetwork,
    RecordedOperators,
    RecordedPrecision,
)
from edgeq.record.provenance import Machine, RecordedImages, RecordedLabels, Toolchain
from edgeq.record.repair import Repair
from edgeq.record.thumbnails import Picture, Sheet

SCHEMA = "edgeq.run/2"

SECTIONS = (
    "manifest",
    "preprocessing",
    "size",
    "operators",
    "agreement",
    "accuracy",
    "boxes",
    "precision",
    "figures",
    "latency",
    "memory",
    "network",
    "control",
)
"""Fields of a variant that are written as ``{}`` if they are None."""

MODEL_SECTIONS = ("preprocessing", "labels")
"""Fields of a model that are written as ``{}`` if they are None."""

_ALONE = frozenset({"total", "grown"})
"""Keys of measurements that a separate process takes last."""


def is_own_test(gate: str) -> bool:
    """Return whether a case with this gate is a user's own test."""
    return OWN_TEST in gate


class CaseRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict of one gate on one variant.

    Attributes:
        id: The case's id, ``model/variant/gate``, on other targets ``model/variant/gate@target``.
        model: The model's name in the spec.
        method: Deprecated: the variant's name under its old key. Read ``variant`` instead; this
            field will be removed in the next minor release.
        variant: The variant's name, with ``@TARGET`` on other targets than this machine.
        gate: The gate's name, or ``FILE::TEST`` for a user's own test.
        target: Name of the target that it was judged on.
        status: The verdict.
        unit: Unit of ``value``, ``limit`` and ``interval``; ``""`` for proofs.
        value: The measured number in ``unit``; None for proofs and MISSING.
        limit: The limit in ``unit``; None for proofs. The gate decides whether it is a minimum or
            a maximum; a value that meets it passes.
        interval: Confidence interval of the value in ``unit``.
        reason: Reason for the verdict, in one sentence.
        next_step: What the user can do about the verdict.
        declared_missing: Whether the spec allows this MISSING.
        evidence: Facts that support the reason; each gate chooses its own. The property ``known``
            returns those that edgeq reads.
        as_of: Start of the earlier run that judged this case, ISO 8601 in UTC; None if this run
            judged it.
        cause: Probable cause of the failure, worded as probable; its facts are in
            ``evidence["cause"]``. None if no cause was identified.
    """

    id: str
    model: str
    method: str = ""
    variant: str = ""
    gate: str
    target: str = LOCAL
    status: Verdict
    reason: str
    unit: str = ""
    value: float | None = None
    limit: float | None = None
    interval: tuple[float, float] | None = None
    next_step: str | None = None
    declared_missing: bool = False
    evidence: dict[str, Json] = {}
    cause: str | None = None
    as_of: str | None = None

    def __post_init__(self) -> None:
        """Set the variant's name under both keys, as older versions wrote and read only one."""
        name = self.variant or self.method
        msgspec.structs.force_setattr(self, "variant", name)
        msgspec.structs.force_setattr(self, "method", name)

    @property
    def known(self) -> Evidence:
        """The part of the evidence that edgeq itself reads."""
        return evidence_of(self.evidence)


class VariantRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One variant on one target, or the baseline.

    Attributes:
        name: The variant's name, ``"baseline"`` for the baseline; with ``@TARGET`` on other targets
            than this machine.
        target: Name of the target.
        method: Name of the method: ``"float"`` for the baseline, ``"ready-made"`` for a
            ready-made variant that claims no method.
        engine: Library that made the file: ``"ready-made"`` for a ready-made variant, ``""`` for
            the baseline.
        sha256: Hash of the file; ``""`` if it could not be made.
        bytes: Size of the file in bytes; smaller is better.
        file: Path of the file in the store or as the spec gives it, relative to the spec's root
            if the file lies below it; otherwise the bare file name.
        error: Why the variant could not be made or run; None if it could.
        answer: The answer about the variant, decided at the end of a run; None for the baseline
            and in a record of an older schema.
        right: Which evaluation images the model classifies correctly, as base64 of one bit per
            image in the set's order, the first in the highest bit of the first byte. ``""``
            without labels, and for a baseline if no variant's accuracy was measured.
        agrees: Which evaluation images the variant assigns to the baseline's class, packed like
            ``right``; ``""`` for the baseline.
        fingerprint: Hash of everything that the verdicts depend on: tools, files, images and
            labels. ``""`` if something can't be read. Partial runs of one spec are joined by it.
        manifest: What the variant was made from; None for the baseline and if the variant could
            not be made.
        preprocessing: The variant's own preprocessing; None if it uses the model's.
        feeding: How the variant's input differs from the baseline's; None if it does not, or if no
            case that depends on it was judged.
        size, operators, agreement, accuracy, latency, memory: The measurement; None, written as
            ``{}``, if it was not taken.
        boxes, precision: How a detector's boxes agree with the baseline's, and the mean average
            precision of both on labelled boxes; None, written as ``{}``, if not measured.
        figures: The figures of the model's task beside classes and boxes; None, written as ``{}``,
            if not measured.
        network: The error of each layer along the network; None if it was not measured.
        outputs: How closely each output that is judged as a tensor matches the baseline's.
        measures: The project's own measures, which the spec declares with functions.
        control: The control that the variant is also compared with, or why there is none, and the
            figures of both; None if no default limit needs a control.
    """

    name: str
    target: str = LOCAL
    method: str
    engine: str = ""
    sha256: str = ""
    bytes: int = 0
    file: str = ""
    error: str | None = None
    answer: ShipDecision | None = None
    right: str = ""
    agrees: str = ""
    fingerprint: str = ""
    manifest: Manifest | None = None
    preprocessing: Preprocessing | None = None
    feeding: Feeding | None = None
    size: Size | None = None
    operators: RecordedOperators | None = None
    agreement: RecordedAgreement | None = None
    accuracy: RecordedAccuracy | None = None
    boxes: RecordedBoxes | None = None
    precision: RecordedPrecision | None = None
    figures: RecordedFigures | None = None
    latency: RecordedLatency | None = None
    memory: RecordedMemory | None = None
    network: RecordedNetwork | None = None
    outputs: tuple[Fit, ...] = ()
    measures: tuple[OwnMeasure, ...] = ()
    control: RecordedControl | None = None

    @property
    def plain_name(self) -> str:
        """The name without the target."""
        return self.name if self.target == LOCAL else self.name.removesuffix(f"@{self.target}")


class TargetRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A target on which a model's variants were judged.

    Attributes:
        name: Name in the spec.
        kind: Its kind.
        summary: What the kind is, in a few words.
        measures: What it can measure.
        estimates: Whether it only estimates or checks.
        not_applicable: The gates that it can't measure and that have no case there.
        kernels: Kernels that ran the models there; None if it runs none.
        machine: What its worker reported about the machine; nothing if no worker answered.
        versions: Versions of its packages, by name.
        governor: Governor of the processor's clock; empty if unknown.
        clock_mhz: Clock of the first core in MHz; None if unknown.
        celsius: Temperature of the hottest sensor; None if unknown.
        warnings: What makes times there uncertain.
        error: Why it could not be used, or was lost; None if it could be used.
        baseline: The model's baseline there; None if it did not run there.
    """

    name: str
    kind: str
    summary: str
    measures: tuple[str, ...]
    estimates: bool = False
    not_applicable: tuple[str, ...] = ()
    kernels: Kernels | None = None
    machine: Machine = Machine()
    versions: dict[str, str] = {}
    governor: str = ""
    clock_mhz: float | None = None
    celsius: float | None = None
    warnings: tuple[str, ...] = ()
    error: str | None = None
    baseline: VariantRecord | None = None

    @property
    def clears(self) -> bool:
        """Whether a variant must be cleared there to ship; other targets can only reject it."""
        return "predictions" in self.measures and not self.estimates


class ModelRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One model with its baseline and variants.

    Attributes:
        name: Name in the spec.
        source: Source of the model in the spec.
        trained: Whether the weights are trained.
        baseline: The float model that the variants are compared with, on this machine.
        variants: The model's variants, one record for each target.
        targets: The targets that they were judged on; empty if that is this machine alone.
        notes: What a reader must know, for example that the weights are random.
        task: What the outputs are judged as; ``""`` if the task is not known.
        task_evidence: Why that task was chosen.
        decoder: What turned a detector's outputs into boxes; empty for other models.
        operating_score: Score from which a detector's box counts as an object; None for other
            models.
        suppression_iou: IoU above which the less certain one of two boxes of a class was dropped, 1
            if none was; None for other models.
        classes: Number of classes, 0 if the model has none.
        output: Index of the output that holds the class scores, or that another task judges; 0 if
            there is none.
        tensors: Number of outputs that are judged as tensors.
        heads: Number of further outputs with class scores.
        images: Counts, hashes and sources of the calibration and evaluation sets.
        image_keys: A key per evaluation image and its label, in the set's order: base64 of the
            first 6 bytes of a hash of each pair.
        preprocessing: How photographs become the model's input; None if it is not known, or if it
            takes arrays.
        arrays: Whether its samples are arrays, not photographs.
        labels: The model's label set, None if it has none.
        licence, attribution: Terms of the model, for the deployment package.
        pictures: Small pictures of the photographs that a report shows.
        sheets: Contact sheets of the model's image sets.
    """

    name: str
    source: str
    trained: bool
    baseline: VariantRecord
    variants: tuple[VariantRecord, ...] = ()
    targets: tuple[TargetRecord, ...] = ()
    notes: tuple[str, ...] = ()
    task: str = ""
    task_evidence: str = ""
    decoder: str = ""
    operating_score: float | None = None
    suppression_iou: float | None = None
    classes: int = 0
    output: int = 0
    tensors: int = 0
    heads: int = 0
    images: RecordedImages = RecordedImages()
    image_keys: str = ""
    preprocessing: Preprocessing | None = None
    arrays: bool = False
    labels: RecordedLabels | None = None
    licence: str | None = None
    attribution: str | None = None
    pictures: tuple[Picture, ...] = ()
    sheets: tuple[Sheet, ...] = ()

    def clears(self, variant: VariantRecord) -> bool:
        """Return whether a record of a variant is of a target that it must be cleared on.

        If this machine is not among the targets, only the file was judged here.
        """
        if not self.targets:
            return True
        return any(target.name == variant.target and target.clears for target in self.targets)


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """Number of cases by verdict, and whether the run passes.

    Attributes:
        passed: Number of cases with the verdict PASS.
        failed: Number of cases with the verdict FAIL.
        inconclusive: Number of cases with the verdict INCONCLUSIVE.
        missing: Number of cases with the verdict MISSING.
        passes: Whether the run is complete and nothing fails: no FAIL, no undeclared MISSING,
            nothing worse than accepted, no declared case without a verdict, no bad input, no
            interruption, and INCONCLUSIVE only if the spec lets it pass.
        may_ship: Whether the run passes, has at least one variant and every variant is cleared on
            every target that measures predictions.
            ``edgeq.record.ship_decision.answered`` decides this at the end of a run, together with
            ``passes`` and the variants' answers; until then both are False.
        not_run: Ids of declared cases without a verdict (deselected or cut off).
        lost: Ids from ``not_run`` that the user did not choose to leave out. If nothing was left
            out on purpose, all of them.
        complete: Whether every declared case has a verdict and every verdict was declared.
    """

    passed: int
    failed: int
    inconclusive: int
    missing: int
    passes: bool
    may_ship: bool = False
    complete: bool = True
    not_run: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The record of one run.

    Attributes:
        edgeq: Version of edgeq.
        started: Start of the run, ISO 8601 in UTC.
        duration_s: Wall time of the run in seconds.
        spec_sha256: Hash of the canonical spec.
        inconclusive: What INCONCLUSIVE leads to according to the spec: ``"warn"`` or ``"fail"``.
        partial: Whether only part of the gate was selected (``-m``, ``-k``, single tests) and cases
            are open. What was left out is then not a failure, but leaves a variant unproven.
        interrupted: Whether Ctrl-C cut the run off; an interrupted run does not pass.
        commands: Commands that repeat the run.
        data: What these commands need from the folder that ``$EDGEQ_DATA`` names, in words.
        errors: Bad input, one sentence each; a run with errors does not pass.
        machine: The machine's processor, cores, memory and operating system.
        toolchain: Versions of the libraries, and the kernels and threads.
        models: The models with their baselines and variants.
        cases: The verdicts, in the order of the inventory.
        changes: How each case compares with the accepted record of its model.
        commit: The commit that was checked out; None outside a repository.
        previous: What changed since the previous run; None if there is none.
        challenge: The latest result of ``edgeq challenge``; None if there is none. It may be of
            another spec: compare ``spec_sha256``.
        repair: The latest result of ``edgeq repair``; None if there is none. It may be of another
            spec, too.
        summary: Number of cases by verdict, and whether the run passes.
    """

    schema: str = SCHEMA
    edgeq: str
    started: str
    duration_s: float
    spec_sha256: str
    inconclusive: str = "warn"
    partial: bool = False
    interrupted: bool = False
    commands: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    machine: Machine = Machine()
    toolchain: Toolchain = Toolchain()
    models: tuple[ModelRecord, ...] = ()
    cases: tuple[CaseRecord, ...] = ()
    changes: tuple[Change, ...] = ()
    challenge: Challenge | None = None
    repair: Repair | None = None
    commit: str | None = None
    previous: Previous | None = None
    summary: Summary

    def verdicts(self, model: str, variant: str) -> tuple[CaseRecord, ...]:
        """Return the cases of one variant, in order."""
        return tuple(c for c in self.cases if (c.model, c.variant) == (model, variant))

    @property
    def lost(self) -> tuple[str, ...]:
        """Ids of declared cases without a verdict that the user did not choose to leave out."""
        if self.interrupted:
            return ()
        return self.summary.lost if self.partial else self.summary.not_run

    def stops(self, case: CaseRecord) -> bool:
        """Return whether a case by itself keeps the run from passing."""
        undeclared = case.status is Verdict.MISSING and not case.declared_missing
        open_ = case.status is Verdict.INCONCLUSIVE and self.inconclusive == "fail"
        return case.status is Verdict.FAIL or undeclared or open_


def summarize(
    cases: tuple[CaseRecord, ...],
    declared: tuple[str, ...],
    *,
    left_out: Container[str] = (),
) -> Summary:
    """Count verdicts and compare the cases with the inventory, both ways.

    Whether the run passes is decided later, by ``edgeq.record.ship_decision.answered``.
    """
    count = {verdict: sum(case.status is verdict for case in cases) for verdict in Verdict}
    judged = {case.id for case in cases}
    not_run = tuple(case_id for case_id in declared if case_id not in judged)
    complete = not not_run and judged <= set(declared) and len(judged) == len(cases)
    return Summary(
        passed=count[Verdict.PASS],
        failed=count[Verdict.FAIL],
        inconclusive=count[Verdict.INCONCLUSIVE],
        missing=count[Verdict.MISSING],
        passes=False,
        complete=complete,
        not_run=not_run,
        lost=tuple(case_id for case_id in not_run if case_id not in left_out),
    )


def written(section: msgspec.Struct | None) -> dict[str, Any]:
    """Return a section of a record as its JSON object, ``{}`` for None.

    If several processes may each have measured part of a section, its keys are sorted, so that the
    order in which the parts arrived does not show.
    """
    table: dict[str, Any] = {} if section is None else msgspec.to_builtins(section)
    joined = isinstance(section, InParts) and not _ALONE.isdisjoint(table)
    return dict(sorted(table.items())) if joined else table


def to_json(record: RunRecord) -> bytes:
    """Return the record as indented JSON.

    Raises:
        RecordError: A number is NaN or infinite.
    """
    builtins = msgspec.to_builtins(record)
    for model, plain in zip(record.models, builtins["models"], strict=True):
        variants = (plain["baseline"], *plain["variants"])
        for variant, table in zip((model.baseline, *model.variants), variants, strict=True):
            table |= {name: written(getattr(variant, name)) for name in SECTIONS}
        plain |= {name: written(getattr(model, name)) for name in MODEL_SECTIONS}
    for path in not_finite(builtins):
        raise RecordError("the record holds a number that is not finite", where=path)
    return indented(builtins)


def from_json(data: bytes, *, where: str | Path | None = None) -> RunRecord:
    """Read a record of this or an older schema.

    Raises:
        RecordError: The bytes are not a record, or its schema is newer.
    """
    return _READER.read(data, where)


def read(path: Path) -> RunRecord:
    """Read a record's file.

    Raises:
        RecordError: The file is missing or is not a record.
    """
    data = content_of(path, remedy="Run `edgeq gate` first, or name another record")
    record = from_json(data, where=path)
    for model in record.models:
        for variant in model.variants:
            declare_recorded((measure.name, measure.better) for measure in variant.measures)
    return record


def write(record: RunRecord, path: Path) -> None:
    """Write a record's file atomically.

    Raises:
        RecordError: A number is not finite.
        StoreError: The folder can't be written.
    """
    write_bytes(path, to_json(record))


def _from_run_1(plain: dict[str, Any]) -> dict[str, Any]:
    """Return a record of schema ``edgeq.run/1`` as the fields of this struct."""
    summary = dict(plain["summary"])
    passes = summary.pop("may_ship")
    return _from_run_2({**plain, "summary": {**summary, "passes": passes}})


def _from_run_2(plain: dict[str, Any]) -> dict[str, Any]:
    """Return a record of schema ``edgeq.run/2`` as the fields of this struct: None for ``{}``."""
    return {**plain, "models": [_model(model) for model in plain.get("models", ())]}


def _model(plain: dict[str, Any]) -> dict[str, Any]:
    baseline, variants = plain["baseline"], plain.get("variants", ())
    known = _prepared({**plain, **_absent(plain, MODEL_SECTIONS)})
    return {**known, "baseline": _variant(baseline), "variants": [_variant(v) for v in variants]}


def _variant(plain: dict[str, Any]) -> dict[str, Any]:
    known = {**plain, **_absent(plain, SECTIONS)}
    manifest = known.get("manifest")
    if manifest is not None:
        manifest = _prepared(manifest)
        if manifest.get("calibration") is not None:
            manifest["calibration"] = _prepared(manifest["calibration"])
        known["manifest"] = manifest
        if known.get("preprocessing") is None:  # older records have it in the manifest alone
            known["preprocessing"] = manifest.get("preprocessing")
    return _prepared(known)


def _absent(plain: dict[str, Any], names: tuple[str, ...]) -> dict[str, None]:
    return dict.fromkeys(name for name in names if plain.get(name) == {})


def _prepared(plain: dict[str, Any]) -> dict[str, Any]:
    """Return a table with a complete preprocessing: a step that older records lack was not done.

    Raises:
        ValidationError: The preprocessing lacks a field that every version has written.
    """
    preprocessing = plain.get("preprocessing")
    if preprocessing is None:
        return {**plain}
    whole = {"jpeg_scaling": 0.0, **preprocessing}
    lacking = [name for name in Preprocessing.__struct_encode_fields__ if name not in whole]
    if lacking:
        raise msgspec.ValidationError(f"a preprocessing lacks {', '.join(lacking)}")
    return {**plain, "preprocessing": whole}


_READER = Reader(
    RunRecord,
    SCHEMA,
    "edgeq record",
    other="Name a run.json of a report",
    newer="Upgrade edgeq, or run the gate again with this version",
    damaged="Run the gate again",
    converted={"edgeq.run/1": _from_run_1, SCHEMA: _from_run_2},
)
