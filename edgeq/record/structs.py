"""The one result model: what a run found, as JSON both ways.

Schema ``edgeq.run/2``. Times are in seconds, sizes in bytes, numbers are plain JSON numbers.

``edgeq.run/1`` is still read. Its ``summary.may_ship`` said what ``summary.passes`` says now, and
its variants had no ``answer``: ``edgeq.record.ship_decision.answered`` adds what is missing.
"""

from __future__ import annotations

from collections.abc import Container
from pathlib import Path
from typing import Any

import msgspec

from edgeq.config.structs import Preprocessing
from edgeq.errors import RecordError
from edgeq.io.files import write_bytes
from edgeq.io.json_numbers import not_finite
from edgeq.io.structs import Json
from edgeq.io.versions import Reader, content_of
from edgeq.judge.verdict import ShipDecision, Verdict
from edgeq.measure.size import Size
from edgeq.measure.tensors import Fit
from edgeq.quantize.manifest import Manifest
from edgeq.record.challenge import Challenge
from edgeq.record.change import Change, Previous
from edgeq.record.evidence import Evidence, evidence_of
from edgeq.record.feeding import Feeding
from edgeq.record.measured import (
    InParts,
    RecordedAccuracy,
    RecordedAgreement,
    RecordedControl,
    RecordedLatency,
    RecordedMemory,
    RecordedNetwork,
    RecordedOperators,
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
    "latency",
    "memory",
    "network",
    "control",
)
"""Fields of a variant that are ``{}`` in JSON if they are None."""

MODEL_SECTIONS = ("preprocessing", "labels")
"""The same of a model."""

_ALONE = frozenset({"total", "grown"})
"""Keys of what was measured last, by a process of its own."""

OWN_TEST = "::"
"""Stands in the gate of a case that is a test of the user's own: ``test_own::test_mine``."""


def is_own_test(gate: str) -> bool:
    """Return whether a case with that gate is a test of the user's own."""
    return OWN_TEST in gate


class CaseRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One gate on one variant.

    Attributes:
        id: ``model/variant/gate``.
        model: The model's name in the spec.
        method: Deprecated: the variant's name under its old key. Read ``variant``; this one goes
            with the next minor release.
        variant: The variant's name.
        gate: A gate's name, or that of a test of the user's own: ``FILE::TEST``.
        status: A verdict.
        unit: Unit of ``value``, ``limit`` and ``interval``; ``""`` for proofs.
        value: The measured number in ``unit``; None for proofs and MISSING.
        limit: The limit in ``unit``; None for proofs. Whether it is the least or the most that is
            allowed is the gate's: a value that keeps it passes.
        interval: Confidence interval of the value.
        reason: One sentence.
        next_step: What to do about it.
        declared_missing: Whether the spec allows this MISSING.
        evidence: Facts that the reason rests on; a gate chooses its own. ``known`` is what edgeq
            reads of them.
        as_of: Start of the earlier run that judged it, ISO 8601 in UTC; None if this one did.
        cause: What probably made it fail, said as probable; its facts are ``evidence["cause"]``.
            None where nothing was found.
    """

    id: str
    model: str
    method: str = ""
    variant: str = ""
    gate: str
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
        """Give the variant's name under both keys: older versions wrote, and read, only one."""
        name = self.variant or self.method
        msgspec.structs.force_setattr(self, "variant", name)
        msgspec.structs.force_setattr(self, "method", name)

    @property
    def known(self) -> Evidence:
        """What edgeq itself reads of the evidence."""
        return evidence_of(self.evidence)


class VariantRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One variant, or the baseline (``method`` ``"baseline"``).

    Attributes:
        name: The variant's name, ``"baseline"`` for the baseline.
        method: Name of the method, ``"float"`` for the baseline, ``"ready-made"`` where a
            ready-made variant claims none.
        engine: Library that made it, ``"ready-made"`` for a ready-made one, ``""`` for the
            baseline.
        sha256: Of the file; ``""`` where it could not be made.
        bytes: Size of the file in bytes; smaller is better.
        file: Path of the file below the store or as given, relative to the spec's root where
            it lies below it.
        error: Why it could not be made or run, None when it could.
        answer: The answer about it, decided at the end of a run; None for the baseline, and in a
            record of an older schema.
        right: The evaluation images that it has right, in their order: base64 of one bit each,
            the first in the highest bit of the first byte. ``""`` without labels, and of a
            baseline none of whose variants was compared with them.
        agrees: The same of the images on which it gives its baseline's class; ``""`` of a baseline.
        fingerprint: Hash of all that its verdicts rest on: tools, files, images, labels; ``""`` if
            something can't be read. Partial runs of one spec are joined by it.
        manifest: What it was made from; None for the baseline, and if it could not be made.
        preprocessing: Its own; None if it is the model's.
        feeding: How it is fed compared with the baseline; None if nothing differs, or no case that
            rests on it was judged.
        size, operators, agreement, accuracy, latency, memory: What was measured; None, which is
            ``{}`` in JSON, if nothing was.
        network: The error along the network, layer by layer; None if it was not measured.
        outputs: How each output that is judged as a tensor fits the baseline's.
        control: What the variant is compared with beside its baseline, why there is nothing, and
            the figures of both; None if no default limit asked.
    """

    name: str
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
    latency: RecordedLatency | None = None
    memory: RecordedMemory | None = None
    network: RecordedNetwork | None = None
    outputs: tuple[Fit, ...] = ()
    control: RecordedControl | None = None


class ModelRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One model with its baseline and variants.

    Attributes:
        name: Name in the spec.
        source: Source in the spec.
        trained: Whether the weights are trained ones.
        notes: What a reader must know, for example about random weights.
        task: What its outputs are judged as, ``""`` if that was not found out.
        task_evidence: Why.
        classes: Number of classes, 0 if it has none.
        output: Place of the class scores among the outputs; 0 if there are none.
        tensors: Number of outputs that are judged as tensors.
        images: Counts, hashes and sources of the calibration and evaluation sets.
        image_keys: A key of each evaluation image and its label, in their order: base64 of the
            first 6 bytes of a hash of each.
        preprocessing: How photographs become its input; None if it was not found out.
        labels: Its label set, None without one.
        licence, attribution: For the deployment package.
        pictures: Of the photographs that a report shows.
        sheets: Of its image sets.
    """

    name: str
    source: str
    trained: bool
    baseline: VariantRecord
    variants: tuple[VariantRecord, ...] = ()
    notes: tuple[str, ...] = ()
    task: str = ""
    task_evidence: str = ""
    classes: int = 0
    output: int = 0
    tensors: int = 0
    images: RecordedImages = RecordedImages()
    image_keys: str = ""
    preprocessing: Preprocessing | None = None
    labels: RecordedLabels | None = None
    licence: str | None = None
    attribution: str | None = None
    pictures: tuple[Picture, ...] = ()
    sheets: tuple[Sheet, ...] = ()


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """Counts by verdict, and what they come to.

    Attributes:
        passed: Number of cases with the verdict PASS.
        failed: Number of cases with the verdict FAIL.
        inconclusive: Number of cases with the verdict INCONCLUSIVE.
        missing: Number of cases with the verdict MISSING.
        passes: Whether the run is complete and nothing fails: no FAIL, no undeclared MISSING,
            nothing worse than accepted, no declared case without a verdict, no bad input, not
            interrupted, INCONCLUSIVE only if the spec lets it pass.
        may_ship: Whether there is a variant and every variant is cleared in a run that passes.
            Decided with ``passes`` and the variants' answers at the end of a run, by
            ``edgeq.record.ship_decision.answered``; both are False until then.
        not_run: Ids of declared cases without a verdict (deselected, or cut off).
        lost: Those of them that nobody chose to leave out in a run of which another part was left
            out on purpose; without such a part all of ``not_run`` are.
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
    """What one run found.

    Attributes:
        edgeq: Version of edgeq.
        started: ISO 8601 time in UTC.
        duration_s: Wall time of the run in seconds.
        spec_sha256: Of the canonical spec.
        inconclusive: ``"warn"`` or ``"fail"``, as in the spec.
        partial: Whether a part of the gate was asked for (``-m``, ``-k``, single tests) and
            something is open: what was left out is then not a failure, and leaves a variant
            unproven.
        interrupted: Whether the run was cut off by Ctrl-C; it does not pass then.
        commands: Commands that repeat the run.
        data: What they take from the folder that ``$EDGEQ_DATA`` names, in words.
        errors: Bad input that was found on the way, one sentence each; a run with errors does
            not pass.
        machine: CPU, cores, memory, system.
        toolchain: Versions of the libraries, kernels, threads.
        changes: What became of each case since the accepted record of its model.
        commit: The commit that was checked out, None outside of a repository.
        previous: What changed since the run before, None where none is known.
        challenge: The last answer of ``edgeq challenge``, None where there is none. It need not
            be of this spec: compare ``spec_sha256``.
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
        """Ids of declared cases that have no verdict though nobody chose to leave them out."""
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
    """Count verdicts and compare the cases with the inventory, both ways. Nothing is decided yet.

    Args:
        repair: The last answer of ``edgeq repair``, None if there is none.
        cases: The verdicts of a run.
        declared: Ids of all cases that the spec declares.
        left_out: Ids of cases that were left out on purpose.
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

    Keys of what several processes may have measured a part of are sorted: whose part came first
    must not show.
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
    return msgspec.json.format(msgspec.json.encode(builtins), indent=1) + b"\n"


def from_json(data: bytes, *, where: str | Path | None = None) -> RunRecord:
    """Read a record of this or an older schema.

    Raises:
        RecordError: The bytes are not a record, or of a newer schema.
    """
    return _READER.read(data, where)


def read(path: Path) -> RunRecord:
    """Read a record's file.

    Raises:
        RecordError: It is missing or no record.
    """
    data = content_of(path, remedy="Run `edgeq gate` first, or name another record")
    return from_json(data, where=path)


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
    """Return a record as the fields of this struct: ``{}`` stands for None there."""
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
    """Return a table whose preprocessing is whole: what older records do not name was not done.

    Raises:
        ValidationError: It lacks what every version has written.
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
